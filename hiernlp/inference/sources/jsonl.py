"""JSON lines, a document an object."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hiernlp.inference.sources._base import NOT_UTF8, Record, Source, lines, record_of, shown


class Jsonl(Source):
    """Reads one JSON object a line; blank lines are left out."""

    endings = (".jsonl", ".ndjson")

    def records(self, name: str) -> Iterator[Record]:
        file = shown(name)
        for number, line in lines(name):
            if line is None:
                yield Record.bad(NOT_UTF8, file=file, line=number)
            elif line.strip():
                yield self._record(line, file, number)

    def _record(self, line: str, file: str, number: int) -> Record:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            return Record.bad(f"expected a JSON object in one line: {error}", file=file, line=number)
        if not isinstance(found, dict):
            return Record.bad(f"expected a JSON object, found {type(found).__name__}", file=file, line=number)
        return record_of(found, options=self.options, file=file, line=number)
