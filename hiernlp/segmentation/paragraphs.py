"""Paragraphs of a text: what stands between blank lines. No sentence goes beyond one."""

from __future__ import annotations

import re
from collections.abc import Iterator

_BLANK_LINE = re.compile(r"\r?\n(?:[^\S\n]*\n)+")


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of the stretches between blank lines."""
    start = 0
    for match in _BLANK_LINE.finditer(text):
        yield start, match.start()
        start = match.end()
    yield start, len(text)
