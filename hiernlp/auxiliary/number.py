"""Does the sentence contain a number?"""

from __future__ import annotations

from hiernlp.auxiliary._base import NO, YES, Maker, Row
from hiernlp.settings import Settings


class NumberOptions(Settings):
    """Hints by numbers have no settings."""


class Number(Maker[NumberOptions]):
    """``yes`` where a word has a digit or another numeric character, else ``no``."""

    Options = NumberOptions
    kind = "sentence_labels"
    shape = "label"

    def label(self, row: Row) -> str:
        return YES if any(character.isnumeric() for word in row["words"] for character in word) else NO
