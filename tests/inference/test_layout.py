"""Places in the picture of a sentence: nothing covers anything."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.inference._layout import Arc, Bar, arc_levels, lanes, ports, split_rows, stretch

WORDS = 7
pairs = st.tuples(st.integers(0, WORDS - 1), st.integers(0, WORDS - 1)).filter(lambda pair: pair[0] != pair[1])
bars = st.lists(pairs.map(lambda p: Bar(min(p), max(p), "x", "x")), max_size=8)


@st.composite
def trees(draw: st.DrawFn) -> list[Arc]:
    """Return the arcs of a tree over words in any order."""
    order = draw(st.permutations(range(WORDS)))
    return [Arc(order[draw(st.integers(0, i - 1))], order[i], "x") for i in range(1, WORDS)]


@given(trees())
def test_arcs_that_overlap_have_different_levels_and_inner_ones_are_lower(arcs: list[Arc]) -> None:
    levels = arc_levels(arcs)
    assert min(levels) == 1
    for (one, first), (other, second) in combinations(zip(arcs, levels, strict=True), 2):
        (a, b), (c, d) = one.ends, other.ends
        if a < d and c < b:
            assert first != second
            if a <= c and d <= b:
                assert second < first


@given(trees())
def test_lines_meet_a_word_in_different_places_left_arcs_left_of_right_ones(arcs: list[Arc]) -> None:
    found = ports(arcs, stubs=[0], step=5.0)
    places: dict[int, list[tuple[float, int]]] = {0: [(found.stubs[0], 1)]}
    for arc, (left, right) in zip(arcs, found.arcs, strict=True):
        places.setdefault(arc.ends[0], []).append((left, 2))
        places.setdefault(arc.ends[1], []).append((right, 0))
    for group in places.values():
        assert len({place for place, _ in group}) == len(group)
        assert [side for _, side in sorted(group)] == sorted(side for _, side in group)
        assert sum(place for place, _ in group) == pytest.approx(0)


@given(bars)
def test_bars_in_one_lane_share_no_word_and_inner_ones_are_nearer(spans: list[Bar]) -> None:
    found = lanes(spans)
    for (one, first), (other, second) in combinations(zip(spans, found, strict=True), 2):
        if one.start < other.end and other.start < one.end:
            assert first != second
            if one.end - one.start > other.end - other.start:
                assert first > second


widths = st.lists(st.floats(1, 100), min_size=WORDS, max_size=WORDS)
needs = st.lists(st.tuples(pairs, st.floats(0, 500)).map(lambda n: (min(n[0]), max(n[0]), n[1])), max_size=5)


@given(widths, needs, needs)
def test_stretching_makes_room_and_narrows_nothing(
    before: list[float], arcs: list[tuple[int, int, float]], spans: list[tuple[int, int, float]]
) -> None:
    after = stretch(before, arcs=arcs, bars=spans)
    assert all(new >= old for new, old in zip(after, before, strict=True))
    for left, right, needed in arcs:
        assert sum(after[left + 1 : right]) + (after[left] + after[right]) / 2 >= needed - 1e-6
    for start, end, needed in spans:
        assert sum(after[start:end]) >= needed - 1e-6
    if not arcs and not spans:
        assert after == before


@given(st.lists(st.floats(1, 100), min_size=1, max_size=60), st.floats(50, 500))
def test_rows_hold_all_words_in_order_and_fit_where_a_word_can(sizes: list[float], most: float) -> None:
    rows = split_rows(sizes, most=most)
    assert [i for start, end in rows for i in range(start, end)] == list(range(len(sizes)))
    for start, end in rows:
        assert start < end
        assert end - start == 1 or sum(sizes[start:end]) <= most + 1e-6
