"""Chunk tags into labelled spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from hiernlp.corpora._schema import in_reading_order

Scheme = Literal["iob1", "iob2", "bioes", "auto"]
"""How tags mark spans.

``iob1``: I- inside, B- only where a span follows another of its label; ``iob2``: every span begins with B-; ``bioes``:
S- for a span of one word, E- for the last word; ``auto`` reads all of them (and BILOU, whose L- and U- are E- and S-).
"""

_PREFIXES: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "bioes": "BIESLU", "auto": "BIESLU"}


class TagError(ValueError):
    """A tag that its scheme does not know.

    Attributes:
        index: which of the tags, counted from 0.
    """

    def __init__(self, message: str, *, index: int) -> None:
        super().__init__(message)
        self.index = index


def spans_from_tags(tags: Sequence[str | None], *, scheme: Scheme = "auto") -> list[dict[str, Any]]:
    """Return the spans that tags mark, in reading order.

    Illegal sequences are read as the evaluation script of CoNLL-2000 reads them: a span begins at B- or S-, or wherever
    the label differs from that of the word before or that word ended its span; it goes on as long as the label stays
    the same. The schemes thus differ only in the prefixes that they allow. A tag that is None is outside.

    Args:
        tags: one tag a word: O, or a prefix, ``-`` and a label.
        scheme: the prefixes that are allowed.

    Raises:
        TagError: a tag has another prefix, or no label.

    Example:
        >>> spans_from_tags(["B-NP", "I-NP", "O", "I-VP"], scheme="iob2")
        [{'start': 0, 'end': 2, 'label': 'NP'}, {'start': 3, 'end': 4, 'label': 'VP'}]
    """
    prefixes = _PREFIXES[scheme]
    spans: list[tuple[int, int, str]] = []
    start, label = 0, None
    for i, tag in enumerate(tags):
        if tag is None or tag == "O":
            prefix, name = "O", None
        else:
            prefix, _, name = tag.partition("-")
            if len(prefix) != 1 or prefix not in prefixes or not name:
                allowed = ", ".join(f"{p}-label" for p in prefixes)
                raise TagError(f"expected O or one of {allowed} (scheme {scheme}), found {tag!r}", index=i)
        if label is not None and (name != label or prefix in "BSU"):
            spans.append((start, i, label))
            label = None
        if name is not None and label is None:
            start, label = i, name
        if prefix in "ESLU" and label is not None:
            spans.append((start, i + 1, label))
            label = None
    if label is not None:
        spans.append((start, len(tags), label))
    return in_reading_order(spans)
