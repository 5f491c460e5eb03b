"""Sentences and words as one label for every atom of a text, which a model can learn, and back again.

A label begins with ``B`` for an atom that begins a token, ``I`` for one that goes on with it, or ``J`` for one that
goes on with it across white space. A full stop after the letter says that a sentence ends after the atom. What
follows a blank splits the multiword token that begins here (see :mod:`.splits`): *Don't go. Why?* is ``B 2 *``, ``I``,
``I``, ``B``, ``B.``, ``B``, ``B.``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hiernlp.segmentation.atoms import Atom
from hiernlp.segmentation.segments import MultiwordToken, Segment
from hiernlp.segmentation.splits import apply_split, split_of

COLUMN = "boundary"
"""The annotation column of these labels. A task that writes it makes its model a segmenter."""

BEGINS, CONTINUES, JOINS = "B", "I", "J"
ENDS = "."


@dataclass(frozen=True)
class Token:
    """A token of a text whose sentences and words are known.

    Attributes:
        start: where it begins in the text, in characters.
        end: where it ends (exclusive).
        words: its words if it stands for several, or else none.
        ends: whether a sentence ends after it.
    """

    start: int
    end: int
    words: Sequence[str] = ()
    ends: bool = False


def labels_of(text: str, atoms: Sequence[Atom], tokens: Sequence[Token]) -> list[str | None]:
    """Return each atom's label, given the tokens of the text, in order; None where none can say what the tokens are.

    That is so for an atom that holds a place where a token begins, and for the first one of a token that is not made of
    whole atoms or whose words no split can give.
    """
    labels: list[str | None] = [None] * len(atoms)
    number = 0
    for token in tokens:
        inside = range(number, number)
        while number < len(atoms) and atoms[number].end <= token.end:
            number += 1
            inside = range(inside.start, number)
        whole = bool(inside) and atoms[inside[0]].start == token.start and atoms[inside[-1]].end == token.end
        if not whole:
            # The atom that reaches beyond this token is no label's, nor are the others of the tokens that it holds.
            continue
        split = split_of(text[token.start : token.end], token.words) if token.words else ""
        for i in inside:
            labels[i] = _goes_on(atoms, i)
        labels[inside[0]] = BEGINS
        if token.ends:
            last = labels[inside[-1]]
            assert last is not None
            labels[inside[-1]] = last + ENDS
        if split is None:
            labels[inside[0]] = None
        elif split:
            labels[inside[0]] = f"{labels[inside[0]]} {split}"
    return labels


def segments_of(text: str, atoms: Sequence[Atom], labels: Sequence[str]) -> Iterator[Segment]:
    """Yield the sentences of a paragraph, given its atoms and their labels.

    Any labels give sentences in which each atom is in exactly one token: the first atom begins a token and after the
    last one a sentence ends, an atom goes on with a token across white space by ``J`` alone, no sentence ends within a
    token, and a split that does not fit its token is none.
    """
    first = 0
    begun: list[int] = []
    for i in range(len(atoms)):
        if i == first or labels[i][:1] not in (CONTINUES, JOINS) or labels[i][:1] != _goes_on(atoms, i):
            if i > first and ENDS in labels[i - 1].partition(" ")[0]:
                yield _segment(text, atoms, labels, [*begun, i])
                first, begun = i, []
            begun.append(i)
    if begun:
        yield _segment(text, atoms, labels, [*begun, len(atoms)])


def _goes_on(atoms: Sequence[Atom], i: int) -> str:
    """Return how an atom that begins no token goes on with the one before it."""
    return CONTINUES if i and atoms[i].start == atoms[i - 1].end else JOINS


def _segment(text: str, atoms: Sequence[Atom], labels: Sequence[str], bounds: Sequence[int]) -> Segment:
    """Return a sentence whose tokens begin at the atoms ``bounds``, the last of which is the one after it."""
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    multiword: list[MultiwordToken] = []
    for a, b in pairwise(bounds):
        start, end = atoms[a].start, atoms[b - 1].end
        split = labels[a].partition(" ")[2]
        pieces = (apply_split(split, text[start:end]) if split else None) or []
        if pieces:
            multiword.append(MultiwordToken(len(words), len(words) + len(pieces), start, end))
        words += [piece.text for piece in pieces] or [text[start:end]]
        starts += [start + piece.start for piece in pieces] or [start]
        ends += [start + piece.end for piece in pieces] or [end]
    return Segment(words, starts, ends, starts[0], atoms[bounds[-1] - 1].end, tuple(multiword))
