"""Pairs of sentences to arrays: the different sentences, or both of a pair in one row. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hiernlp.encoding.grid import Grid, Layout
from hiernlp.encoding.subwords import SubwordEncoder, Subwords

Pair = tuple[Subwords, Subwords]
"""The two sentences of a pair."""
JUDGED = 4096
"""Pairs whose vectors are compared at a time."""


def distinct(pairs: Sequence[Pair]) -> tuple[list[Subwords], list[tuple[int, int]]]:
    """Return the different sentences, and where the two of each pair are among them.

    Example:
        >>> a, b = Subwords([7], [1]), Subwords([8], [1])
        >>> distinct([(a, b), (b, a)])[1]
        [(0, 1), (1, 0)]
    """
    where: dict[tuple[tuple[int, ...], ...], int] = {}
    sentences: list[Subwords] = []

    def place(sentence: Subwords) -> int:
        key = (tuple(sentence.ids), tuple(sentence.lengths), tuple(sentence.cases or ()))
        if key not in where:
            where[key] = len(sentences)
            sentences.append(sentence)
        return where[key]

    places = [(place(first), place(second)) for first, second in pairs]
    return sentences, places


def turned(pairs: Sequence[Pair]) -> list[Pair]:
    """Return pairs with the second sentence first."""
    return [(second, first) for first, second in pairs]


def lay_out_joined(pairs: Sequence[Pair], encoder: SubwordEncoder, *, pad_to_multiple: int = 1) -> Layout:
    """Lay out each pair as one sentence of all its words, with the tokenizer's special subwords between the two.

    A pair that is too long for one row loses words at the end of its longer sentence.
    """
    joint = encoder.joint
    fitted = [_fitted(pair, size=encoder.limit - joint.special) for pair in pairs]
    widest = max(len(first.ids) + len(second.ids) for first, second in fitted) + joint.special
    grid = Grid(
        [len(first.lengths) + len(second.lengths) for first, second in fitted],
        rows=len(fitted),
        width=-(-widest // pad_to_multiple) * pad_to_multiple,
        padding=encoder.padding,
        cased=pairs[0][0].cases is not None,
    )
    types = None if joint.types is None else np.zeros(grid.ids.shape, dtype=np.int64)
    for row, (first, second) in enumerate(fitted):
        starts = grid.put_special(row, 0, joint.before)
        ends = grid.put_words(row, starts, first, sentence=row)
        begins = grid.put_special(row, ends, joint.between)
        stops = grid.put_words(row, begins, second, sentence=row, first=len(first.lengths))
        last = grid.put_special(row, stops, joint.after)
        if types is not None and joint.types is not None:
            bounds = (0, starts, ends, begins, stops, last)
            for a, b, of_part in zip(bounds[:-1], bounds[1:], joint.types, strict=True):
                types[row, a:b] = of_part
    return grid.layout(token_types=types, seconds=[len(first.lengths) for first, _ in fitted])


def _fitted(pair: Pair, *, size: int) -> Pair:
    """Return a pair without the words, at the end of the sentence that is longer then, that would not fit."""
    kept = [len(sentence.lengths) for sentence in pair]
    sizes = [len(sentence.ids) for sentence in pair]
    while sum(sizes) > size:
        longer = int(sizes[1] > sizes[0])
        kept[longer] -= 1
        sizes[longer] -= pair[longer].lengths[kept[longer]]
    first, second = (
        Subwords(s.ids[:n], s.lengths[:k], s.cases and s.cases[:k]) for s, n, k in zip(pair, sizes, kept, strict=True)
    )
    return first, second
