"""The shape of words: what they look like with letters and digits made alike (Caruana 1998: focusing attention)."""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import Literal

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.encoding.letter_case import CASES, case_of
from hiernlp.settings import Settings


class ShapeOptions(Settings):
    """Settings of hints by the look of words."""

    of: Literal["word", "case", "punctuation"] = "word"
    """``word``: its shape, such as ``Xx`` or ``d.d``; ``case``: its letter case alone; ``punctuation``: the Unicode
    category of a word of punctuation or symbols, ``word`` for others."""


class Shape(Maker[ShapeOptions]):
    """A label for the look of every word.

    The shape puts ``X`` for capitals, ``x`` for other letters and ``d`` for digits, keeps the rest, and writes what
    repeats once.
    """

    Options = ShapeOptions
    kind = "token_labels"
    shape = "tags"

    def label(self, row: Row) -> list[str]:
        look = {"word": word_shape, "case": lambda word: CASES[case_of(word)], "punctuation": punctuation_class}
        return [look[self.options.of](word) for word in row["words"]]


def word_shape(word: str) -> str:
    """Return a word's shape.

    Example:
        >>> [word_shape(word) for word in ("Paris", "USA", "3.14", "e-mail", "McRae")]
        ['Xx', 'X', 'd.d', 'x-x', 'XxXx']
    """

    def look(character: str) -> str:
        if character.isalpha():
            return "X" if character.isupper() else "x"
        return "d" if character.isnumeric() else character

    return "".join(character for character, _ in groupby(map(look, word)))


def punctuation_class(word: str) -> str:
    """Return the Unicode category (``Po``, ``Ps``, ``Sc``, ...) of a word without letters and digits, else ``word``.

    Example:
        >>> [punctuation_class(word) for word in ("?!", "(", "$", "U.S.")]
        ['Po', 'Ps', 'Sc', 'word']
    """
    categories = [unicodedata.category(character) for character in word]
    return categories[0] if categories and all(c[0] in "PS" for c in categories) else "word"
