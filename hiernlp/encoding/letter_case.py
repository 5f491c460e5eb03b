"""The letter case of words, which many tokenizers take away before the encoder sees them."""

from __future__ import annotations

CASES = ("outside", "none", "lower", "capital", "capitalised", "upper", "mixed")
"""The classes by number: what is no word (special subwords, padding); a word without cased letters; all lower case; one
capital alone; a capital and then lower case; several capitals and no lower case; any other mixture."""


def case_of(word: str) -> int:
    """Return the class of a word's letter case, a number into ``CASES``; never that of what is no word.

    Example:
        >>> [CASES[case_of(word)] for word in ("1990", "the", "I", "Paris", "U.S.", "iPhone", "McRae")]
        ['none', 'lower', 'capital', 'capitalised', 'upper', 'mixed', 'mixed']
    """
    upper = sum(map(str.isupper, word))
    lower = sum(map(str.islower, word))
    if not upper:
        return CASES.index("lower" if lower else "none")
    if not lower:
        return CASES.index("upper" if upper > 1 else "capital")
    # A title-case letter such as the ligature of D and z counts as neither.
    first = next(letter for letter in word if letter.isupper() or letter.islower())
    return CASES.index("capitalised" if upper == 1 and first.isupper() else "mixed")
