"""What a source is, and what it gives."""

from __future__ import annotations

import codecs
import reprlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from hiernlp.errors import DataError, did_you_mean
from hiernlp.settings import Settings

STANDARD_INPUT = "-"


class SourceOptions(Settings):
    """What the sources have in common: which field holds what, and which part of a dataset is read."""

    field: str = "text"
    """The field of the text: a string, a list of words, or a list of sentences that are lists of words."""
    id: str = "id"
    """The field that names a record, if there is one."""
    split: str = "train"
    """The split of a dataset."""
    name: str | None = None
    """The configuration of a dataset, where it has several."""
    revision: str | None = None
    """Branch, tag or commit of a dataset on the hub."""


@dataclass(frozen=True)
class Record:
    """What becomes one document, with what must be known to find it again.

    Attributes:
        content: what is analysed, as :class:`~hiernlp.inference.analyzer.Analyzer` takes it.
        file: the input's name.
        line: its line, or its row, counted from 1.
        id: its own name.
        fields: what the input holds besides.
        before: sentences of the same document in records before this one.
        error: why it cannot be read; it then has no content.
    """

    content: Any
    file: str
    line: int
    id: str | int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    before: int = 0
    error: DataError | None = None

    @classmethod
    def bad(cls, message: str, *, file: str, line: int, id: str | int | None = None) -> Record:  # noqa: A002 - its own
        """Return a record that cannot be read."""
        return cls(None, file, line, id, error=DataError(message, file=file, line=line))

    @property
    def text(self) -> Any:  # noqa: ANN401 - what an analyzer takes
        """What is analysed.

        Raises:
            DataError: the record cannot be read.
        """
        if self.error is not None:
            raise self.error
        return self.content


class Source(ABC):
    """Reads one format of input, record by record."""

    endings: ClassVar[tuple[str, ...]] = ()
    """How the names of such files end."""
    of_files: ClassVar[bool] = True
    """Whether what it reads are files, so that a name may be a pattern of names."""

    def __init__(self, options: SourceOptions) -> None:
        self.options = options

    @classmethod
    def fits(cls, name: str) -> bool:
        """Tell whether a name is that of such an input."""
        return name.lower().endswith(cls.endings)

    def check(self, name: str) -> None:
        """Look at an input before any work begins.

        Raises:
            DataError: it cannot be read.
        """
        if name != STANDARD_INPUT and Path(name).expanduser().is_dir():
            raise DataError("expected a file or a saved dataset, found a folder; name its files", file=name)

    @abstractmethod
    def records(self, name: str) -> Iterator[Record]:
        """Yield an input's records in order, those that cannot be read as their errors.

        Raises:
            DataError: the input can be read no further.
        """


def open_bytes(name: str) -> AbstractContextManager[IO[bytes]]:
    """Return a file's bytes, or those of standard input."""
    return nullcontext(sys.stdin.buffer) if name == STANDARD_INPUT else Path(name).expanduser().open("rb")


def shown(name: str) -> str:
    """Return what messages and records call an input."""
    return "standard input" if name == STANDARD_INPUT else name


def lines(name: str) -> Iterator[tuple[int, str | None]]:
    """Yield the number and the text of each line, without its end; None for one that is not UTF-8.

    Lines end at LF or CRLF and at nothing else; a byte order mark at the beginning is left out.
    """
    with open_bytes(name) as stream:
        for number, raw in enumerate(stream, start=1):
            line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            try:
                yield number, line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
            except UnicodeDecodeError:
                yield number, None


NOT_UTF8 = "expected UTF-8, found a byte that is not; convert the file, for example by `iconv -t UTF-8`"


def record_of(cells: Mapping[str, Any], *, options: SourceOptions, file: str, line: int) -> Record:
    """Return a row of a table as a record."""
    name = cells.get(options.id)
    # Whatever else is called so is a field like any other.
    name = name if isinstance(name, str | int) and not isinstance(name, bool) else None
    if options.field not in cells:
        message = f"there is no field {options.field!r}{did_you_mean(options.field, map(str, cells))}"
        return Record.bad(message, file=file, line=line, id=name)
    content = cells[options.field]
    if not isinstance(content, str | Sequence):
        message = f"expected text or words in the field {options.field!r}, found {reprlib.repr(content)}"
        return Record.bad(message, file=file, line=line, id=name)
    taken = {options.field} if name is None else {options.field, options.id}
    return Record(content, file, line, name, {key: value for key, value in cells.items() if key not in taken})
