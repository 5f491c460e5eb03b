"""Tables with tabs between the columns, a document a row."""

from __future__ import annotations

from collections.abc import Iterator

from hiernlp.inference.sources._base import Record, Source, lines, shown
from hiernlp.inference.sources._delimited import records_of


class Tsv(Source):
    """Reads tables whose first line names the columns; quotes are characters like any other."""

    endings = (".tsv", ".tab")

    def records(self, name: str) -> Iterator[Record]:
        rows = ((number, None if line is None else line.split("\t")) for number, line in lines(name) if line != "")
        return records_of(rows, options=self.options, file=shown(name))
