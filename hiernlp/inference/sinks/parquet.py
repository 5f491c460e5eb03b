"""Parquet, one row a record."""

from __future__ import annotations

import json
import shutil
from typing import Any

from hiernlp.errors import DataError
from hiernlp.files import replaced_file
from hiernlp.inference.document import PROBABILITY, Document
from hiernlp.inference.sinks._base import Mark, Numbered, Sink
from hiernlp.inference.sources import Record
from hiernlp.inference.writers.json import to_line


class Parquet(Sink):
    """One row a record: the columns of the JSON lines, but ``fields`` is JSON, and a distribution a list of its labels.

    A parquet file is readable only when it is closed. What is committed is therefore a complete small file of its own
    in the folder ``<output>.part``; in the end their rows are put into one file, a group of rows for each.
    """

    def begin(self, mark: Mark) -> None:
        self.part.mkdir(parents=True, exist_ok=True)
        self._rows: list[dict[str, Any]] = []
        self._parts = mark.get("parts", 0)
        kept = {self._name(number) for number in range(self._parts)}
        there = {file.name for file in self.part.iterdir()}
        if kept - there:
            raise DataError(
                f"expected {min(kept - there)}, which is missing; start anew without --resume", file=self.part
            )
        for name in there - kept:
            (self.part / name).unlink()

    def write(self, numbered: Numbered, document: Document) -> None:
        self._rows.append(_row(numbered, document))

    def commit(self) -> Mark:
        from pyarrow import Table, parquet  # noqa: PLC0415 - only here

        if self._rows:
            with replaced_file(self.part / self._name(self._parts)) as new:
                parquet.write_table(Table.from_pylist(self._rows), new)
            self._rows = []
            self._parts += 1
        return {"parts": self._parts}

    def close(self) -> None:
        self._rows = []

    def finish(self) -> None:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        files = sorted(self.part.glob("*.parquet"))
        schemas = [parquet.read_schema(file) for file in files]
        # Where a part has no span or label at all, its list is of nothing.
        empty = [_row(Numbered(0, Record("", "", 0)), Document(None, []))]
        schema = pa.unify_schemas(schemas or [pa.Table.from_pylist(empty).schema], promote_options="permissive")
        with replaced_file(self.path) as new, parquet.ParquetWriter(new, schema) as writer:
            for file in files:
                writer.write_table(pa.Table.from_pylist(parquet.read_table(file).to_pylist(), schema=schema))

    def clear(self) -> None:
        shutil.rmtree(self.part, ignore_errors=True)

    @staticmethod
    def _name(number: int) -> str:
        return f"{number:08d}.parquet"


def _row(numbered: Numbered, document: Document) -> dict[str, Any]:
    record = numbered.record
    found = document.to_dict()
    for sentence in found["sentences"]:
        sentence["annotations"] = {c: _cell(c, value) for c, value in sentence["annotations"].items()}
    return {
        "record": numbered.number,
        "id": None if record.id is None else str(record.id),
        "file": record.file,
        "line": record.line,
        "fields": to_line(record.fields),
        **_encodable(found),
    }


def _cell(column: str, value: Any) -> Any:  # noqa: ANN401 - any annotation
    if column.endswith(PROBABILITY) and isinstance(value, dict):
        return [{"label": label, "probability": share} for label, share in value.items()]
    return value


def _encodable(found: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping whose strings are UTF-8: lone surrogates, which it cannot hold, become U+FFFD."""
    text = json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return json.loads(text.decode("utf-8", "replace"))
