"""Spans and tags: round trips, legality, selection and pairing under hostile input."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import DataError
from hiernlp.kinds._spans import (
    NO_SPAN,
    Span,
    exact_match,
    from_tags,
    legal_bio,
    matched_pairs,
    overlap,
    reading_order,
    select,
    spans_of,
    to_tags,
)

LABELS = st.sampled_from(["a", "b", "B-a", "I-", "-", "", "O", "no\tspan", "名詞"])


@st.composite
def flat(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Draw spans that do not overlap and the number of words."""
    words = draw(st.integers(1, 15))
    cuts = sorted(draw(st.sets(st.integers(0, words), max_size=words + 1)))
    pieces = [(a, b, draw(LABELS)) for a, b in itertools.pairwise(cuts)]
    return [piece for piece in pieces if draw(st.booleans())], words


@st.composite
def any_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    words = draw(st.integers(1, 12))
    bounds = st.tuples(st.integers(0, words - 1), st.integers(1, words)).filter(lambda b: b[0] < b[1])
    return [(*b, label) for b, label in draw(st.lists(st.tuples(bounds, LABELS), max_size=25))], words


@given(flat())
def test_spans_to_tags_and_back(case: tuple[list[Span], int]) -> None:
    spans, words = case
    tags = to_tags(spans, words=words)
    assert len(tags) == words
    assert from_tags(tags) == spans
    follows, start = legal_bio(sorted(set(tags)))
    at = {tag: i for i, tag in enumerate(sorted(set(tags)))}
    assert start[at[tags[0]]]
    assert all(follows[at[a], at[b]] for a, b in itertools.pairwise(tags))


def test_legal_bio_by_hand() -> None:
    tags = ["O", "B-x", "I-x", "B-y", "I-y"]
    follows, start = legal_bio(tags)
    assert start.tolist() == [True, True, False, True, False]
    legal = {(a, b) for i, a in enumerate(tags) for j, b in enumerate(tags) if follows[i, j]}
    assert {a for a, b in legal if b == "I-x"} == {"B-x", "I-x"}
    assert {a for a, b in legal if b == "I-y"} == {"B-y", "I-y"}
    assert all((a, b) in legal for a in tags for b in ("O", "B-x", "B-y"))
    with pytest.raises(DataError, match="I-x"):
        legal_bio(["I-x"])


@given(any_spans(), st.booleans(), st.randoms())
def test_select_is_legal_maximal_and_ignores_the_order(
    case: tuple[list[Span], int],
    nested: bool,
    random: Random,
) -> None:
    spans, words = case
    scored = [(float(len(spans) - i % 3), span) for i, span in enumerate(dict.fromkeys(spans))]
    kept = select(scored, words=words, nested=nested)

    def clash(one: Span, two: Span) -> bool:
        (_, b, _), (c, d, _) = sorted((one, two), key=lambda s: (s[0], -s[1]))
        return c < b and not (nested and d <= b)

    assert kept == reading_order(kept)
    assert not any(clash(one, two) for one, two in itertools.combinations(kept, 2))
    for _, span in scored:
        assert span in kept or any(clash(span, other) for other in kept)
    shuffled = list(scored)
    random.shuffle(shuffled)
    assert select(shuffled, words=words, nested=nested) == kept


@given(any_spans(), st.data())
def test_pairs_count_every_span_once(case: tuple[list[Span], int], data: st.DataObject) -> None:
    gold = sorted(set(case[0]))
    predicted = data.draw(st.lists(st.sampled_from(gold), unique=True)) if gold else []
    predicted += [span for span in data.draw(any_spans())[0] if span not in predicted]
    pairs = matched_pairs(gold, predicted)
    assert sum(g != NO_SPAN for g, _ in pairs) == len(set(gold))
    assert sum(p != NO_SPAN for _, p in pairs) == len(set(predicted))
    assert sum(g == p for g, p in pairs) == len(set(gold) & set(predicted))
    values = exact_match(pairs)
    both, ours, theirs = len(set(gold) & set(predicted)), len(set(gold)), len(set(predicted))
    assert values["f1"] == pytest.approx(2 * both / (ours + theirs) if ours + theirs else 0)
    assert values["span_f1"] >= values["f1"]


def test_rows_are_read_in_reading_order_without_repetitions() -> None:
    spans = [(2, 3, "a"), (0, 1, "a"), (0, 3, "b"), (0, 1, "a")]
    column = [{"start": a, "end": b, "label": label} for a, b, label in spans]
    row = {"words": ["x", "y", "z"], "e": column}
    assert spans_of(row, "e") == [(0, 3, "b"), (0, 1, "a"), (2, 3, "a")]
    assert spans_of({"words": ["x"]}, "e") is None
    assert spans_of({"words": ["x"], "e": []}, "e") == []


def test_overlap_is_found_and_touching_is_none() -> None:
    assert overlap([(0, 2, "a"), (2, 3, "b")]) is None
    assert overlap([(0, 2, "a"), (1, 3, "b")]) == ((0, 2, "a"), (1, 3, "b"))
    assert overlap([(0, 9, "a"), (1, 2, "b"), (3, 4, "c")]) == ((0, 9, "a"), (1, 2, "b"))
