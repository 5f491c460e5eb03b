"""Comma-separated values, a document a row."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from hiernlp.errors import DataError
from hiernlp.inference.sources._base import Record, Source, lines, shown
from hiernlp.inference.sources._delimited import records_of

_LONGEST_FIELD = 2**31 - 1


class Csv(Source):
    """Reads tables whose first row names the columns; fields in double quotes may hold commas and line ends.

    A row with a byte that is not UTF-8 is lost. Quotes that are broken end the file, as no one knows what follows.
    """

    endings = (".csv",)

    def records(self, name: str) -> Iterator[Record]:
        return records_of(self._rows(name), options=self.options, file=shown(name))

    def _rows(self, name: str) -> Iterator[tuple[int, list[str] | None]]:
        # The limit belongs to the whole process; it is only ever raised.
        csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
        broken: list[int] = []

        def text() -> Iterator[str]:
            for number, line in lines(name):
                if line is None:
                    broken.append(number)
                yield "\n" if line is None else line + "\n"

        reader = csv.reader(text(), strict=True)
        start = 1
        try:
            for cells in reader:
                if broken:
                    yield broken[0], None
                    broken.clear()
                elif cells:
                    yield start, cells
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"the quotes are broken: {error}", file=shown(name), line=start) from None
