"""Does the sentence contain a word of a list: a positive or a negative one, a question word, a cue of negation?

Source: hints by sentiment words (Yu and Jiang 2016, section 3).
"""

from __future__ import annotations

from pathlib import Path

from hiernlp.auxiliary._base import NO, YES, Maker, Row
from hiernlp.auxiliary._words import read_words
from hiernlp.settings import Settings


class LexiconOptions(Settings):
    """Settings of hints by a list of words."""

    words: str = "positive"
    """The list: ``positive``, ``negative``, ``question`` or ``negation`` (small English ones, bundled), or a text file
    in UTF-8 with a word a line, in which ``;`` and ``#`` begin comments."""


class Lexicon(Maker[LexiconOptions]):
    """``yes`` where one of the sentence's words is in the list, whatever its letter case, else ``no``.

    Whole words count alone. What a negation does to a word is not looked at: *not good* contains a positive word.
    """

    Options = LexiconOptions
    kind = "sentence_labels"
    shape = "label"

    def __init__(self, options: LexiconOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.words = read_words(options.words, base=base)

    def label(self, row: Row) -> str:
        return YES if any(word.lower() in self.words for word in row["words"]) else NO
