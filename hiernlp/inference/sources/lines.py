"""Text files, a document a line."""

from __future__ import annotations

from collections.abc import Iterator

from hiernlp.inference.sources._base import NOT_UTF8, Record, Source, lines, shown


class Lines(Source):
    """Reads text with one document a line; blank lines are left out."""

    def records(self, name: str) -> Iterator[Record]:
        file = shown(name)
        for number, line in lines(name):
            if line is None:
                yield Record.bad(NOT_UTF8, file=file, line=number)
            elif line.strip():
                yield Record(line, file, number)

    @classmethod
    def fits(cls, name: str) -> bool:  # noqa: ARG003 - no name tells
        return False
