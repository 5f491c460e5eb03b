"""How a multiword token becomes words, said so that other tokens may become theirs in the same way.

A split is a list of parts, written with blanks between them, that go through the token from its first letter to its
last: a number takes so many letters as a word; ``*``, which is there at most once, takes as many as the others leave;
``du>de+le`` takes the letters *du* and gives the words *de* and *le*. ``* 3`` splits *couldn't* and *wouldn't*.
Letter case is left out of what is replaced, and given back to its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REST = "*"
_GIVES, _AND = ">", "+"


@dataclass(frozen=True)
class Piece:
    """One word of a multiword token.

    Attributes:
        text: the word.
        start: where it begins in the token, in characters.
        end: where it ends (exclusive); a word that does not stand in the token has the place of what it stands for.
    """

    text: str
    start: int
    end: int


def split_of(token: str, words: Sequence[str]) -> str | None:
    """Return the split that makes these words of a token, or None if none does.

    Words that stand in the token, from its beginning and from its end on, are taken from there. The longest of them
    becomes ``*`` if it is all that the others leave: as a rule it is the word that changes from token to token.

    Example:
        >>> split_of("couldn't", ["could", "n't"]), split_of("du", ["de", "le"]), split_of("dámelo", ["da", "me", "lo"])
        ('* 3', 'du>de+le', 'dá>da 2 2')
    """
    first, at = 0, 0
    while first < len(words) and words[first] and token.startswith(words[first], at):
        at += len(words[first])
        first += 1
    last, end = len(words), len(token)
    while last > first and words[last - 1] and token.endswith(words[last - 1], at, end):
        end -= len(words[last - 1])
        last -= 1
    if first == last and at == end:
        parts = [str(len(word)) for word in words]
        sizes = [len(word) for word in words]
        parts[sizes.index(max(sizes))] = REST
    else:
        # What is replaced must be some letters and give some words: a word beside it is replaced with it otherwise.
        while first and (first == last or at == end):
            first -= 1
            at -= len(words[first])
        while last < len(words) and (first == last or at == end):
            end += len(words[last])
            last += 1
        middle = token[at:end].lower() + _GIVES + _AND.join(word.lower() for word in words[first:last])
        parts = [*(str(len(word)) for word in words[:first]), middle, *(str(len(word)) for word in words[last:])]
    split = " ".join(parts)
    made = apply_split(split, token)
    return split if made is not None and [piece.text for piece in made] == list(words) else None


def apply_split(split: str, token: str) -> list[Piece] | None:
    """Return the words that a split makes of a token, or None if it does not fit.

    Example:
        >>> [piece.text for piece in apply_split("* 3", "Couldn't")], [p.text for p in apply_split("du>de+le", "Du")]
        (['Could', "n't"], ['De', 'le'])
    """
    parts = [part.partition(_GIVES) for part in split.split(" ")]
    sizes = [len(taken) if gives else 0 if taken == REST else int(taken) for taken, gives, _ in parts]
    rest = len(token) - sum(sizes)
    pieces: list[Piece] = []
    at = 0
    for (taken, gives, words), size in zip(parts, sizes, strict=True):
        end = at + (rest if taken == REST else size)
        if end <= at or end > len(token):
            return None
        surface = token[at:end]
        if gives and surface.lower() != taken:
            return None
        made = _recased(words.split(_AND), surface) if gives else [surface]
        pieces += [Piece(word, at, end) for word in made]
        at = end
    return pieces if at == len(token) else None


def _recased(words: list[str], like: str) -> list[str]:
    """Return words in lower case written like a piece of text: all upper case, its first letter so, or as they are."""
    if len(like) > 1 and like.isupper():
        return [word.upper() for word in words]
    return [words[0][:1].upper() + words[0][1:], *words[1:]] if like[:1].isupper() else words
