"""Pairs of sentences to tensors: each sentence by itself, once, or both of a pair in one row.

Letters: P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hiernlp.encoding.collate import WordBatch, as_batch, collate
from hiernlp.encoding.joined import Pair, distinct, lay_out_joined, turned
from hiernlp.encoding.subwords import SubwordEncoder


@dataclass(frozen=True)
class PairBatch:
    """A batch of pairs, ready for the encoder in either way of reading them.

    Attributes:
        apart: the different sentences, if any task reads pairs apart.
        places: where the two sentences of each pair are among them, shape (P, 2).
        joined: each pair as one sentence of all its words, if any task reads pairs together; where it has twice as
            many rows as there are pairs, the second half are the same pairs turned round.
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
    both_orders: bool = False,
    mean: bool = False,
    pad_to_multiple: int = 1,
) -> PairBatch:
    """Lay pairs out, for one way of reading or for both.

    Args:
        pairs: at least one pair of sentences of at least one word each.
        encoder: the subword encoder.
        apart: lay out the different sentences by themselves.
        joined: lay out both sentences of a pair in one row.
        both_orders: let the joined pairs be followed by the same pairs turned round.
        mean: read a word at all its subwords, not at its first one.
        pad_to_multiple: pad rows to a multiple of this many subwords.
    """
    sentences, places = distinct(pairs)
    rows = [*pairs, *turned(pairs)] if both_orders else pairs
    return PairBatch(
        apart=collate(sentences, encoder, mean=mean, pad_to_multiple=pad_to_multiple) if apart else None,
        places=torch.tensor(places),
        joined=collate_joined(rows, encoder, mean=mean, pad_to_multiple=pad_to_multiple) if joined else None,
        lengths=[len(first.lengths) + len(second.lengths) for first, second in pairs],
    )


def collate_joined(
    pairs: Sequence[Pair], encoder: SubwordEncoder, *, mean: bool = False, pad_to_multiple: int = 1
) -> WordBatch:
    """Lay out each pair as one sentence of all its words (see :func:`hiernlp.encoding.joined.lay_out_joined`)."""
    return as_batch(lay_out_joined(pairs, encoder, pad_to_multiple=pad_to_multiple), mean=mean)
