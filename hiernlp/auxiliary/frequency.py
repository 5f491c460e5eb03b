"""How frequent each word is: a bin of the logarithm of its count in training (Plank, Søgaard and Goldberg 2016)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.settings import Settings


class FrequencyOptions(Settings):
    """Settings of hints by frequency."""

    lowercase: bool = True
    """Count words that differ in letter case alone as one."""


class Frequency(Maker[FrequencyOptions]):
    """a = int(log(count in the training data)), as a string; a word that is not there has 0, as one that is there once.

    Counts come from training data alone, so that nothing of the development data is told.
    """

    Options = FrequencyOptions
    kind = "token_labels"
    shape = "tags"

    def __init__(self, options: FrequencyOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.counts: Counter[str] = Counter()

    def fit(self, rows: Iterable[Row]) -> None:
        self.counts = Counter(self._form(word) for row in rows for word in row["words"])

    def label(self, row: Row) -> list[str]:
        return [str(int(math.log(max(self.counts[self._form(word)], 1)))) for word in row["words"]]

    def _form(self, word: str) -> str:
        return word.lower() if self.options.lowercase else word
