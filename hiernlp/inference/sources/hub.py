"""Datasets of the ``datasets`` library, from the hub or from a folder, a document a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.corpora.hub import SAVED, HubOptions, load_splits
from hiernlp.errors import DataError, did_you_mean
from hiernlp.inference.sources._base import Record, Source, record_of

if TYPE_CHECKING:
    import datasets


class Hub(Source):
    """Reads a split of a dataset: an id on the hub, a folder that ``save_to_disk`` wrote, or one of data files.

    The line of a record is its row's number. Code that comes with a dataset is never run.
    """

    of_files = False

    @classmethod
    def fits(cls, name: str) -> bool:
        return any((Path(name).expanduser() / file).is_file() for file in SAVED)

    def check(self, name: str) -> None:
        columns = self._split(name).column_names
        if self.options.field not in columns:
            wanted = self.options.field
            raise DataError(f"there is no column {wanted!r}{did_you_mean(wanted, columns)}", file=name)

    def records(self, name: str) -> Iterator[Record]:
        # Some types, such as pictures, would be decoded for nothing but the record's other fields.
        rows = self._split(name).with_format(None)
        for number, cells in enumerate(rows, start=1):
            yield record_of(dict(cells), options=self.options, file=name, line=number)

    def _split(self, name: str) -> datasets.Dataset:
        options = self.options
        where = HubOptions(dataset=name, name=options.name, revision=options.revision, text=options.field)
        splits = load_splits(where, base=Path())
        if options.split not in splits:
            raise DataError(f"there is no split {options.split!r}{did_you_mean(options.split, splits)}", file=name)
        return splits[options.split]
