"""Where things stand in the picture of a sentence; all lengths are in points (1/72 inch).

Nothing here draws: words get places wide enough for their tags, the labels of arcs and of spans, arcs get levels so
that a shorter one lies under a longer one, and nested spans get lanes so that none covers another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Arc:
    """A dependency between two words of one row, both counted from the row's first.

    Attributes:
        head: the head.
        dependent: the dependent.
        label: the relation.
    """

    head: int
    dependent: int
    label: str

    @property
    def ends(self) -> tuple[int, int]:
        """The left and the right word."""
        return min(self.head, self.dependent), max(self.head, self.dependent)


@dataclass(frozen=True)
class Bar:
    """A span or a part of one: words ``start`` to ``end`` (exclusive) of a row."""

    start: int
    end: int
    label: str
    text: str


def split_rows(widths: Sequence[float], *, most: float) -> list[tuple[int, int]]:
    """Return the words of each row as (start, end): as many as fit, about the same number in each.

    Example:
        >>> split_rows([10.0, 10.0, 10.0], most=20.0)
        [(0, 2), (2, 3)]
    """
    rows = max(1, -int(-sum(widths) // most))
    share = sum(widths) / rows
    bounds, used = [0], 0.0
    for i, width in enumerate(widths):
        # A row ends where it has had its share, or where the next word would not fit.
        if i > bounds[-1] and (used + width > most or used >= share):
            bounds.append(i)
            used = 0.0
        used += width
    return list(zip(bounds, [*bounds[1:], len(widths)], strict=True))


def stretch(
    widths: Sequence[float], *, arcs: Sequence[tuple[int, int, float]], bars: Sequence[tuple[int, int, float]]
) -> list[float]:
    """Return widths of words, enlarged where a label would not fit.

    Args:
        widths: what the words and their tags need.
        arcs: (left, right, needed distance of the two words' centres), for anything that hangs between two words.
        bars: (start, end, needed width from the first word's left to the last word's right side).

    Example:
        >>> stretch([10.0, 10.0], arcs=[(0, 1, 20.0)], bars=[])
        [20.0, 20.0]
    """
    wide = list(widths)
    for left, right, needed in sorted(arcs, key=lambda arc: arc[1] - arc[0]):
        have = sum(wide[left + 1 : right]) + (wide[left] + wide[right]) / 2
        if have < needed:
            for i in range(left, right + 1):
                wide[i] += (needed - have) / (right - left)
    for start, end, needed in sorted(bars, key=lambda bar: bar[1] - bar[0]):
        have = sum(wide[start:end])
        if have < needed:
            for i in range(start, end):
                wide[i] += (needed - have) / (end - start)
    return wide


def arc_levels(arcs: Sequence[Arc]) -> list[int]:
    """Return the level of each arc, from 1: above all arcs that lie under it, and apart from those that it crosses.

    Example:
        >>> arc_levels([Arc(0, 1, "a"), Arc(0, 2, "b")])
        [1, 2]
    """
    levels = [0] * len(arcs)
    order = sorted(range(len(arcs)), key=lambda i: arcs[i].ends[1] - arcs[i].ends[0])
    for place, i in enumerate(order):
        left, right = arcs[i].ends
        under = [levels[j] for j in order[:place] if arcs[j].ends[0] < right and left < arcs[j].ends[1]]
        levels[i] = 1 + max(under, default=0)
    return levels


def lanes(bars: Sequence[Bar]) -> list[int]:
    """Return the lane of each bar, from 0: a bar lies below all the shorter ones that it shares a word with.

    Example:
        >>> lanes([Bar(0, 3, "x", "x"), Bar(1, 2, "y", "y")])
        [1, 0]
    """
    found = [0] * len(bars)
    # Of two as long, the later one in reading order is the inner one.
    order = sorted(range(len(bars)), key=lambda i: (bars[i].end - bars[i].start, -i))
    for place, i in enumerate(order):
        inside = [found[j] for j in order[:place] if bars[j].start < bars[i].end and bars[i].start < bars[j].end]
        found[i] = 1 + max(inside, default=-1)
    return found


@dataclass(frozen=True)
class Ports:
    """How far from its word's centre each line stands where it meets a word.

    Attributes:
        arcs: for each arc, at its left and at its right word.
        stubs: for each word with a line from above.
    """

    arcs: list[tuple[float, float]]
    stubs: dict[int, float]


def ports(arcs: Sequence[Arc], *, stubs: Sequence[int] = (), step: float) -> Ports:
    """Return places for all lines at their words, so that they stand side by side and do not cross.

    At a word, arcs to the left come first, then a line from above, then arcs to the right; on each side the longest
    arc stands innermost. The whole group is centred.

    Example:
        >>> ports([Arc(1, 0, "a"), Arc(1, 2, "b")], step=4.0).arcs
        [(0.0, -2.0), (2.0, 0.0)]
    """
    ends: dict[int, list[tuple[int, int, int]]] = {word: [(1, 0, -1)] for word in stubs}
    for i, arc in enumerate(arcs):
        left, right = arc.ends
        ends.setdefault(left, []).append((2, left - right, i))
        ends.setdefault(right, []).append((0, right - left, i))
    shift: dict[tuple[int, int, int], float] = {}
    for word, group in ends.items():
        for place, (side, _, i) in enumerate(sorted(group)):
            shift[i, side, word] = (place - (len(group) - 1) / 2) * step
    return Ports(
        [(shift[i, 2, arc.ends[0]], shift[i, 0, arc.ends[1]]) for i, arc in enumerate(arcs)],
        {word: shift[-1, 1, word] for word in stubs},
    )
