"""Collation: words are found again in padded windows, at their first or at all their subwords."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.collate import WordBatch, collate
from hiernlp.encoding.subwords import Subwords


class FakeEncoder:
    prefix, suffix, padding = [1], [2, 2], 0

    def __init__(self, size: int) -> None:
        self.size = size


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Subwords], int]:
    size = draw(st.integers(8, 24))
    lengths = st.lists(st.integers(1, size // 4), min_size=1, max_size=30)
    made = []
    next_id = 10  # every subword of the batch has an id of its own
    for words in draw(st.lists(lengths, min_size=1, max_size=4)):
        made.append(Subwords(list(range(next_id, next_id + sum(words))), words))
        next_id += sum(words)
    return made, size


@given(batches(), st.randoms())
def test_every_subword_of_a_word_has_its_letter_case_in_every_window(
    made: tuple[list[Subwords], int], random: Random
) -> None:
    plain, size = made
    cases = [[random.randint(1, 6) for _ in s.lengths] for s in plain]
    batch = lay_out([replace(s, cases=c) for s, c in zip(plain, cases, strict=True)], size)
    words = batch.word_mask.shape[1]
    of_word = {b * words + n: case for b, found in enumerate(cases) for n, case in enumerate(found)}
    assert batch.cases is not None
    assert batch.cases.flatten().tolist() == [of_word.get(word, 0) for word in batch.subword_word.flatten().tolist()]
    assert lay_out(plain, size).cases is None


def bounds(sentence: Subwords) -> list[tuple[int, int]]:
    ends = [0]
    for length in sentence.lengths:
        ends.append(ends[-1] + length)
    return list(pairwise(ends))


def lay_out(sentences: list[Subwords], size: int, **options: Any) -> WordBatch:
    return collate(sentences, FakeEncoder(size), **options)  # type: ignore[arg-type]


@given(batches(), st.booleans(), st.sampled_from([1, 8]))
def test_words_are_found_again(made: tuple[list[Subwords], int], mean: bool, multiple: int) -> None:
    sentences, size = made
    batch = lay_out(sentences, size, mean=mean, pad_to_multiple=multiple)
    assert batch.lengths == [len(s.lengths) for s in sentences]
    assert batch.input_ids.shape[1] % multiple == 0
    assert batch.subwords == batch.input_ids.numel()
    # States that say which subword they stand for: pooled, they are the first id of each word, or the mean of its ids.
    pooled = batch.pool(batch.input_ids.unsqueeze(-1).double())
    for b, sentence in enumerate(sentences):
        for n, (first, last) in enumerate(bounds(sentence)):
            ids = sentence.ids[first:last]
            assert pooled[b, n, 0] == pytest.approx(sum(ids) / len(ids) if mean else ids[0])
    assert batch.word_mask.tolist() == [
        [n < length for n in range(batch.word_mask.shape[1])] for length in batch.lengths
    ]


@given(batches(), st.booleans())
def test_what_is_spread_comes_to_all_subwords_of_a_word_in_all_windows(
    made: tuple[list[Subwords], int], mean: bool
) -> None:
    sentences, size = made
    batch = lay_out(sentences, size, mean=mean)
    shape = batch.word_mask.shape
    numbers = torch.arange(1.0, shape.numel() + 1).view(*shape, 1)
    spread = batch.spread(numbers).squeeze(-1)
    of_id = {
        i: numbers[b, n, 0].item()
        for b, sentence in enumerate(sentences)
        for n, (first, last) in enumerate(bounds(sentence))
        for i in sentence.ids[first:last]
    }
    for i, value in zip(batch.input_ids.flatten().tolist(), spread.flatten().tolist(), strict=True):
        assert value == of_id.get(i, 0.0)


@given(batches())
def test_windows_are_marked_and_masked(made: tuple[list[Subwords], int]) -> None:
    sentences, size = made
    batch = lay_out(sentences, size)
    assert batch.input_ids.shape[1] <= size + 3
    used = batch.input_ids != 0
    if batch.attention_mask is None:
        assert used.all()
    else:
        assert torch.equal(batch.attention_mask, used)
        assert not used.all()
    for row in batch.input_ids.tolist():
        kept = [i for i in row if i]
        assert kept[0] == 1
        assert kept[-2:] == [2, 2]
        assert row[len(kept) :] == [0] * (len(row) - len(kept))


@given(batches())
def test_a_sentence_is_laid_out_alike_alone_and_in_company(made: tuple[list[Subwords], int]) -> None:
    sentences, size = made
    together = lay_out(sentences, size)
    pooled = together.pool(together.input_ids.unsqueeze(-1).float())
    for b, sentence in enumerate(sentences):
        alone = lay_out([sentence], size)
        assert torch.equal(alone.pool(alone.input_ids.unsqueeze(-1).float())[0], pooled[b, : len(sentence.lengths)])


def test_pooling_passes_gradients_back() -> None:
    batch = lay_out([Subwords([10, 11, 12], [2, 1]), Subwords([13], [1])], 10, mean=True)
    states = torch.randn(*batch.input_ids.shape, 3, requires_grad=True)
    batch.pool(states)[batch.word_mask].sum().backward()
    assert states.grad is not None
    assert states.grad[0, :, 0].tolist() == [0.0, 0.5, 0.5, 1.0, 0.0, 0.0]
    assert states.grad[1, :, 0].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_moving_keeps_everything() -> None:
    batch = lay_out([Subwords([10, 11], [1, 1]), Subwords([12], [1])], 10, mean=True)
    moved = batch.to("cpu", non_blocking=True)
    for name, value in vars(batch).items():
        found = getattr(moved, name)
        assert torch.equal(found, value) if isinstance(value, torch.Tensor) else found == value
