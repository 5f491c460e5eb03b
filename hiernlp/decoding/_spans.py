"""Spans of words as triples, and the choice of those that may stand together.

A span is (start, end, label), words counted from 0, ``end`` exclusive. Reading order is by start, then longest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Span = tuple[int, int, str]


def reading_order(spans: Iterable[Span]) -> list[Span]:
    """Return spans by start, then longest first, then label."""
    return sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


def as_annotation(spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Return spans as a row's column holds them."""
    return [{"start": start, "end": end, "label": label} for start, end, label in spans]


def _clashes(spans: Sequence[Span], *, nested: bool) -> bool:
    """Tell whether two of the spans, which are in reading order, may not stand together."""
    around: list[int] = []  # where the spans end that the next word is in, innermost last
    for start, end, _ in spans:
        while around and around[-1] <= start:
            around.pop()
        if around and (not nested or around[-1] < end):
            return True
        around.append(end)
    return False


def select(scored: Iterable[tuple[float, Span]], *, words: int, nested: bool) -> list[Span]:
    """Return the spans that may stand together, taken greedily by descending score, in reading order.

    With ``nested``, a span is dropped if it crosses (partly overlaps) one that was taken; else if it shares a word.
    The cost grows with the number of words in the spans, not with the square of the number of spans.
    """
    scored = list(scored)
    ordered = reading_order({span for _, span in scored})
    if not _clashes(ordered, nested=nested):
        return ordered
    furthest_end = [0] * (words + 1)
    nearest_start = [words] * (words + 1)
    taken_words = [False] * words
    taken: set[Span] = set()
    for _, span in sorted(scored, key=lambda item: (-item[0], item[1])):
        start, end, _ = span
        if nested:
            inside = range(start + 1, end)
            clash = any(furthest_end[at] > end or nearest_start[at] < start for at in inside)
        else:
            clash = any(taken_words[start:end])
        if clash:
            continue
        taken.add(span)
        taken_words[start:end] = [True] * (end - start)
        furthest_end[start] = max(furthest_end[start], end)
        nearest_start[end] = min(nearest_start[end], start)
    return reading_order(taken)
