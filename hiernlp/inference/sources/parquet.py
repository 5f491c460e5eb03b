"""Parquet files, a document a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hiernlp.errors import DataError, did_you_mean
from hiernlp.inference.sources._base import STANDARD_INPUT, Record, Source, record_of

_ROWS = 256
"""Rows that are held at a time."""


class Parquet(Source):
    """Reads parquet files, a few rows at a time; the line of a record is its row's number."""

    endings = (".parquet",)

    def check(self, name: str) -> None:
        import pyarrow as pa  # noqa: PLC0415 - only here
        from pyarrow import parquet  # noqa: PLC0415

        super().check(name)
        if name == STANDARD_INPUT:
            raise DataError("parquet cannot be read from standard input; name a file")
        try:
            columns = parquet.read_schema(Path(name).expanduser()).names
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"expected a parquet file: {error}", file=name) from None
        if self.options.field not in columns:
            wanted = self.options.field
            raise DataError(f"there is no column {wanted!r}{did_you_mean(wanted, columns)}", file=name)

    def records(self, name: str) -> Iterator[Record]:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        try:
            with parquet.ParquetFile(Path(name).expanduser()) as table:
                number = 0
                for batch in table.iter_batches(batch_size=_ROWS):
                    for row in batch.to_pylist():
                        number += 1
                        yield record_of(row, options=self.options, file=name, line=number)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"the file can be read no further: {error}", file=name) from None
