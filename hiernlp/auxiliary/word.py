"""Which word it is: the labels of a masked language model, or of an autoencoder (Rei 2017)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.settings import Settings

OTHER = "(other)"


class WordOptions(Settings):
    """Settings of labels by the words themselves."""

    vocabulary: int = Field(default=7500, ge=2)
    """Number of words, the most frequent of the training data; all others are one label, ``(other)``."""


class Word(Maker[WordOptions]):
    """The word itself in lower case.

    Learnt from a ``view`` in which it is hidden, a masked language model; from one with ``answer: all``, a denoising
    autoencoder; from the sentence as it is, an autoencoder of words, which keeps their identity in the layer where it
    stands and is the easier the lower that is.
    """

    Options = WordOptions
    kind = "token_labels"
    shape = "tags"

    def __init__(self, options: WordOptions, *, base: Path) -> None:
        super().__init__(options, base=base)
        self.vocabulary: frozenset[str] = frozenset()

    def fit(self, rows: Iterable[Row]) -> None:
        counts = Counter(word.lower() for row in rows for word in row["words"])
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self.vocabulary = frozenset(ranked[: self.options.vocabulary])

    def label(self, row: Row) -> list[str]:
        lowered = [word.lower() for word in row["words"]]
        return [word if word in self.vocabulary else OTHER for word in lowered]
