"""Tags: round trips with spans, legality, and the best sequences against enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiernlp.decoding._spans import Span
from hiernlp.decoding._tags import TagPaths, best_paths, from_path, from_tags, legal_bio, tags_of, to_tags
from hiernlp.errors import DataError

LABELS = st.sampled_from(["a", "b", "B-a", "I-", "-", "", "O", "no\tspan", "名詞"])
TAGS = 3
ALLOWED = np.array([[True, True, False], [True, True, True], [False, True, True]])
ALLOWED_START = np.array([True, True, False])


@st.composite
def flat(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Draw spans that do not overlap and the number of words."""
    words = draw(st.integers(1, 15))
    cuts = sorted(draw(st.sets(st.integers(0, words), max_size=words + 1)))
    pieces = [(a, b, draw(LABELS)) for a, b in itertools.pairwise(cuts)]
    return [piece for piece in pieces if draw(st.booleans())], words


@given(flat())
def test_spans_to_tags_and_back(case: tuple[list[Span], int]) -> None:
    spans, words = case
    tags = to_tags(spans, words=words)
    assert len(tags) == words
    assert from_tags(tags) == spans
    legal = legal_bio(sorted(set(tags)))
    at = {tag: i for i, tag in enumerate(sorted(set(tags)))}
    assert legal.start[at[tags[0]]]
    assert all(legal.follows[at[a], at[b]] for a, b in itertools.pairwise(tags))


@given(flat())
def test_spans_of_numbers_are_those_of_tags(case: tuple[list[Span], int]) -> None:
    spans, words = case
    labels = sorted({label for _, _, label in spans})
    numbers = {tag: i for i, tag in enumerate(tags_of(labels))}
    assert from_path([numbers[tag] for tag in to_tags(spans, words=words)], labels) == spans


@settings(max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 10**6), st.floats(0, 8))
def test_tags_are_the_best_legal_ones_whether_or_not_each_words_best_are(
    lengths: list[int], seed: int, outside: float
) -> None:
    tags = tags_of(["x", "y"])
    scores = np.random.default_rng(seed).normal(size=(len(lengths), max(*lengths, 1), len(tags)))
    scores[..., 0] += outside
    legal = legal_bio(tags)
    expected = best_paths(
        scores,
        lengths=np.array(lengths),
        start=np.where(legal.start, 0.0, -np.inf),
        transitions=np.where(legal.follows, 0.0, -np.inf),
    )
    found = TagPaths(tags, crf=False, bio=True)({"scores": scores}, [["w"] * n for n in lengths])
    assert found.tolist() == expected.tolist()


def test_legal_bio_by_hand() -> None:
    tags = ["O", "B-x", "I-x", "B-y", "I-y"]
    bio = legal_bio(tags)
    assert bio.start.tolist() == [True, True, False, True, False]
    legal = {(a, b) for i, a in enumerate(tags) for j, b in enumerate(tags) if bio.follows[i, j]}
    assert {a for a, b in legal if b == "I-x"} == {"B-x", "I-x"}
    assert {a for a, b in legal if b == "I-y"} == {"B-y", "I-y"}
    assert all((a, b) in legal for a in tags for b in ("O", "B-x", "B-y"))
    with pytest.raises(DataError, match="I-x"):
        legal_bio(["I-x"])


def test_tags_of_labels_are_what_their_spans_have() -> None:
    assert tags_of(["x", "y"]) == ["O", "B-x", "I-x", "B-y", "I-y"]


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_best_paths_equal_enumeration(*, constrained: bool, seed: int) -> None:
    draw = np.random.default_rng(seed)
    lengths = np.array([4, 1, 3, 0])
    scores, transitions = draw.normal(size=(4, 4, TAGS)), draw.normal(size=(TAGS, TAGS))
    start, end = draw.normal(size=TAGS), draw.normal(size=TAGS)
    if constrained:
        start = np.where(ALLOWED_START, start, -np.inf)
        transitions = np.where(ALLOWED, transitions, -np.inf)
    found = best_paths(scores, lengths=lengths, start=start, transitions=transitions, end=end)
    for emissions, length, path in zip(scores, lengths, found, strict=True):

        def score(tags: tuple[int, ...], emissions: np.ndarray = emissions) -> float:
            inner = sum(transitions[a, b] for a, b in itertools.pairwise(tags))
            return start[tags[0]] + sum(emissions[t, tag] for t, tag in enumerate(tags)) + inner + end[tags[-1]]

        assert not path[length:].any()
        if length:
            assert tuple(path[:length]) == max(itertools.product(range(TAGS), repeat=int(length)), key=score)


@settings(max_examples=60)
@given(scores=st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=TAGS, max_size=TAGS), min_size=1, max_size=8))
def test_forbidden_steps_are_never_decoded(scores: list[list[float]]) -> None:
    emissions = np.array([scores], dtype=np.float32)
    transitions = np.where(ALLOWED, 0.0, -np.inf)
    start = np.where(ALLOWED_START, 0.0, -np.inf)
    lengths = np.array([len(scores)])
    [path] = best_paths(emissions, lengths=lengths, start=start, transitions=transitions).tolist()
    assert ALLOWED_START[path[0]]
    assert all(ALLOWED[i, j] for i, j in itertools.pairwise(path))
