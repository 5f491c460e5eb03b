"""The last letters of each word (Caruana and de Sa 1997: an input as an output)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.settings import Settings

RARE = "(rare)"


class SuffixOptions(Settings):
    """Settings of hints by suffixes."""

    length: int = Field(default=2, ge=1, le=10)
    """Number of characters; a shorter word is its own suffix."""
    min_count: int = Field(default=20, ge=1)
    """Suffixes of fewer words of the training data are one label, ``(rare)``."""


class Suffix(Maker[SuffixOptions]):
    """A word's last characters in lower case."""

    Options = SuffixOptions
    kind = "token_labels"
    shape = "tags"

    def __init__(self, options: SuffixOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.known: frozenset[str] = frozenset()

    def fit(self, rows: Iterable[Row]) -> None:
        counts = Counter(self._suffix(word) for row in rows for word in row["words"])
        self.known = frozenset(suffix for suffix, count in counts.items() if count >= self.options.min_count)

    def label(self, row: Row) -> list[str]:
        found = [self._suffix(word) for word in row["words"]]
        return [suffix if suffix in self.known else RARE for suffix in found]

    def _suffix(self, word: str) -> str:
        return word.lower()[-self.options.length :]
