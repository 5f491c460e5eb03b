"""Text files, a document a paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from hiernlp.inference.sources._base import NOT_UTF8, Record, Source, lines, shown


class Text(Source):
    """Reads text whose paragraphs stand between blank lines; no sentence goes across one.

    A paragraph with a line that is not UTF-8 is lost as a whole.
    """

    endings = (".txt", ".text", ".md")

    def records(self, name: str) -> Iterator[Record]:
        file = shown(name)
        start, paragraph, broken = 1, list[str](), 0

        def record() -> Record:
            if broken:
                return Record.bad(NOT_UTF8, file=file, line=broken)
            return Record("\n".join(paragraph), file, start)

        for number, line in lines(name):
            if line is None or line.strip():
                start = start if paragraph or broken else number
                broken = broken or (number if line is None else 0)
                paragraph.append(line or "")
            elif paragraph:
                yield record()
                paragraph, broken = [], 0
        if paragraph:
            yield record()
