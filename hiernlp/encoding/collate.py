"""Sentences of subwords to tensors: windows as rows, and where each word's state is found.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
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
    bounds = [np.concatenate([[0], np.cumsum(s.lengths)]) for s in sentences]
    sizes = [int(ends[b] - ends[a]) for ends, plan in zip(bounds, plans, strict=True) for a, b in plan.spans]
    widest = max(sizes) + len(encoder.prefix) + len(encoder.suffix)
    grid = Grid(
        [len(s.lengths) for s in sentences],
        rows=len(sizes),
        width=-(-widest // pad_to_multiple) * pad_to_multiple,
        padding=encoder.padding,
        cased=sentences[0].cases is not None,
    )
    row = 0
    for number, (sentence, plan, ends) in enumerate(zip(sentences, plans, bounds, strict=True)):
        for window, (a, b) in enumerate(plan.spans):
            at = grid.put_special(row, 0, encoder.prefix)
            home = np.flatnonzero(plan.home[a:b] == window)
            content = sentence.ids[int(ends[a]) : int(ends[b])]
            words = Subwords(content, sentence.lengths[a:b], sentence.cases and sentence.cases[a:b])
            at = grid.put_words(row, at, words, sentence=number, first=a, read=home)
            grid.put_special(row, at, encoder.suffix)
            row += 1
    return grid.batch(mean=mean)


class Grid:
    """Rows of subwords under construction, with the words that they belong to.

    Args:
        lengths: number of words of each sentence.
        rows: number of rows W.
        width: number of subwords T of a row.
        padding: the subword that fills rows up.
        cased: whether the words' letter case is laid out, too.
    """

    def __init__(self, lengths: list[int], *, rows: int, width: int, padding: int, cased: bool = False) -> None:
        self.lengths = lengths
        words = max(lengths)
        self.ids = np.full((rows, width), padding, dtype=np.int64)
        self.used = np.zeros((rows, width), dtype=bool)
        self.cases = np.zeros((rows, width), dtype=np.int64) if cased else None
        self.belongs = np.full((rows, width), len(lengths) * words, dtype=np.int64)
        self.index = np.zeros((len(lengths), words), dtype=np.int64)
        self.counts = np.zeros((len(lengths), words), dtype=np.int64)
        self.present = np.arange(words) < np.asarray(lengths)[:, None]

    def put_special(self, row: int, at: int, ids: Sequence[int]) -> int:
        """Put special subwords into a row from place ``at`` on; return the place after them."""
        end = at + len(ids)
        self.ids[row, at:end] = ids
        self.used[row, at:end] = True
        return end

    def put_words(
        self,
        row: int,
        at: int,
        words: Subwords,
        *,
        sentence: int,
        first: int = 0,
        read: NDArray[np.int64] | None = None,
    ) -> int:
        """Put words into a row from place ``at`` on; return the place after them.

        Args:
            row: number of the row.
            at: place of the first subword.
            words: the words' subwords.
            sentence: number of the sentence.
            first: number of the first of the words in its sentence.
            read: which of the words are read in this row; None for all.
        """
        lengths = words.lengths
        end = at + len(words.ids)
        numbers = np.arange(first, first + len(lengths))
        self.ids[row, at:end] = words.ids
        self.used[row, at:end] = True
        self.belongs[row, at:end] = sentence * self.index.shape[1] + np.repeat(numbers, lengths)
        if self.cases is not None:
            assert words.cases is not None
            self.cases[row, at:end] = np.repeat(words.cases, lengths)
        self.counts[sentence, numbers] = lengths
        starts = row * self.ids.shape[1] + at + np.cumsum(lengths) - lengths
        chosen = slice(None) if read is None else read
        self.index[sentence, numbers[chosen]] = starts[chosen]
        return end

    def batch(
        self,
        *,
        mean: bool,
        token_types: NDArray[np.int64] | None = None,
        seconds: Sequence[int] | None = None,
    ) -> WordBatch:
        """Return the rows as a batch.

        Args:
            mean: read a word at all its subwords, not at its first one.
            token_types: of each subword, shape (W, T).
            seconds: the number of the first word of each row's second sentence, where two are joined.
        """
        bags = starts = None
        if mean:
            counts = self.counts.ravel()
            offsets = np.concatenate([[0], np.cumsum(counts)])
            inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
            bags = torch.from_numpy(np.repeat(self.index.ravel(), counts) + inside)
            starts = torch.from_numpy(offsets[:-1])
        of_second = None
        if seconds is not None:
            of_second = self.present & (np.arange(self.present.shape[1]) >= np.asarray(seconds)[:, None])
        return WordBatch(
            input_ids=torch.from_numpy(self.ids),
            attention_mask=None if self.used.all() else torch.from_numpy(self.used),
            word_mask=torch.from_numpy(self.present),
            word_index=torch.from_numpy(self.index),
            bags=bags,
            bag_starts=starts,
            subword_word=torch.from_numpy(self.belongs),
            lengths=self.lengths,
            subwords=self.ids.size,
            token_types=None if token_types is None else torch.from_numpy(token_types),
            cases=None if self.cases is None else torch.from_numpy(self.cases),
            of_second=None if of_second is None else torch.from_numpy(of_second),
        )
