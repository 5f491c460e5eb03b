"""Which words were replaced: a helper that nobody annotated and that reads all words (Clark et al. 2020, ELECTRA)."""

from __future__ import annotations

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.encoding.corruption import ORIGINAL, REPLACED
from hiernlp.settings import Settings


class ReplacedOptions(Settings):
    """Detecting replaced words has no settings but those of the task's ``view``."""


class Replaced(Maker[ReplacedOptions]):
    """``replaced`` or ``original`` for every word of a view in which some words became others.

    The view draws anew in every epoch, so that the labels are its; in the corpus itself every word is original. By
    default 15% of the words become another word of the batch, drawn by frequency; one that becomes itself is original.
    """

    Options = ReplacedOptions
    kind = "token_labels"
    shape = "tags"
    view = {"mask": 0.15, "random": 1.0, "kept": 0.0, "answer": "replaced"}
    space = (ORIGINAL, REPLACED)

    def label(self, row: Row) -> list[str]:
        return [ORIGINAL] * len(row["words"])
