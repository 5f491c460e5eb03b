"""Sentences of subwords to arrays: windows as rows, and where each word's subwords lie. Nothing here needs torch.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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
    windows = [window for number, s in enumerate(sentences) for window in _windows(number, s, size=encoder.size)]
    sizes = np.array([len(window.content.ids) for window in windows])
    before, after = len(encoder.prefix), len(encoder.suffix)
    width = -(-(int(sizes.max()) + before + after) // pad_to_multiple) * pad_to_multiple
    column = np.arange(width)
    inside = (column >= before) & (column < before + sizes[:, None])
    ids = np.full(inside.shape, encoder.padding, dtype=np.int64)
    ids[:, :before] = encoder.prefix
    ids[inside] = _chained([window.content.ids for window in windows])
    ids[np.arange(len(windows))[:, None], before + sizes[:, None] + np.arange(after)] = encoder.suffix

    # All words of all windows one after the other: their window, which of the B * N words they are, and their place.
    lengths = [len(sentence.lengths) for sentence in sentences]
    most = max(lengths)
    of_window = np.array([len(window.content.lengths) for window in windows])
    begins = np.array([window.sentence * most + window.first for window in windows])
    word = np.arange(of_window.sum()) + np.repeat(begins - np.cumsum(of_window) + of_window, of_window)
    subwords = _chained([window.content.lengths for window in windows])
    shift = np.arange(len(windows)) * width + before - np.cumsum(sizes) + sizes
    place = np.cumsum(subwords) - subwords + np.repeat(shift, of_window)
    counts = np.zeros((len(lengths), most), dtype=np.int64)
    counts.flat[word] = subwords
    first = np.zeros_like(counts)
    read = slice(None) if len(windows) == len(lengths) else np.concatenate([window.read for window in windows])
    first.flat[word[read]] = place[read]
    belongs = np.full(inside.shape, counts.size, dtype=np.int64)
    belongs[inside] = np.repeat(word, subwords)
    cases = None
    if sentences[0].cases is not None:
        cases = np.zeros_like(ids)
        cases[inside] = np.repeat(_chained([window.content.cases or [] for window in windows]), subwords)
    return Layout(
        ids=ids,
        used=column < (sizes + before + after)[:, None],
        present=np.arange(most) < np.array(lengths)[:, None],
        first=first,
        counts=counts,
        belongs=belongs,
        lengths=lengths,
        cases=cases,
    )


@dataclass(frozen=True)
class _Window:
    """Part of a sentence, or all of it, as it goes into one row.

    Attributes:
        sentence: number of the sentence.
        first: number of the first of the words in its sentence.
        content: the words' subwords.
        read: which of the words are read in this row.
    """

    sentence: int
    first: int
    content: Subwords
    read: NDArray[np.bool_]


def _windows(number: int, sentence: Subwords, *, size: int) -> list[_Window]:
    if len(sentence.ids) <= size:
        return [_Window(number, 0, sentence, np.ones(len(sentence.lengths), dtype=bool))]
    plan = plan_windows(sentence.lengths, size=size)
    bounds = np.concatenate([[0], np.cumsum(sentence.lengths)]).tolist()
    return [
        _Window(
            number,
            a,
            Subwords(
                sentence.ids[bounds[a] : bounds[b]], sentence.lengths[a:b], sentence.cases and sentence.cases[a:b]
            ),
            plan.home[a:b] == window,
        )
        for window, (a, b) in enumerate(plan.spans)
    ]


def _chained(parts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return np.fromiter(chain.from_iterable(parts), dtype=np.int64, count=sum(map(len, parts)))


class Grid:
    """Rows of subwords under construction, part by part, with the words that they belong to.

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
    ) -> int:
        """Put words into a row from place ``at`` on; return the place after them.

        Args:
            row: number of the row.
            at: place of the first subword.
            words: the words' subwords.
            sentence: number of the sentence.
            first: number of the first of the words in its sentence.
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
        self.index[sentence, numbers] = row * self.ids.shape[1] + at + np.cumsum(lengths) - lengths
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
