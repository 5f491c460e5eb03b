"""What is read in bulk: one file a format, and the file's name is the format's name.

A record is what becomes one document: a paragraph or a line of a text file, a row of a table, a document of a CoNLL-U
file. A record that cannot be read is given as what is wrong with it, in its place, and those after it follow.

Example:
    >>> sorted(formats.names())
    ['conllu', 'csv', 'hub', 'jsonl', 'lines', 'parquet', 'text', 'tsv']
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hiernlp.corpora._files import find_files
from hiernlp.errors import HierNLPError
from hiernlp.inference.sources._base import STANDARD_INPUT, Record, Source, SourceOptions
from hiernlp.registry import Room

__all__ = ["STANDARD_INPUT", "Record", "SourceOptions", "formats", "open_inputs", "read_inputs"]

formats = Room("hiernlp.inference.sources", "input format")
"""The room of the sources; ``formats.names()`` are the formats."""

AUTO = "auto"
OTHERWISE = "text"
"""The format of a file whose name does not tell."""


def open_inputs(inputs: Sequence[str], *, form: str = AUTO, options: SourceOptions | None = None) -> list[InputFile]:
    """Return what the given names stand for, each with its format, without reading it.

    Args:
        inputs: files, patterns such as ``part-*.jsonl``, ``-`` for standard input, folders of saved datasets, or, with
            the format ``hub``, ids of datasets.
        form: the format of all of them; by default the ending of each name tells.
        options: which fields to read, and more of the kind.

    Raises:
        HierNLPError: there is no such format or file, or a pattern matches none.
    """
    options = options or SourceOptions()
    classes: dict[str, Any] = {name: formats.load(name) for name in formats.names()}
    if form != AUTO:
        formats.load(form)
    if list(inputs).count(STANDARD_INPUT) > 1:
        raise HierNLPError("standard input can be read only once, found - twice")
    found: list[InputFile] = []
    for name in _expanded(inputs, whole=form != AUTO and not classes[form].of_files):
        chosen = form if form != AUTO else next((f for f in classes if classes[f].fits(name)), OTHERWISE)
        found.append(InputFile(name, classes[chosen](options)))
    return found


class InputFile:
    """One input with the source that reads it."""

    def __init__(self, name: str, source: Source) -> None:
        source.check(name)
        self.name = name
        self.source = source


def read_inputs(inputs: Sequence[InputFile]) -> Iterator[Record]:
    """Yield the records of all inputs, one after the other.

    Raises:
        DataError: a file can be read no further, such as a damaged parquet file.
    """
    for each in inputs:
        yield from each.source.records(each.name)


def _expanded(inputs: Sequence[str], *, whole: bool) -> Iterator[str]:
    """Yield the names that patterns stand for; names that are no patterns as they were given."""
    for name in inputs:
        path = Path(name).expanduser()
        if whole or name == STANDARD_INPUT or path.exists():
            yield name
            continue
        files = find_files([name], base=Path())
        if not glob.has_magic(name):
            yield name
            continue
        here = Path.cwd()
        for file in files:
            yield str(file.relative_to(here)) if not path.is_absolute() and file.is_relative_to(here) else str(file)
