"""Pairs of sentences: each sentence once, or both in the row that the tokenizer itself would make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.joined import distinct
from hiernlp.encoding.pairs import collate_joined, collate_pairs
from hiernlp.encoding.subwords import JointLayout, SubwordEncoder, Subwords


class FakeEncoder:
    prefix, suffix, padding = [1], [2], 0

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, limit - 2
        self.joint = JointLayout([1], [2, 3], [2], ([0], 0, [0, 0], 1, [1]))


sentence = st.lists(st.integers(1, 3), min_size=1, max_size=6).flatmap(
    lambda lengths: st.lists(st.integers(10, 14), min_size=sum(lengths), max_size=sum(lengths)).map(
        lambda ids: Subwords(ids, lengths)
    )
)
pairs_of = st.lists(st.tuples(sentence, sentence), min_size=1, max_size=5)


@given(pairs_of)
def test_each_sentence_is_laid_out_once(pairs: list[tuple[Subwords, Subwords]]) -> None:
    sentences, places = distinct(pairs)
    assert [(sentences[a], sentences[b]) for a, b in places] == pairs
    assert all(s not in sentences[:i] for i, s in enumerate(sentences))


@given(pairs_of, st.booleans(), st.sampled_from([1, 8]))
def test_joined_words_are_found_again(pairs: list[tuple[Subwords, Subwords]], mean: bool, multiple: int) -> None:
    batch = collate_joined(pairs, FakeEncoder(64), mean=mean, pad_to_multiple=multiple)  # type: ignore[arg-type]
    assert batch.input_ids.shape[1] % multiple == 0
    pooled = batch.pool(batch.input_ids.unsqueeze(-1).double()).squeeze(-1)
    for row, (first, second) in enumerate(pairs):
        ids, lengths = first.ids + second.ids, first.lengths + second.lengths
        assert batch.lengths[row] == len(lengths)
        at = 0
        for word, length in enumerate(lengths):
            own = ids[at : at + length]
            assert pooled[row, word] == pytest.approx(sum(own) / length if mean else own[0])
            at += length
        # What is given to a word reaches its subwords and no special one.
        assert (batch.subword_word[row] < batch.word_mask.numel()).sum() == len(ids)
        assert batch.token_types is not None
        assert batch.token_types[row].sum() == len(second.ids) + 1


def test_a_pair_too_long_loses_the_end_of_its_longer_sentence() -> None:
    pair = (Subwords(list(range(10, 20)), [2] * 5), Subwords([30, 31, 32], [1, 1, 1]))
    batch = collate_joined([pair], FakeEncoder(12))  # type: ignore[arg-type]
    assert batch.input_ids.tolist() == [[1, 10, 11, 12, 13, 2, 3, 30, 31, 32, 2]]
    assert batch.lengths == [5]


def test_sentences_that_differ_by_letter_case_are_two_where_it_is_read() -> None:
    lower, upper = Subwords([10, 11, 12], [2, 1], [2, 2]), Subwords([10, 11, 12], [2, 1], [4, 2])
    assert distinct([(lower, upper), (upper, lower)]) == ([lower, upper], [(0, 1), (1, 0)])
    batch = collate_joined([(lower, upper)], FakeEncoder(9))  # type: ignore[arg-type]
    assert batch.input_ids.tolist() == [[1, 10, 11, 2, 3, 10, 11, 12, 2]]
    assert batch.cases is not None
    assert batch.cases.tolist() == [[0, 2, 2, 0, 0, 4, 4, 2, 0]]


def test_either_layout_may_be_left_out() -> None:
    pair = (Subwords([10], [1]), Subwords([11], [1]))
    made = collate_pairs([pair, pair], FakeEncoder(12), apart=True, joined=False)  # type: ignore[arg-type]
    assert made.joined is None
    assert made.apart is not None
    assert made.subwords == made.apart.input_ids.numel() == 6
    assert made.places.tolist() == [[0, 1], [0, 1]]
    assert made.lengths == [2, 2]


@pytest.mark.parametrize("types", [True, False])
def test_rows_are_those_of_the_tokenizer(tiny_encoder: Path, types: bool) -> None:
    from transformers import AutoTokenizer

    names = ["input_ids", "token_type_ids", "attention_mask"] if types else ["input_ids", "attention_mask"]
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_encoder, model_input_names=names)
    encoder = SubwordEncoder(tokenizer, limit=64)
    texts = [("the cat sees .", "a dog"), ("mary", "the old bird liked john ?")]
    subwords = [tuple(encoder.encode([a.split(), b.split()])) for a, b in texts]
    made = collate_joined(subwords, encoder)  # type: ignore[arg-type]
    whole = tokenizer([a for a, _ in texts], [b for _, b in texts], padding=True, return_tensors="pt")
    assert torch.equal(made.input_ids, whole["input_ids"])
    assert made.attention_mask is not None
    assert torch.equal(made.attention_mask, whole["attention_mask"].bool())
    if types:
        assert made.token_types is not None
        assert torch.equal(made.token_types, whole["token_type_ids"])
    else:
        assert made.token_types is None
