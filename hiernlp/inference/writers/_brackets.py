"""Spans in MISC: the bracketing of CorefUD for nested spans, IOB2 for flat ones.

In CorefUD (Nedoluzhko et al. 2022) ``(e1-person`` opens a mention of entity e1 at its first word, ``e1)`` closes it at
its last one, and ``(e1-person)`` is a mention of one word; a comment ``# global.Entity`` names the fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from hiernlp.corpora._entities import EntityFormat, EntityReader
from hiernlp.inference.writers._cells import bracket_value, misc_value

FIELDS = "eid-etype"
"""Fields of what is written: an identifier, unique in the document, and the type."""

_GLOBAL = re.compile(r"#\s*global\.Entity\s*=\s*(\S+)")


@dataclass(frozen=True, order=True)
class Labelled:
    """A span as it is compared: words ``start`` to ``end`` (exclusive) have ``label``."""

    start: int
    end: int
    label: str


def labelled(spans: Sequence[Mapping[str, Any]]) -> list[Labelled]:
    """Return spans of the annotation schema in reading order: by start, then longest first."""
    found = [Labelled(span["start"], span["end"], span["label"]) for span in spans]
    return sorted(found, key=lambda span: (span.start, -span.end))


def same(first: Sequence[Labelled], second: Sequence[Labelled]) -> bool:
    """Return whether two sentences have the same spans, in whatever order."""
    return sorted(first) == sorted(second)


def is_global(comment: str) -> bool:
    """Return whether a comment declares the fields of ``Entity=``."""
    return _GLOBAL.match(comment) is not None


def declared(comments: Sequence[str]) -> str | None:
    """Return the fields that a comment ``# global.Entity = ...`` declares, None if there is no such comment."""
    return next((found[1] for comment in comments if (found := _GLOBAL.match(comment))), None)


def parse(lines: Sequence[tuple[str, str | None]], form: EntityFormat) -> list[Labelled] | None:
    """Return the spans of a sentence, given as its lines' (id, value of ``Entity=``); None if they cannot be read."""
    reader, done = EntityReader(form), 0
    try:
        for name, value in lines:
            start, done = done, done + name.isdigit()
            if value is not None:
                reader.add(value, start=start, end=done, line=0)
    except ValueError:
        return None
    if reader.unclosed() is not None:
        return None
    return [Labelled(span["start"], span["end"], unquote(span["label"])) for span in reader.spans()]


def brackets(spans: Sequence[Labelled], words: int, *, first: int = 1) -> list[str | None]:
    """Return each word's value in CorefUD bracketing; spans are numbered ``e<first>`` and on.

    Closing brackets come first, the innermost leading, then opening ones, then spans of one word; where nothing opens,
    spans of one word come before closing ones.

    Example:
        >>> brackets([Labelled(0, 2, "org"), Labelled(1, 2, "place")], 2)
        ['(e1-org', '(e2-place)e1)']
    """
    opening: list[list[str]] = [[] for _ in range(words)]
    single: list[list[str]] = [[] for _ in range(words)]
    closing: list[list[str]] = [[] for _ in range(words)]
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    for name, span in enumerate(ordered, first):
        text = f"(e{name}-{bracket_value(span.label)}"
        if span.end - span.start == 1:
            single[span.start].append(text + ")")
        else:
            opening[span.start].append(text)
            closing[span.end - 1].insert(0, f"e{name})")
    values = []
    for opened, alone, closed in zip(opening, single, closing, strict=True):
        values.append("".join(closed + opened + alone if opened else alone + closed) or None)
    return values


def flat(spans: Sequence[Labelled]) -> bool:
    """Return whether no two spans share a word."""
    ordered = sorted(spans)
    return all(first.end <= second.start for first, second in pairwise(ordered))


def iob2(spans: Sequence[Labelled], words: int) -> list[str | None]:
    """Return each word's tag in IOB2, None outside of all spans, which must be flat.

    Example:
        >>> iob2([Labelled(0, 2, "NP")], 3)
        ['B-NP', 'I-NP', None]
    """
    tags: list[str | None] = [None] * words
    for span in spans:
        for i in range(span.start, span.end):
            tags[i] = f"{'B' if i == span.start else 'I'}-{misc_value(span.label)}"
    return tags
