"""What a sink is: documents in, a file out that is there when it is complete.

Until then the work lies beside it, in ``<output>.part``, and can be gone on with after any interruption: what a sink
has committed it can come back to, and what came after that is thrown away.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hiernlp.errors import DataError
from hiernlp.inference.document import Document
from hiernlp.inference.sources import Record

Mark = Mapping[str, int]
"""How far a sink has got, as numbers that JSON can hold; empty at the beginning."""


@dataclass(frozen=True)
class Numbered:
    """A record with its number among all records of all inputs, counted from 1."""

    number: int
    record: Record

    @property
    def id(self) -> str:
        """The record's name, or else its number."""
        return str(self.number if self.record.id is None else self.record.id)


class Sink(ABC):
    """Writes one format.

    Args:
        path: the file that is to be there in the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")

    @abstractmethod
    def begin(self, mark: Mark) -> None:
        """Go on after what a mark says is there.

        Raises:
            DataError: less is there.
        """

    @abstractmethod
    def write(self, numbered: Numbered, document: Document) -> None:
        """Add a document."""

    @abstractmethod
    def commit(self) -> Mark:
        """See to it that all that was written lasts, and return how far that is."""

    @abstractmethod
    def close(self) -> None:
        """Let go of open files."""

    @abstractmethod
    def finish(self) -> None:
        """Put all that was committed in the place of the output; may be called again after an interruption."""

    @abstractmethod
    def clear(self) -> None:
        """Remove what lies beside the output."""


class AppendedFile:
    """A file that grows, and can be cut back to what was committed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def begin(self, size: int) -> None:
        """Keep the first ``size`` bytes and go on after them.

        Raises:
            DataError: the file is shorter.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        there = self.path.stat().st_size if self.path.exists() else 0
        if there < size:
            raise DataError(f"expected {size:,} bytes, found {there:,}; start anew without --resume", file=self.path)
        self._file = self.path.open("ab")
        self._file.truncate(size)

    def write(self, text: str) -> None:
        """Add text."""
        assert self._file is not None
        self._file.write(text.encode("utf-8"))

    def commit(self) -> int:
        """See to it that all lasts, and return the number of bytes."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.path.stat().st_size

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class TextSink(Sink):
    """A sink whose documents are pieces of text, one after the other."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = AppendedFile(self.part)

    @abstractmethod
    def text(self, numbered: Numbered, document: Document) -> str:
        """Return a document as text."""

    def begin(self, mark: Mark) -> None:
        self._file.begin(mark.get("bytes", 0))

    def write(self, numbered: Numbered, document: Document) -> None:
        self._file.write(self.text(numbered, document))

    def commit(self) -> Mark:
        return {"bytes": self._file.commit()}

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        if self.part.exists():  # else it was put there before the interruption
            self.part.replace(self.path)

    def clear(self) -> None:
        self.part.unlink(missing_ok=True)
