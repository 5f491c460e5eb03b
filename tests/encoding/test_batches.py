"""Batches: a partition within the budget, the same for the same seed and epoch."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.batches import PADDING, plan_batches

lengths = st.lists(st.integers(1, 60), max_size=200)


@given(lengths, st.integers(8, 100), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 5))
def test_a_partition_within_the_budget(sizes: list[int], budget: int, seed: int | None, epoch: int) -> None:
    batches = plan_batches(sizes, budget=budget, seed=seed, epoch=epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    for batch in batches:
        assert batch
        assert len(batch) * max(sizes[i] for i in batch) <= budget or len(batch) == 1
    assert batches == plan_batches(sizes, budget=budget, seed=seed, epoch=epoch)


@given(lengths, st.integers(8, 100))
def test_without_seed_longest_first(sizes: list[int], budget: int) -> None:
    order = [sizes[i] for batch in plan_batches(sizes, budget=budget) for i in batch]
    assert order == sorted(sizes, reverse=True)


@given(lengths, st.integers(8, 2000))
def test_in_analysis_padding_stays_small_and_batches_as_large_as_it_lets_them(sizes: list[int], budget: int) -> None:
    def padding(batch: list[int]) -> int:
        return sum(max(sizes[i] for i in batch) - sizes[i] for i in batch)

    batches = plan_batches(sizes, budget=budget)
    assert all(padding(batch) <= PADDING * budget for batch in batches)
    for batch, after in pairwise(batches):
        more = [*batch, after[0]]
        assert padding(more) > PADDING * budget or len(more) * sizes[batch[0]] > budget


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=60), st.integers(8, 60))
def test_of_one_length_those_with_most_words_first(both: list[tuple[int, int]], budget: int) -> None:
    sizes, words = [max(pair) for pair in both], [min(pair) for pair in both]
    batches = plan_batches(sizes, budget=budget, words=words)
    order = [(sizes[i], words[i]) for batch in batches for i in batch]
    assert order == sorted(order, reverse=True)
    # They decide about the order alone: batches are as large as without them.
    assert [len(batch) for batch in batches] == [len(batch) for batch in plan_batches(sizes, budget=budget)]


def test_each_epoch_and_seed_is_another() -> None:
    sizes = [3 + i % 17 for i in range(300)]
    plans = [plan_batches(sizes, budget=100, seed=seed, epoch=epoch) for seed in (1, 2) for epoch in range(4)]
    assert all(a != b for n, a in enumerate(plans) for b in plans[:n])
    # Not only the batches' order but their company changes.
    assert {frozenset(b) for b in plans[0]} != {frozenset(b) for b in plans[1]}


def test_like_lengths_together_and_little_padding() -> None:
    sizes = [3 + (i * 7919) % 40 for i in range(3000)]
    batches = plan_batches(sizes, budget=512, seed=1)
    padded = sum(len(b) * max(sizes[i] for i in b) for b in batches)
    assert padded < 1.1 * sum(sizes)
    # Long and short batches come mixed, not in the order of their lengths.
    firsts = [max(sizes[i] for i in b) for b in batches]
    assert firsts != sorted(firsts)
    assert firsts != sorted(firsts, reverse=True)


def test_nothing() -> None:
    assert plan_batches([], budget=10) == []
    assert plan_batches([], budget=10, seed=1) == []
