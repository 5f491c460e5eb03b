"""Splits by share: whole documents, seeds, sizes, never an empty part, and training on a part."""

from __future__ import annotations

from collections import Counter

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hiernlp.corpora import Split
from hiernlp.corpora._split import cut, thin
from hiernlp.errors import DataError

names = st.lists(st.sampled_from([None, *"abcdefgh"]), min_size=1, max_size=40)
shares = st.sampled_from([(0.1, 0.0), (0.0, 0.2), (0.3, 0.3), (0.01, 0.98)])


def corpus(documents):
    return Dataset.from_dict({"row": list(range(len(documents))), "document": documents})


def rows(splits):
    return {name: part["row"][:] for name, part in splits.items()}


@given(names, shares, st.integers(0, 5))
def test_a_cut_is_a_partition_of_whole_documents(documents, share, seed):
    split = Split(dev=share[0], test=share[1], seed=seed)
    parts = 1 + sum(s > 0 for s in share)
    units = len(set(documents) - {None}) + documents.count(None)
    if units < parts:
        with pytest.raises(DataError, match=f"expected at least {parts} documents .* found {units}"):
            cut(corpus(documents), split)
        return
    found = rows(cut(corpus(documents), split))
    assert sorted(i for part in found.values() for i in part) == list(range(len(documents)))
    assert all(part == sorted(part) and part for part in found.values())
    assert set(found) == {"train", *(name for name, s in zip(("dev", "test"), share, strict=True) if s)}
    owners = Counter(d for part in found.values() for d in {documents[i] for i in part} - {None})
    assert all(count == 1 for count in owners.values())


@given(names.filter(lambda d: len(set(d) - {None}) > 1), st.randoms())
def test_documents_are_chosen_whatever_their_order(documents, random):
    documents = [name for name in documents if name is not None]
    shuffled = random.sample(documents, len(documents))
    split = Split(dev=0.3)
    first = {documents[i] for i in rows(cut(corpus(documents), split))["dev"]}
    assert {shuffled[i] for i in rows(cut(corpus(shuffled), split))["dev"]} == first


@pytest.mark.parametrize("by", ["sentence", "auto"])
def test_shares_are_met_and_seeds_matter(by):
    data = corpus([None] * 1000)
    found = {seed: rows(cut(data, Split(dev=0.1, test=0.2, seed=seed, by=by))) for seed in (1, 1, 2)}
    assert {name: len(part) for name, part in found[1].items()} == {"train": 700, "dev": 100, "test": 200}
    assert found[1] != found[2]
    assert found[1] == rows(cut(data, Split(dev=0.1, test=0.2, by=by)))


def test_documents_of_even_size_meet_the_share():
    found = rows(cut(corpus([str(i // 10) for i in range(1000)]), Split(dev=0.1)))
    assert len(found["dev"]) == 100


def test_by_sentence_cuts_documents_and_by_document_needs_them():
    assert len(rows(cut(corpus(["a"] * 10), Split(dev=0.2, by="sentence")))["dev"]) == 2
    with pytest.raises(DataError, match="no document is marked"):
        cut(corpus([None] * 10), Split(dev=0.2, by="document"))
    with pytest.raises(DataError, match="by: sentence"):
        cut(corpus(["a"] * 10), Split(dev=0.2))


def test_no_share_leaves_all_to_training():
    assert rows(cut(corpus(["a"]), Split())) == {"train": [0]}


@pytest.mark.parametrize("options", [{"dev": 1.0}, {"dev": -0.1}, {"dev": 0.5, "test": 0.5}, {"by": "word"}])
def test_impossible_shares_are_refused(options):
    with pytest.raises(ValidationError):
        Split(**options)


@given(st.integers(1, 60), shares)
def test_a_cut_from_the_end_keeps_the_order(size, share):
    split = Split(dev=share[0], test=share[1], by="end")
    wanted = [name for name, value in (("dev", share[0]), ("test", share[1])) if value]
    if size - sum(max(1, round(value * size)) for value in share if value) < 1:
        with pytest.raises(DataError, match="to cut from the end"):
            cut(corpus([None] * size), split)
        return
    found = rows(cut(corpus([None] * size), split))
    assert [i for name in ["train", *wanted] for i in found[name]] == list(range(size))
    assert len(found[wanted[0]]) == max(1, round(dict(zip(("dev", "test"), share, strict=True))[wanted[0]] * size))


@given(st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 5))
def test_a_smaller_share_to_train_on_is_part_of_a_larger_one(size, one, other, seed):
    data = corpus([None] * size)
    fewer, more = (thin(data, Split(train=share, seed=seed))["row"][:] for share in sorted((one, other)))
    assert set(fewer) <= set(more)
    assert fewer == sorted(fewer)
    assert len(fewer) == max(1, round(min(one, other) * size))
    assert thin(data, Split())["row"][:] == list(range(size))


def test_the_share_to_train_on_is_drawn_by_the_seed():
    data = corpus([None] * 1000)
    one, again, other = (set(thin(data, Split(train=0.5, seed=seed))["row"][:]) for seed in (1, 1, 2))
    assert one == again
    assert 150 < len(one & other) < 350
