"""The smallest pieces of a text that a learned segmenter looks at, finer than words of any treebank, as a rule."""

from __future__ import annotations

from dataclasses import dataclass

import regex

_NO_BLANKS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
"""Scripts in which no blank tells where a word ends."""
_JOINED = r"[\p{M}\u200c\u200d]"
"""What belongs to the letter before it: accents, vowel signs, joiners."""

_ATOM = regex.compile(
    rf"(?P<alone>[{_NO_BLANKS}]{_JOINED}*+)"
    rf"|(?P<letters>(?:[\p{{L}}--[{_NO_BLANKS}]]{_JOINED}*+)++)"
    r"|(?P<digits>\p{N}++)"
    r"|(?P<mark>[^\s\x1c-\x1f])(?P=mark)*+",
    regex.VERSION1,
)


@dataclass(frozen=True, slots=True)
class Atom:
    """A piece of a text without white space in it.

    Attributes:
        text: the piece.
        start: where it begins in the text, in characters.
        end: where it ends (exclusive).
    """

    text: str
    start: int
    end: int


def split_atoms(text: str, start: int = 0, end: int | None = None) -> list[Atom]:
    """Return the atoms of a text, or of the part of it between two places.

    An atom is a run of letters, a run of digits, or a mark with its repetitions; a letter of a script without blanks
    between words (Han, Thai, ...) is one by itself. Every character but white space is in exactly one atom.

    Example:
        >>> [atom.text for atom in split_atoms("I don't... 3pm")]
        ['I', 'don', "'", 't', '...', '3', 'pm']
    """
    found = _ATOM.finditer(text, start, len(text) if end is None else end)
    return [Atom(match[0], match.start(), match.end()) for match in found]
