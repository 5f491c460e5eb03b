"""Spans more likely than not: against all sequences counted one by one, whatever the batch and the scores."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiernlp.decoding._likely_spans import LikelySpan, likely_spans
from hiernlp.decoding._tags import from_path, legal_bio, tags_of

LABELS = ["x", "y"]
TAGS = tags_of(LABELS)


def drawn(seed: int, lengths: list[int], *, spread: float) -> dict[str, np.ndarray]:
    """Return the scores of a batch, those of forbidden starts and transitions being minus infinity."""
    generator = np.random.default_rng(seed)
    legal, size = legal_bio(TAGS), len(TAGS)
    return {
        "scores": generator.normal(size=(len(lengths), max(lengths, default=0), size)) * spread,
        "lengths": np.array(lengths, dtype=np.int64),
        "start": np.where(legal.start, generator.normal(size=size), -np.inf),
        "transitions": np.where(legal.follows, generator.normal(size=(size, size)), -np.inf),
        "end": generator.normal(size=size),
    }


def counted(batch: dict[str, np.ndarray], sentence: int) -> dict[tuple[int, int, str], float]:
    """Return the probability of every span by going through all sequences."""
    length = int(batch["lengths"][sentence])
    logs: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(len(TAGS)), repeat=length):
        total = batch["start"][path[0]] + batch["end"][path[-1]]
        total += sum(batch["scores"][sentence, t, tag] for t, tag in enumerate(path))
        total += sum(batch["transitions"][a, b] for a, b in itertools.pairwise(path))
        if total > -math.inf:
            logs[path] = total
    most = max(logs.values())
    weights = {path: math.exp(total - most) for path, total in logs.items()}
    all_of_them = math.fsum(weights.values())
    shares: dict[tuple[int, int, str], float] = {}
    for path, weight in weights.items():
        for span in from_path(path, LABELS):
            shares[span] = shares.get(span, 0.0) + weight / all_of_them
    return shares


def found_in(batch: dict[str, np.ndarray]) -> list[list[LikelySpan]]:
    return likely_spans(labels=LABELS, **batch)  # pyright: ignore[reportArgumentType]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 5), min_size=1, max_size=4), st.sampled_from([0.3, 2.0, 8.0]))
def test_all_that_are_above_one_half_and_no_others(seed: int, lengths: list[int], spread: float) -> None:
    batch = drawn(seed, lengths, spread=spread)
    for sentence, likely in enumerate(found_in(batch)):
        if not lengths[sentence]:
            assert likely == []
            continue
        shares = counted(batch, sentence)
        expected = {span: share for span, share in shares.items() if share > 0.5 + 1e-9}
        ours = {each.span: each.probability for each in likely}
        assert ours.keys() >= expected.keys()
        assert all(shares[span] > 0.5 - 1e-9 for span in ours)
        assert all(share == pytest.approx(shares[span], abs=1e-9) for span, share in ours.items())
        assert [each.span for each in likely] == sorted(ours)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(sorted(ours)))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=2, max_size=5))
def test_a_sentence_is_read_alike_in_any_company(seed: int, lengths: list[int]) -> None:
    batch = drawn(seed, lengths, spread=3.0)
    for sentence, likely in enumerate(found_in(batch)):
        alone = batch | {
            "scores": batch["scores"][sentence : sentence + 1, : lengths[sentence]],
            "lengths": batch["lengths"][sentence : sentence + 1],
        }
        (by_itself,) = found_in(alone)
        assert [each.span for each in by_itself] == [each.span for each in likely]
        assert [e.probability for e in by_itself] == pytest.approx([e.probability for e in likely])


def test_a_constant_added_to_a_word_changes_nothing() -> None:
    batch = drawn(5, [6, 4], spread=2.0)
    moved = batch | {"scores": batch["scores"] + np.linspace(-500, 500, 12).reshape(2, 6, 1)}
    ours, theirs = found_in(batch), found_in(moved)
    assert [[e.span for e in s] for s in ours] == [[e.span for e in s] for s in theirs]


@pytest.mark.parametrize("huge", [1e3, 1e8, 1e30])
def test_scores_of_any_size(huge: float) -> None:
    batch = drawn(3, [4], spread=1.0)
    for path in ([1, 2, 2, 0], [0, 3, 4, 1]):
        scores = np.full((1, 4, len(TAGS)), -huge)
        scores[0, np.arange(4), path] = huge
        (likely,) = found_in(batch | {"scores": scores})
        assert [each.span for each in likely] == from_path(path, LABELS)
        assert [each.probability for each in likely] == pytest.approx([1.0] * len(likely))


def test_where_the_best_sequence_has_a_span_that_is_unlikely_it_is_left_out() -> None:
    # Two sequences with a span of one word or of two at 0.3 each, and none at 0.4 in two ways of 0.2.
    scores = np.log(np.array([[[0.4, 0.6, 1e-9, 1e-9, 1e-9], [0.5, 1e-9, 0.5, 1e-9, 1e-9]]]))
    free = np.zeros(len(TAGS))
    legal = legal_bio(TAGS)
    (likely,) = likely_spans(
        scores,
        labels=LABELS,
        lengths=np.array([2]),
        start=np.where(legal.start, free, -np.inf),
        transitions=np.where(legal.follows, 0.0, -np.inf),
        end=free,
    )
    # O I is not legal: of 0.6 * 0.5 twice and 0.4 * 0.5 once, each span has 0.3 of 0.8.
    assert likely == []


def test_no_sentences() -> None:
    assert found_in(drawn(1, [], spread=1.0)) == []
    assert found_in(drawn(1, [0, 0], spread=1.0)) == [[], []]
