"""Overlapping windows, so that no word is lost at any length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """How one sentence's subwords are laid out in windows.

    Attributes:
        spans: first and one-past-last word of each window, which never cuts a word.
        home: the window in which each word has the most context, shape (N,).
    """

    spans: list[tuple[int, int]]
    home: NDArray[np.int64]


def plan_windows(lengths: Sequence[int], *, size: int) -> Windows:
    """Lay words of the given numbers of subwords out in windows of at most ``size`` subwords.

    Neighbouring windows share about half of their subwords, and at least a quarter where no word has more than that. A
    word's context in a window is the smaller of the numbers of subwords before it and after it there, an end of the
    sentence counting as boundless.

    Args:
        lengths: number of subwords of each word, each between 1 and ``size``.
        size: most subwords a window holds, special ones left out.

    Example:
        >>> plan_windows([1, 1, 1, 1, 1], size=4).spans
        [(0, 4), (2, 5)]
    """
    words = len(lengths)
    ends = np.cumsum(lengths)
    if words == 0 or ends[-1] <= size:
        return Windows([(0, words)], np.zeros(words, dtype=np.int64))
    starts = ends - lengths
    spans: list[tuple[int, int]] = []
    first = 0
    while True:
        last = int(np.searchsorted(ends, starts[first] + size, side="right"))
        spans.append((first, last))
        if last == words:
            break
        # The next window begins half a window on or, within a word, before it, and always further on than this one.
        half = int(np.searchsorted(starts, starts[first] + size // 2, side="right")) - 1
        first = min(max(half, first + 1), last)
    best = np.full(words, -1.0)
    home = np.zeros(words, dtype=np.int64)
    for number, (a, b) in enumerate(spans):
        before = np.inf if a == 0 else starts[a:b] - starts[a]
        after = np.inf if b == words else ends[b - 1] - ends[a:b]
        context = np.broadcast_to(np.minimum(before, after), b - a)
        better = context > best[a:b]
        home[a:b][better] = number
        best[a:b][better] = context[better]
    return Windows(spans, home)
