"""Which corpus a sentence comes from: the domain that an adversary is to find and the encoder to forget."""

from __future__ import annotations

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.auxiliary._columns import NAMED
from hiernlp.settings import Settings


class CorpusOptions(Settings):
    """The corpus's name has no settings."""


class Corpus(Maker[CorpusOptions]):
    """The corpus's name in the recipe."""

    Options = CorpusOptions
    kind = "sentence_labels"
    shape = "label"

    def label(self, row: Row) -> str:
        return row[NAMED]
