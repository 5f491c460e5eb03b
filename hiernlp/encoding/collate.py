"""Sentences of subwords to tensors, and the words' states from those of the subwords.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hiernlp.encoding.grid import Layout, lay_out
from hiernlp.encoding.subwords import SubwordEncoder, Subwords


@dataclass(frozen=True)
class WordBatch:
    """A batch of sentences, ready for the encoder.

    Attributes:
        input_ids: subwords of each window, shape (W, T).
        attention_mask: true where there is a subword, shape (W, T); None where every row is full.
        word_mask: true where there is a word, shape (B, N).
        word_index: place of each word's first subword among the W * T, shape (B, N); 0 in the padding.
        bags: places of all subwords of all words, one after the other, or None if words are read at their first one.
        bag_starts: where each of the B * N words begins in ``bags``.
        subword_word: which of the B * N words each subword belongs to, B * N for none, shape (W, T).
        lengths: number of words of each sentence, on the host.
        subwords: number of subwords with padding, W * T, on the host.
        token_types: of each subword, shape (W, T); None where all are of the first type.
        cases: class of the letter case of each subword's word, 0 for none, shape (W, T); None where it is not read.
        of_second: true for the words of the second of two joined sentences, shape (B, N); None where none are joined.
    """

    input_ids: Tensor
    attention_mask: Tensor | None
    word_mask: Tensor
    word_index: Tensor
    bags: Tensor | None
    bag_starts: Tensor | None
    subword_word: Tensor
    lengths: list[int]
    subwords: int
    token_types: Tensor | None = None
    cases: Tensor | None = None
    of_second: Tensor | None = None

    def pool(self, states: Tensor) -> Tensor:
        """Return the words' states (B, N, H) given the subwords' states (W, T, H)."""
        flat = states.flatten(0, 1)
        if self.bags is None or self.bag_starts is None:
            return F.embedding(self.word_index, flat)
        pooled = F.embedding_bag(self.bags, flat, self.bag_starts, mode="mean")
        return pooled.view(*self.word_mask.shape, -1)

    def spread(self, words: Tensor) -> Tensor:
        """Return for every subword what its word was given; zero for special subwords.

        Shapes: ``words`` (B, N, H) to (W, T, H).
        """
        flat = torch.cat([words.flatten(0, 1), words.new_zeros(1, words.shape[-1])])
        return F.embedding(self.subword_word, flat)

    def turned(self, rows: Tensor) -> Tensor:
        """Return for every row what the row has that holds the same pair turned round, half of the batch away."""
        return rows.roll(len(rows) // 2, 0)

    def apply(self, move) -> WordBatch:  # noqa: ANN001 - any function from tensor to tensor
        """Return the batch with every tensor changed by ``move``."""
        return replace(
            self,
            **{name: move(value) for name, value in vars(self).items() if isinstance(value, Tensor)},
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> WordBatch:
        """Return the batch on a device."""
        return self.apply(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> WordBatch:
        """Return the batch in page-locked memory, from which copies to a device do not block."""
        return self.apply(lambda tensor: tensor.pin_memory())


def collate(
    sentences: Sequence[Subwords], encoder: SubwordEncoder, *, mean: bool = False, pad_to_multiple: int = 1
) -> WordBatch:
    """Lay sentences out in padded windows.

    Args:
        sentences: the sentences' subwords, at least one sentence of at least one word.
        encoder: the subword encoder, which knows the special subwords and the size of a window.
        mean: read a word at all its subwords, not at its first one.
        pad_to_multiple: pad windows to a multiple of this many subwords.
    """
    return as_batch(lay_out(sentences, encoder, pad_to_multiple=pad_to_multiple), mean=mean)


def as_batch(layout: Layout, *, mean: bool) -> WordBatch:
    """Return a layout as tensors; with ``mean``, a word is read at all its subwords, not at its first one."""
    bags = starts = None
    if mean:
        counts = layout.counts.ravel()
        offsets = np.concatenate([[0], np.cumsum(counts)])
        inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
        bags = torch.from_numpy(np.repeat(layout.first.ravel(), counts) + inside)
        starts = torch.from_numpy(offsets[:-1])
    return WordBatch(
        input_ids=torch.from_numpy(layout.ids),
        attention_mask=None if layout.used.all() else torch.from_numpy(layout.used),
        word_mask=torch.from_numpy(layout.present),
        word_index=torch.from_numpy(layout.first),
        bags=bags,
        bag_starts=starts,
        subword_word=torch.from_numpy(layout.belongs),
        lengths=layout.lengths,
        subwords=layout.ids.size,
        token_types=None if layout.token_types is None else torch.from_numpy(layout.token_types),
        cases=None if layout.cases is None else torch.from_numpy(layout.cases),
        of_second=None if layout.of_second is None else torch.from_numpy(layout.of_second),
    )
