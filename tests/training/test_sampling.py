"""Sampling: the schemes' shares, and plans that are pure functions of seed and epoch."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from hiernlp.training.sampling import EpochPlanner, probabilities
from hiernlp.training.settings import SamplingSettings

SIZES = {"large": [7, 5, 9, 4] * 60, "middle": [6] * 50, "small": [5, 8] * 6}
amounts = st.lists(st.integers(1, 10**6), min_size=1, max_size=6)


def planner(
    *, processes: int = 1, accumulation: int = 1, epochs: int = 5, seed: int = 3, **settings: Any
) -> EpochPlanner:
    return EpochPlanner(
        SIZES,
        settings=SamplingSettings(**settings),
        budget=40,
        seed=seed,
        epochs=epochs,
        processes=processes,
        accumulation=accumulation,
    )


def shares(sizes: list[int], epoch: int = 0, epochs: int = 5, **settings: Any) -> np.ndarray:
    return probabilities(sizes, SamplingSettings(**settings), epoch=epoch, epochs=epochs)


@given(amounts)
def test_shares(sizes: list[int]) -> None:
    total = sum(sizes)
    proportional = shares(sizes, scheme="proportional")
    np.testing.assert_allclose(proportional, [n / total for n in sizes])
    np.testing.assert_allclose(shares(sizes, scheme="temperature", temperature=1.0), proportional)
    np.testing.assert_allclose(shares(sizes, scheme="temperature", temperature=1e9), 1 / len(sizes), rtol=1e-6)
    np.testing.assert_allclose(shares(sizes, scheme="uniform"), 1 / len(sizes))
    np.testing.assert_allclose(shares(sizes, scheme="sqrt"), shares(sizes, scheme="temperature", temperature=2.0))


@given(amounts, st.integers(2, 30))
def test_annealing_goes_from_proportional_to_nearly_uniform(sizes: list[int], epochs: int) -> None:
    found = [shares(sizes, e, epochs, scheme="annealed") for e in range(epochs)]
    np.testing.assert_allclose(found[0], shares(sizes, scheme="proportional"))
    np.testing.assert_allclose(found[-1], shares(sizes, scheme="temperature", temperature=1 / 0.2))
    entropies = [float(-(p * np.log(p)).sum()) for p in found]
    smallest = [float(p.min()) for p in found]
    assert all(a <= b + 1e-9 for a, b in pairwise(entropies))
    assert all(a <= b + 1e-9 for a, b in pairwise(smallest))


def test_annealing_of_one_epoch_is_proportional() -> None:
    np.testing.assert_allclose(shares([3, 1], 0, 1, scheme="annealed"), [0.75, 0.25])


def pieces(plan: list[list[list[Any]]]) -> list[Any]:
    return [piece for step in plan for round_ in step for piece in round_]


@pytest.mark.parametrize("scheme", ["uniform", "sqrt", "annealed", "temperature"])
def test_draws_follow_the_shares(scheme: str) -> None:
    # Fixed seeds: the test of the draws either always passes or never.
    plan = planner(scheme=scheme, batches_per_epoch=3000, epochs=3).plan(2)
    counts = Counter(piece.corpus for piece in pieces(plan))
    first = planner().plan(0)
    batches = Counter(piece.corpus for piece in pieces(first))
    expected = shares([batches[c] for c in SIZES], 2, 3, scheme=scheme) * 3000
    assert chisquare([counts[c] for c in SIZES], expected).pvalue > 0.01


@pytest.mark.parametrize("scheme", ["proportional", "sequential"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_every_sentence_once(scheme: str, epoch: int) -> None:
    found = pieces(planner(scheme=scheme).plan(epoch))
    for corpus, sizes in SIZES.items():
        seen = [i for piece in found if piece.corpus == corpus for i in piece.indices]
        assert sorted(seen) == list(range(len(sizes)))
    order = [piece.corpus for piece in found]
    assert (order == sorted(order, key=list(SIZES).index)) == (scheme == "sequential")


@pytest.mark.parametrize("scheme", ["proportional", "uniform", "sequential", "annealed"])
def test_processes_train_one_corpus_at_a_time(scheme: str) -> None:
    plan = planner(scheme=scheme, processes=3).plan(1)
    for step in plan:
        for round_ in step:
            assert len(round_) == 3
            assert len({piece.corpus for piece in round_}) == 1
    if scheme == "proportional":
        # The last round of a corpus may begin it anew, and no sentence is left out.
        found = pieces(plan)
        for corpus, sizes in SIZES.items():
            assert {i for piece in found if piece.corpus == corpus for i in piece.indices} == set(range(len(sizes)))


def test_accumulation_makes_steps_of_several_rounds() -> None:
    single, double = planner().plan(0), planner(accumulation=4).plan(0)
    assert pieces(single) == pieces(double)
    assert [len(step) for step in double[:-1]] == [4] * (len(double) - 1)
    assert 1 <= len(double[-1]) <= 4


@pytest.mark.parametrize("scheme", ["proportional", "uniform", "annealed", "sequential", "sqrt"])
def test_a_plan_is_a_pure_function_of_seed_and_epoch(scheme: str) -> None:
    one, other = planner(scheme=scheme), planner(scheme=scheme)
    later = other.plan(2)
    other.plan(0)
    assert one.plan(2) == later
    assert one.plan(2) != one.plan(1)
    assert one.plan(2) != planner(scheme=scheme, seed=4).plan(2)


def test_the_length_of_an_epoch() -> None:
    assert len(pieces(planner(scheme="uniform", batches_per_epoch=77).plan(0))) == 77
    assert len(pieces(planner(batches_per_epoch=7).plan(0))) == 7
    proportional = len(pieces(planner().plan(0)))
    assert len(pieces(planner(scheme="uniform").plan(0))) == proportional


def test_passes_beyond_the_first_shuffle_anew() -> None:
    found = [p.indices for p in pieces(planner(scheme="uniform", batches_per_epoch=200).plan(0)) if p.corpus == "small"]
    size = sum(p.corpus == "small" for p in pieces(planner().plan(0)))
    passes = [found[at : at + size] for at in range(0, len(found) - size + 1, size)]
    assert len(passes) > 2
    for one in passes:
        assert sorted(i for batch in one for i in batch) == list(range(len(SIZES["small"])))
    assert passes[0] != passes[1]


TASKS = {"large": ("tags", "trees"), "middle": ("trees",), "small": ("chunks",)}
ORDER = ("tags", "chunks", "trees")


def one_task(
    *, order: str, epochs: int = 5, processes: int = 1, accumulation: int = 1, **settings: Any
) -> EpochPlanner:
    return EpochPlanner(
        SIZES,
        settings=SamplingSettings(order=order, **settings),  # type: ignore[arg-type]
        budget=40,
        seed=3,
        epochs=epochs,
        processes=processes,
        accumulation=accumulation,
        tasks=TASKS,
        order=ORDER,
    )


@pytest.mark.parametrize("order", ["random", "sequential"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_one_task_a_batch_and_every_sentence_once_for_each_task(order: str, epoch: int) -> None:
    seen: Counter[tuple[str, str, int]] = Counter()
    for step in one_task(order=order).plan(epoch):
        ((piece,),) = step
        assert piece.tasks is not None
        (task,) = piece.tasks
        seen.update((piece.corpus, task, i) for i in piece.indices)
    expected = {
        (corpus, task, i) for corpus, tasks in TASKS.items() for task in tasks for i in range(len(SIZES[corpus]))
    }
    assert seen == Counter(expected)


def test_tasks_have_their_turns_bottom_up() -> None:
    steps = one_task(order="sequential", accumulation=4).plan(1)
    tasks = [[piece.tasks for round_ in step for piece in round_] for step in steps]
    assert all(len(set(found)) == 1 for found in tasks)
    turns = [found[0] for found in tasks]
    assert [a for a, b in pairwise([*turns, None]) if a != b] == [(task,) for task in ORDER]
    # A task that two corpora train has the batches of both mixed.
    trees = [step[0][0].corpus for step in steps if step[0][0].tasks == ("trees",)]
    assert len({a for a, b in pairwise(trees) if a != b}) == 2
    assert trees != sorted(trees)


def test_tasks_of_one_corpus_are_shuffled_apart() -> None:
    steps = one_task(order="sequential").plan(0)
    of_task = {
        task: [step[0][0].indices for step in steps if step[0][0].corpus == "large" and step[0][0].tasks == (task,)]
        for task in ("tags", "trees")
    }
    assert of_task["tags"] != of_task["trees"]


@pytest.mark.parametrize("processes", [1, 3])
def test_an_epoch_goes_through_a_corpus_as_often_as_it_says(processes: int) -> None:
    repeated = EpochPlanner(
        SIZES,
        settings=SamplingSettings(),
        budget=40,
        seed=3,
        epochs=5,
        processes=processes,
        repeats={"small": 3},
    )
    pieces = [piece for step in repeated.plan(1) for round_ in step for piece in round_]
    seen = {name: Counter(i for p in pieces if p.corpus == name for i in p.indices) for name in SIZES}
    once = {
        name: Counter(
            i for s in planner(processes=processes).plan(1) for r in s for p in r if p.corpus == name for i in p.indices
        )
        for name in SIZES
    }
    assert (seen["large"], seen["middle"]) == (once["large"], once["middle"])
    if processes == 1:
        assert set(seen["small"].values()) == {3}
    passes = [tuple(p.indices) for p in pieces if p.corpus == "small"]
    assert len(set(passes)) > len(passes) / 3  # each pass is shuffled anew
    assert min(seen["small"].values()) >= 3


def test_mixed_batches_train_all_that_is_annotated() -> None:
    assert all(piece.tasks is None for step in planner().plan(0) for round_ in step for piece in round_)


def test_a_length_without_turns() -> None:
    with pytest.raises(ValueError, match="every task sees all its batches"):
        SamplingSettings(order="sequential", batches_per_epoch=5)
