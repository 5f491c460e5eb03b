"""Sentences that a command tries a model on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from hiernlp.corpora.conllu import Conllu, ConlluOptions
from hiernlp.errors import DataError
from hiernlp.recipe.files import bundled_folder
from hiernlp.segmentation import segment

SAMPLE = 120
"""Sentences of the bundled sample that are taken."""


def sample_sentences() -> list[list[str]]:
    """Return the words of sentences of the bundled sample."""
    rows = Conllu(ConlluOptions()).rows(bundled_folder() / "sample" / "dev.conllu")
    return [row["words"] for row in islice(rows, SAMPLE)]


def text_sentences(text: Path, *, language: str) -> list[list[str]]:
    """Return the words of the sentences of a text file, split by the rules of a language.

    Raises:
        DataError: it is not in UTF-8.
    """
    try:
        return [part.words for part in segment(text.read_text(encoding="utf-8"), language=language)]
    except UnicodeDecodeError as error:
        raise DataError(f"expected text in UTF-8, found something else ({error.reason})", file=text) from None
