"""Windows: every word at home once, whole, where it has the most context."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.windows import plan_windows


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[int], int]:
    size = draw(st.integers(4, 40))
    most = draw(st.integers(1, size))
    return draw(st.lists(st.integers(1, most), min_size=1, max_size=120)), size


def context(lengths: list[int], span: tuple[int, int], word: int) -> float:
    """Return the smaller of the numbers of subwords around a word in a window, ends of the sentence boundless."""
    a, b = span
    before = np.inf if a == 0 else sum(lengths[a:word])
    after = np.inf if b == len(lengths) else sum(lengths[word + 1 : b])
    return min(before, after)


@given(sentences())
def test_every_word_is_at_home_where_it_has_most_context(sentence: tuple[list[int], int]) -> None:
    lengths, size = sentence
    plan = plan_windows(lengths, size=size)
    assert plan.home.shape == (len(lengths),)
    for word, home in enumerate(plan.home.tolist()):
        holding = [n for n, (a, b) in enumerate(plan.spans) if a <= word < b]
        assert home in holding
        best = max(context(lengths, plan.spans[n], word) for n in holding)
        assert context(lengths, plan.spans[home], word) == best


@given(sentences())
def test_windows_fit_and_cover(sentence: tuple[list[int], int]) -> None:
    lengths, size = sentence
    plan = plan_windows(lengths, size=size)
    assert all(a < b and sum(lengths[a:b]) <= size for a, b in plan.spans)
    assert plan.spans[0][0] == 0
    assert plan.spans[-1][1] == len(lengths)
    for (a, b), (c, d) in pairwise(plan.spans):
        assert a < c <= b <= d  # no gap, and always further on
        # Windows are as wide as words allow.
        assert sum(lengths[a : b + 1]) > size
    if sum(lengths) <= size:
        assert len(plan.spans) == 1


@given(sentences())
def test_neighbours_overlap_where_they_can(sentence: tuple[list[int], int]) -> None:
    lengths, size = sentence
    plan = plan_windows(lengths, size=size)
    for (a, b), (c, _) in pairwise(plan.spans):
        if max(lengths[a : b + 1]) <= size // 4:
            # Where words are at most a quarter of a window, as the subword encoder sees to, a quarter is shared.
            assert sum(lengths[c:b]) >= size // 4


def test_a_word_across_the_middle_is_shared() -> None:
    # Begun after the word of 9 that the middle, 18, falls into, the next window would share 7 of 36 subwords.
    lengths = [1] * 17 + [9, 7, 9, 1, 1]
    assert plan_windows(lengths, size=36).spans == [(0, 19), (17, 22)]


@given(st.integers(1, 400), st.integers(8, 60))
def test_words_of_one_subword_have_context_of_a_quarter(words: int, size: int) -> None:
    plan = plan_windows([1] * words, size=size)
    found = [context([1] * words, plan.spans[home], word) for word, home in enumerate(plan.home.tolist())]
    assert min(found) >= size // 4 - 1


def test_many_windows_stay_few() -> None:
    plan = plan_windows([1] * 10_000, size=100)
    assert len(plan.spans) <= 200


def test_no_word() -> None:
    plan = plan_windows([], size=10)
    assert plan.spans == [(0, 0)]
    assert len(plan.home) == 0
