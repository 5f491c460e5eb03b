"""Which words are in a list: cues of negation, question words, a gazetteer.

Sources: focusing attention (Caruana 1998); predicting inputs (Caruana and de Sa 1997), here membership in a gazetteer.
"""

from __future__ import annotations

from pathlib import Path

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.auxiliary._words import read_words
from hiernlp.settings import Settings


class MarkedOptions(Settings):
    """Settings of hints by a list's words within the sentence."""

    words: str = "negation"
    """The list, as for ``lexicon``; entries of a file may have several words, with a space between."""


class Marked(Maker[MarkedOptions]):
    """Labels every word ``in`` or ``out``: whether it is an entry of the list, or part of one, whatever its case.

    At each place the longest entry that begins there counts.
    """

    Options = MarkedOptions
    kind = "token_labels"
    shape = "tags"

    def __init__(self, options: MarkedOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.entries = frozenset(tuple(entry.split()) for entry in read_words(options.words, base=base))
        self.longest = max(map(len, self.entries))

    def label(self, row: Row) -> list[str]:
        words = [word.lower() for word in row["words"]]
        labels = ["out"] * len(words)
        at = 0
        while at < len(words):
            sizes = range(min(self.longest, len(words) - at), 0, -1)
            size = next((n for n in sizes if tuple(words[at : at + n]) in self.entries), 0)
            labels[at : at + size] = ["in"] * size
            at += max(size, 1)
        return labels
