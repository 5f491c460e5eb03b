"""CoNLL-U files, a document of theirs a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hiernlp.corpora.conllu import Conllu as Reader
from hiernlp.corpora.conllu import ConlluOptions
from hiernlp.errors import DataError
from hiernlp.inference.sources._base import NOT_UTF8, Record, Source, lines, shown
from hiernlp.inference.writers._block import key_value

MOST_SENTENCES = 1000
"""Longer documents, and files that mark none, are cut after so many sentences."""

# Of the input's own annotation nothing is read: it may be missing or wrong, and it stays where nothing is predicted.
READER = Reader(ConlluOptions(sentence_comments={}, document_comments={}, entities=None, misc={}, check_trees=False))


class Conllu(Source):
    """Reads CoNLL-U sentence by sentence; a sentence that cannot be read is left out of its document and reported.

    A record is what follows a ``# newdoc``, cut after a thousand sentences.
    """

    endings = (".conllu",)

    def records(self, name: str) -> Iterator[Record]:
        file = shown(name)
        documents, document, before, start = 0, None, 0, 1
        rows: list[dict[str, Any]] = []

        def record() -> Iterator[Record]:
            if rows:
                yield Record(list(rows), file, start, document, before=before)
                rows.clear()

        for first, block in _blocks(name):
            begins = next((v for k, v in map(key_value, _comments(block)) if k in ("newdoc", "newdoc id")), None)
            if begins is not None:
                yield from record()
                documents, before = documents + 1, 0
                document = begins or f"{Path(file).name}#{documents}"
            elif len(rows) == MOST_SENTENCES:
                yield from record()
                before += MOST_SENTENCES
            start = start if rows else first
            if None in block:
                yield Record.bad(NOT_UTF8, file=file, line=first + block.index(None))
                continue
            try:
                found = list(READER.parse("\n".join(map(str, block)), file=file, first=first))
            except DataError as error:
                yield Record(None, file, error.line or first, error=error)
                continue
            rows += [row | {"document": document} for row in found]
        yield from record()


def _comments(block: list[str | None]) -> list[str]:
    return [line for line in block if line is not None and line.startswith("#")]


def _blocks(name: str) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the first line's number and the lines of each stretch between blank lines."""
    block: list[str | None] = []
    number = 0
    for number, line in lines(name):
        if line is None or line.strip(" "):
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield number - len(block) + 1, block
