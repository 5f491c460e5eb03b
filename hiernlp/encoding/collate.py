"""Sentences of subwords to tensors: windows as rows, and where each word's state is found.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hiernlp.encoding.subwords import SubwordEncoder, Subwords
from hiernlp.encoding.windows import plan_windows


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
    plans = [plan_windows(s.lengths, size=encoder.size) for s in sentences]
    before, after = len(encoder.prefix), len(encoder.suffix)
    bounds = [np.concatenate([[0], np.cumsum(s.lengths)]) for s in sentences]
    sizes = [int(ends[b] - ends[a]) for ends, plan in zip(bounds, plans, strict=True) for a, b in plan.spans]
    width = -(-(max(sizes) + before + after) // pad_to_multiple) * pad_to_multiple
    words = max(len(s.lengths) for s in sentences)
    rows = len(sizes)

    ids = np.full((rows, width), encoder.padding, dtype=np.int64)
    used = np.zeros((rows, width), dtype=bool)
    belongs = np.full((rows, width), len(sentences) * words, dtype=np.int64)
    index = np.zeros((len(sentences), words), dtype=np.int64)
    present = np.zeros((len(sentences), words), dtype=bool)
    counts = np.zeros((len(sentences), words), dtype=np.int64)
    row = 0
    for number, (sentence, plan, ends) in enumerate(zip(sentences, plans, bounds, strict=True)):
        amount = len(sentence.lengths)
        present[number, :amount] = True
        counts[number, :amount] = sentence.lengths
        for window, (a, b) in enumerate(plan.spans):
            first, last = int(ends[a]), int(ends[b])
            content = last - first
            ids[row, :before] = encoder.prefix
            ids[row, before : before + content] = sentence.ids[first:last]
            ids[row, before + content : before + content + after] = encoder.suffix
            used[row, : before + content + after] = True
            belongs[row, before : before + content] = number * words + np.repeat(np.arange(a, b), sentence.lengths[a:b])
            here = np.flatnonzero(plan.home[a:b] == window) + a
            index[number, here] = row * width + before + ends[here] - first
            row += 1
    bags = starts = None
    if mean:
        flat_counts = counts.ravel()
        offsets = np.concatenate([[0], np.cumsum(flat_counts)])
        inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], flat_counts)
        bags = torch.from_numpy(np.repeat(index.ravel(), flat_counts) + inside)
        starts = torch.from_numpy(offsets[:-1])
    return WordBatch(
        input_ids=torch.from_numpy(ids),
        attention_mask=None if used.all() else torch.from_numpy(used),
        word_mask=torch.from_numpy(present),
        word_index=torch.from_numpy(index),
        bags=bags,
        bag_starts=starts,
        subword_word=torch.from_numpy(belongs),
        lengths=[len(s.lengths) for s in sentences],
        subwords=rows * width,
    )
