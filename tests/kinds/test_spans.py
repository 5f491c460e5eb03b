"""Spans: rows as they are read, and pairing under hostile input."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.decoding._spans import Span
from hiernlp.kinds._spans import NO_SPAN, exact_match, matched_pairs, overlap, spans_of

LABELS = st.sampled_from(["a", "b", "B-a", "I-", "-", "", "O", "no\tspan", "名詞"])


@st.composite
def any_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    words = draw(st.integers(1, 12))
    bounds = st.tuples(st.integers(0, words - 1), st.integers(1, words)).filter(lambda b: b[0] < b[1])
    return [(*b, label) for b, label in draw(st.lists(st.tuples(bounds, LABELS), max_size=25))], words


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
