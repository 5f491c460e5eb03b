"""Rows into Arrow: streamed to a cache folder, written whole or not at all, then memory-mapped."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.corpora._schema import BASE, Row, Shape, features
from hiernlp.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

DEFAULT_CACHE = Path("~default")
"""Stands for the folder ``hiernlp`` in the cache of ``datasets``."""

_BATCH = 500
_ROWS = "rows.arrow"
_PRESENT = "columns.json"


@cache
def _code_state() -> str:
    """Return a digest of this package's code: whatever changes a reader makes its cached corpora stale."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def cache_key(parts: Sequence[str]) -> str:
    """Return the name of a cache entry made from these parts by this version of the library."""
    return hashlib.sha256(json.dumps([_code_state(), *parts]).encode()).hexdigest()[:32]


def to_dataset(
    rows: Callable[[], Iterator[Row]], *, columns: Mapping[str, Shape], cache_dir: Path | None, key: str
) -> datasets.Dataset:
    """Return rows as a dataset, from the cache if the entry ``key`` is there; columns with no value are left out.

    Args:
        rows: starts reading; called only if there is no cache entry.
        columns: the annotation columns that rows may have.
        cache_dir: the folder of all entries; None for no cache, the dataset then lives in memory.
        key: the name of the entry.

    Raises:
        DataError: whatever ``rows`` raises, or a row cannot be stored; nothing is left in the cache then.
    """
    import pyarrow as pa  # noqa: PLC0415 - as is the next, slow to import
    from datasets import Dataset, config  # noqa: PLC0415
    from datasets.table import InMemoryTable  # noqa: PLC0415

    schema = features(columns).arrow_schema
    if cache_dir is None:
        present: set[str] = set()
        table = pa.Table.from_batches(list(_batches(rows(), schema=schema, present=present)), schema=schema)
        return _without_missing(Dataset(InMemoryTable(table)), present)

    home = Path(config.HF_DATASETS_CACHE) / "hiernlp" if cache_dir == DEFAULT_CACHE else cache_dir
    entry = home.expanduser() / key
    if not (entry / _PRESENT).is_file():
        _write_entry(rows(), entry=entry, schema=schema)
    present = set(json.loads((entry / _PRESENT).read_text(encoding="utf-8")))
    return _without_missing(Dataset.from_file(str(entry / _ROWS)), present)


def _write_entry(rows: Iterator[Row], *, entry: Path, schema: pa.Schema) -> None:
    """Write a cache entry in a folder of its own and move it to its place when it is whole."""
    import pyarrow as pa  # noqa: PLC0415

    present: set[str] = set()
    temporary = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        temporary = entry.parent / f".unfinished-{uuid.uuid4().hex}"
        temporary.mkdir()
        with pa.OSFile(str(temporary / _ROWS), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
            for batch in _batches(rows, schema=schema, present=present):
                writer.write_batch(batch)
        (temporary / _PRESENT).write_text(json.dumps(sorted(present)), encoding="utf-8")
        # Another process may have been faster: its entry has the same content.
        if not (entry / _PRESENT).is_file():
            try:
                temporary.rename(entry)
            except OSError:
                if not (entry / _PRESENT).is_file():
                    raise
    except OSError as error:
        raise DataError(
            f"the corpus cannot be cached: {error.strerror or error}; free some space or set another cache folder",
            file=entry.parent,
        ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _batches(rows: Iterator[Row], *, schema: pa.Schema, present: set[str]) -> Iterator[pa.RecordBatch]:
    """Yield Arrow batches, and gather the annotation columns that have a value in ``present``."""
    import pyarrow as pa  # noqa: PLC0415

    names = [name for name in schema.names if name not in BASE]
    while batch := list(itertools.islice(rows, _BATCH)):
        present.update(name for name in names if any(row.get(name) is not None for row in batch))
        try:
            yield pa.RecordBatch.from_pylist(batch, schema=schema)
        except (pa.ArrowException, UnicodeEncodeError):
            _raise_for_row(batch, schema=schema)
            raise


def _raise_for_row(batch: Sequence[Row], *, schema: pa.Schema) -> None:
    """Name the row and the column that Arrow cannot store."""
    import pyarrow as pa  # noqa: PLC0415

    for row in batch:
        for name in schema.names:
            try:
                pa.array([row.get(name)], type=schema.field(name).type)
            except (pa.ArrowException, UnicodeEncodeError) as error:
                raise DataError(
                    f"the value of {name!r} cannot be stored: {error}", file=row.get("file"), line=row.get("line")
                ) from None


def _without_missing(dataset: datasets.Dataset, present: set[str]) -> datasets.Dataset:
    missing: list[Any] = [name for name in dataset.column_names if name not in BASE and name not in present]
    return dataset.remove_columns(missing) if missing else dataset
