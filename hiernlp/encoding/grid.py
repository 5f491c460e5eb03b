"""Sentences of subwords to arrays: windows as rows, and where each word's subwords lie. Nothing here needs torch.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiernlp.encoding.subwords import SubwordEncoder, Subwords
from hiernlp.encoding.windows import plan_windows


@dataclass(frozen=True)
class Layout:
    """A batch of sentences as arrays.

    Attributes:
        ids: subwords of each window, shape (W, T).
        used: whether there is a subword, shape (W, T).
        present: whether there is a word, shape (B, N).
        first: place of each word's first subword among the W * T, shape (B, N); 0 in the padding.
        counts: number of each word's subwords, which follow each other, shape (B, N); 0 in the padding.
        belongs: which of the B * N words each subword belongs to, B * N for none, shape (W, T).
        lengths: number of words of each sentence.
        token_types: of each subword, shape (W, T); None where all are of the first type.
        cases: class of the letter case of each subword's word, 0 for none, shape (W, T); None where it is not read.
        of_second: true for the words of the second of two joined sentences, shape (B, N); None where none are joined.
    """

    ids: NDArray[np.int64]
    used: NDArray[np.bool_]
    present: NDArray[np.bool_]
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    belongs: NDArray[np.int64]
    lengths: list[int]
    token_types: NDArray[np.int64] | None = None
    cases: NDArray[np.int64] | None = None
    of_second: NDArray[np.bool_] | None = None


def lay_out(sentences: Sequence[Subwords], encoder: SubwordEncoder, *, pad_to_multiple: int = 1) -> Layout:
    """Lay sentences out in padded windows.

    Args:
        sentences: the sentences' subwords, at least one sentence of at least one word.
        encoder: the subword encoder, which knows the special subwords and the size of a window.
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
    return grid.layout()


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

    def layout(self, *, token_types: NDArray[np.int64] | None = None, seconds: Sequence[int] | None = None) -> Layout:
        """Return the rows as a layout.

        Args:
            token_types: of each subword, shape (W, T).
            seconds: the number of the first word of each row's second sentence, where two are joined.
        """
        of_second = None
        if seconds is not None:
            of_second = self.present & (np.arange(self.present.shape[1]) >= np.asarray(seconds)[:, None])
        return Layout(
            ids=self.ids,
            used=self.used,
            present=self.present,
            first=self.index,
            counts=self.counts,
            belongs=self.belongs,
            lengths=self.lengths,
            token_types=token_types,
            cases=self.cases,
            of_second=of_second,
        )
