"""Tables: csv, tsv, jsonl and parquet files with one sentence a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hiernlp.corpora._base import FileReader
from hiernlp.corpora._files import TextLines
from hiernlp.corpora._schema import Row, Shape
from hiernlp.corpora._values import TableOptions
from hiernlp.errors import DataError

Format = Literal["csv", "tsv", "jsonl", "parquet"]
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_LONGEST_FIELD = 2**31 - 1


class TablesOptions(TableOptions):
    """Settings of the reader of tables."""

    format: Format | None = None
    """The files' format; by default their suffix tells."""
    header: bool = True
    """The first row of csv and tsv names the columns; without it, columns are numbers counted from 0."""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    """What separates the columns of csv (by default a comma) or tsv (a tab)."""
    quoting: bool | None = None
    """Fields may stand in double quotes and then hold separators and line ends; by default so in csv and not in tsv."""


class Tables(FileReader[TablesOptions]):
    """Reads tables with one sentence a row (JSON-lines: one object a line).

    A cell that is absent, null or empty is a missing annotation. Lines that are blank are left out. For parquet, the
    line in messages is the number of the row, counted from 1.
    """

    Options = TablesOptions

    def columns(self) -> Mapping[str, Shape]:
        """Return the annotations of the options."""
        return self.options.shapes()

    def rows(self, path: Path) -> Iterator[Row]:
        """Read one file."""
        file = str(path)
        form = self.options.format or _SUFFIXES.get(path.suffix.lower())
        if form is None:
            raise DataError(
                f"the suffix {path.suffix!r} does not tell the format; set the reader's option `format` to one of csv, "
                "tsv, jsonl, parquet",
                file=file,
            )
        if form in ("csv", "tsv"):
            cells = self._delimited(path, "," if form == "csv" else "\t", quoting=form == "csv")
        elif form == "jsonl":
            cells = self._json_lines(path)
        else:
            cells = self._parquet(path)
        for line, row in cells:
            yield self.options.row(row, file=file, line=line)

    def _delimited(self, path: Path, separator: str, *, quoting: bool) -> Iterator[tuple[int, Mapping[str | int, Any]]]:
        """Yield the line and the needed cells of every row of csv or tsv."""
        separator = self.options.separator or separator
        quoting = quoting if self.options.quoting is None else self.options.quoting
        lines = _quoted(path, separator) if quoting else _unquoted(path, separator)
        where: dict[str | int, int] = {}
        width = 0
        for line, cells in lines:
            if not width:
                width = len(cells)
                where = self._places(cells, file=str(path), line=line)
                if self.options.header:
                    continue
            if len(cells) != width:
                raise DataError(
                    f"expected {width} columns separated by {separator!r}, found {len(cells)}", file=path, line=line
                )
            yield line, {name: cells[i] for name, i in where.items()}

    def _places(self, first: Sequence[str], *, file: str, line: int) -> dict[str | int, int]:
        """Return where the needed columns stand, given a file's first row."""
        needed = self.options.needed()
        numbers = [name for name in needed if isinstance(name, int)]
        names = [name for name in needed if isinstance(name, str)]
        wrong = [number for number in numbers if not 0 <= number < len(first)]
        if wrong:
            raise DataError(
                f"expected a column {wrong[0]} (counted from 0), found {len(first)} columns; check the separator",
                file=file,
                line=line,
            )
        if names and not self.options.header:
            raise DataError(
                f"the column {names[0]!r} cannot be found without a header; give its number, counted from 0", file=file
            )
        for name in names:
            if first.count(name) > 1:
                raise DataError(f"the header names {name!r} twice; give the column's number", file=file, line=line)
        if names:
            self.options.check_available([*first, *numbers], file=file, line=line)  # type: ignore[list-item]
        return {name: name if isinstance(name, int) else first.index(name) for name in needed}

    def _json_lines(self, path: Path) -> Iterator[tuple[int, Mapping[str | int, Any]]]:
        """Yield the line and the object of every line; a column that no line has is an error at the end."""
        seen: dict[str | int, None] = {}
        for number, line in enumerate(TextLines(path), start=1):
            if not line.strip(" \t\r"):
                continue
            try:
                found = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise DataError(f"expected a JSON object in one line: {error}", file=path, line=number) from None
            if not isinstance(found, dict):
                raise DataError(f"expected a JSON object, found {type(found).__name__}", file=path, line=number)
            if not seen:
                sentences = self.options.text if self.options.words is None else self.options.words
                if sentences not in found:
                    self.options.check_available(found, file=str(path), line=number)
            seen.update(dict.fromkeys(found))
            yield number, found
        if seen:
            self.options.check_available([str(name) for name in seen], file=str(path))

    def _parquet(self, path: Path) -> Iterator[tuple[int, Mapping[str | int, Any]]]:
        """Yield the number and the needed cells of every row of parquet."""
        import pyarrow as pa  # noqa: PLC0415 - only here
        from pyarrow import parquet  # noqa: PLC0415

        try:
            with parquet.ParquetFile(path) as table:
                self.options.check_available(table.schema_arrow.names, file=str(path))
                number = 0
                for batch in table.iter_batches(batch_size=1000, columns=[str(name) for name in self.options.needed()]):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"expected a parquet file: {error}", file=path) from None


def _unquoted(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(TextLines(path), start=1):
        if line:
            yield number, line.split(separator)


def _quoted(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    # The limit belongs to the whole process; it is only ever raised.
    csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
    reader = csv.reader((line + "\n" for line in TextLines(path)), delimiter=separator, strict=True)
    start = 1
    try:
        for cells in reader:
            if cells:
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"the quotes are broken: {error}", file=path, line=start) from None
