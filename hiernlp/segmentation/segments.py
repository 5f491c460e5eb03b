"""What splitting a text gives: sentences of words, with their places in the text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MultiwordToken:
    """One token of the text that stands for several words, such as ``don't`` for *do* and *n't*.

    Attributes:
        first: number of its first word in the sentence, counted from 0.
        last: number of the word after its last one.
        start: where it begins in the text, in characters.
        end: where it ends (exclusive).
    """

    first: int
    last: int
    start: int
    end: int


@dataclass(frozen=True)
class Segment:
    """One sentence of a text.

    Attributes:
        words: its words; none is empty or only blanks.
        starts: where each word begins in the text, in characters.
        ends: where each word ends (exclusive): ``text[start:end]`` is the word, but for words of a multiword token that
            do not stand in the text as they are (French *du*, *de* and *le*); those have the place of what they stand
            for.
        start: where the sentence begins.
        end: where it ends (exclusive).
        multiword: the tokens that stand for several words, in order.
    """

    words: list[str]
    starts: list[int]
    ends: list[int]
    start: int
    end: int
    multiword: tuple[MultiwordToken, ...] = ()
