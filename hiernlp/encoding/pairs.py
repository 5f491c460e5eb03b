"""Pairs of sentences to tensors: each sentence by itself, once, or both of a pair in one row.

Letters: P pairs, S different sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hiernlp.encoding.collate import Grid, WordBatch, collate
from hiernlp.encoding.subwords import SubwordEncoder, Subwords

Pair = tuple[Subwords, Subwords]
"""The two sentences of a pair."""


@dataclass(frozen=True)
class PairBatch:
    """A batch of pairs, ready for the encoder in either way of reading them.

    Attributes:
        apart: the different sentences, if any task reads pairs apart.
        places: where the two sentences of each pair are among them, shape (P, 2).
        joined: each pair as one sentence of all its words, if any task reads pairs together.
        lengths: number of words of each pair, on the host.
    """

    apart: WordBatch | None
    places: Tensor
    joined: WordBatch | None
    lengths: list[int]

    @property
    def subwords(self) -> int:
        """Number of subwords with padding, on the host."""
        return sum(batch.subwords for batch in (self.apart, self.joined) if batch is not None)

    def apply(self, move) -> PairBatch:  # noqa: ANN001 - any function from tensor to tensor
        """Return the batch with every tensor changed by ``move``."""
        return replace(
            self,
            apart=None if self.apart is None else self.apart.apply(move),
            places=move(self.places),
            joined=None if self.joined is None else self.joined.apply(move),
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> PairBatch:
        """Return the batch on a device."""
        return self.apply(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> PairBatch:
        """Return the batch in page-locked memory, from which copies to a device do not block."""
        return self.apply(lambda tensor: tensor.pin_memory())


def collate_pairs(
    pairs: Sequence[Pair],
    encoder: SubwordEncoder,
    *,
    apart: bool,
    joined: bool,
    mean: bool = False,
    pad_to_multiple: int = 1,
) -> PairBatch:
    """Lay pairs out, for one way of reading or for both.

    Args:
        pairs: at least one pair of sentences of at least one word each.
        encoder: the subword encoder.
        apart: lay out the different sentences by themselves.
        joined: lay out both sentences of a pair in one row.
        mean: read a word at all its subwords, not at its first one.
        pad_to_multiple: pad rows to a multiple of this many subwords.
    """
    sentences, places = distinct(pairs)
    return PairBatch(
        apart=collate(sentences, encoder, mean=mean, pad_to_multiple=pad_to_multiple) if apart else None,
        places=torch.tensor(places),
        joined=collate_joined(pairs, encoder, mean=mean, pad_to_multiple=pad_to_multiple) if joined else None,
        lengths=[len(first.lengths) + len(second.lengths) for first, second in pairs],
    )


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


def collate_joined(
    pairs: Sequence[Pair], encoder: SubwordEncoder, *, mean: bool = False, pad_to_multiple: int = 1
) -> WordBatch:
    """Lay out each pair as one sentence of all its words, with the tokenizer's special subwords between the two.

    A pair that is too long for one row loses words at the end of its longer sentence.
    """
    layout = encoder.joint
    fitted = [_fitted(pair, size=encoder.limit - layout.special) for pair in pairs]
    widest = max(len(first.ids) + len(second.ids) for first, second in fitted) + layout.special
    grid = Grid(
        [len(first.lengths) + len(second.lengths) for first, second in fitted],
        rows=len(fitted),
        width=-(-widest // pad_to_multiple) * pad_to_multiple,
        padding=encoder.padding,
        cased=pairs[0][0].cases is not None,
    )
    types = None if layout.types is None else np.zeros(grid.ids.shape, dtype=np.int64)
    for row, (first, second) in enumerate(fitted):
        starts = grid.put_special(row, 0, layout.before)
        ends = grid.put_words(row, starts, first, sentence=row)
        begins = grid.put_special(row, ends, layout.between)
        stops = grid.put_words(row, begins, second, sentence=row, first=len(first.lengths))
        last = grid.put_special(row, stops, layout.after)
        if types is not None and layout.types is not None:
            bounds = (0, starts, ends, begins, stops, last)
            for a, b, of_part in zip(bounds[:-1], bounds[1:], layout.types, strict=True):
                types[row, a:b] = of_part
    return grid.batch(mean=mean, token_types=types, seconds=[len(first.lengths) for first, _ in fitted])


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
