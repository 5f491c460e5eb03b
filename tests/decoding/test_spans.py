"""Spans: the choice of those that may stand together, under hostile input."""

from __future__ import annotations

import itertools
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hiernlp.decoding._spans import Span, reading_order, select

LABELS = st.sampled_from(["a", "b", "B-a", "I-", "-", "", "O", "no\tspan", "名詞"])


@st.composite
def any_spans(draw: st.DrawFn) -> tuple[list[Span], int]:
    words = draw(st.integers(1, 12))
    bounds = st.tuples(st.integers(0, words - 1), st.integers(1, words)).filter(lambda b: b[0] < b[1])
    return [(*b, label) for b, label in draw(st.lists(st.tuples(bounds, LABELS), max_size=25))], words


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
