"""Rows of cells into records, for tables whose first row names the columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hiernlp.errors import DataError, did_you_mean
from hiernlp.inference.sources._base import Record, SourceOptions, record_of


def records_of(rows: Iterable[tuple[int, list[str] | None]], *, options: SourceOptions, file: str) -> Iterator[Record]:
    """Yield the records of rows given with their lines; None is a row that cannot be read.

    Raises:
        DataError: the header does not name the field of the text, or names it twice.
    """
    header: list[str] | None = None
    for line, cells in rows:
        if header is None:
            header = cells or []
            if header.count(options.field) != 1:
                what = "names twice" if options.field in header else "does not name"
                hint = "" if options.field in header else did_you_mean(options.field, header)
                raise DataError(f"the header {what} the column {options.field!r}{hint}", file=file, line=line)
        elif cells is None:
            yield Record.bad("expected UTF-8, found a byte that is not", file=file, line=line)
        elif len(cells) != len(header):
            yield Record.bad(f"expected {len(header)} columns, found {len(cells)}", file=file, line=line)
        else:
            yield record_of(dict(zip(header, cells, strict=True)), options=options, file=file, line=line)
