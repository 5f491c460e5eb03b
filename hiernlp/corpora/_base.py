"""What a reader is, and how its rows become a dataset on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from hiernlp.corpora._cache import DEFAULT_CACHE, cache_key, to_dataset
from hiernlp.corpora._files import find_files
from hiernlp.corpora._schema import Row, Shape
from hiernlp.errors import DataError
from hiernlp.settings import Settings

if TYPE_CHECKING:
    import datasets

Options = TypeVar("Options", bound=Settings)


@dataclass(frozen=True)
class Part:
    """A piece of a corpus: a file, or a split of a dataset.

    Attributes:
        name: what messages call it.
        state: changes whenever its content does.
        rows: starts reading it.
    """

    name: str
    state: str
    rows: Callable[[], Iterator[Row]]


class Reader(ABC, Generic[Options]):
    """Reads one format into the annotation schema (see :mod:`hiernlp.corpora`).

    Args:
        options: the reader's own settings.

    Example:
        >>> from hiernlp.corpora.conllu import Conllu, ConlluOptions
        >>> reader = Conllu(ConlluOptions(subtypes=False))
        >>> reader.read(["en_ewt-ud-dev.conllu"], base=Path("data"))  # doctest: +SKIP
    """

    Options: ClassVar[type[Settings]]

    def __init__(self, options: Options) -> None:
        self.options = options

    @abstractmethod
    def columns(self) -> Mapping[str, Shape]:
        """Return the annotation columns that the reader may give, with their shapes."""

    @abstractmethod
    def parts(self, sources: Sequence[str], *, base: Path) -> list[Part]:
        """Return the pieces that the sources stand for, without reading them.

        Raises:
            DataError: one of them is not there.
        """

    def read(
        self, sources: Sequence[str], *, base: Path = Path(), cache_dir: Path | None = DEFAULT_CACHE
    ) -> datasets.Dataset:
        """Read a corpus.

        The rows stream into an Arrow file in ``cache_dir``, which is memory-mapped; a second call with the same reader,
        options and unchanged sources maps the same file. Annotations that no sentence has are left out.

        Args:
            sources: files or patterns (the hub reader: names of splits).
            base: the folder that relative paths start from.
            cache_dir: where Arrow files are kept: by default ``hiernlp`` in the cache of ``datasets``; None keeps the
                corpus in memory.

        Raises:
            DataError: the sources cannot be read as declared, or one of them holds no sentence.
        """
        parts = self.parts(sources, base=base)
        columns = self.columns()

        def rows() -> Iterator[Row]:
            for part in parts:
                empty = True
                for row in part.rows():
                    empty = False
                    yield row
                if empty:
                    raise DataError("expected at least one sentence, found none", file=part.name)

        key = cache_key([type(self).__name__, self.options.model_dump_json(), *(part.state for part in parts)])
        return to_dataset(rows, columns=columns, cache_dir=cache_dir, key=key)


class FileReader(Reader[Options]):
    """A reader whose sources are files."""

    @abstractmethod
    def rows(self, path: Path) -> Iterator[Row]:
        """Read one file.

        Raises:
            DataError: the file cannot be read as declared; names the line.
        """

    def parts(self, sources: Sequence[str], *, base: Path) -> list[Part]:
        """Return one part a file; its state is its path, size and time of change."""
        return [self._part(path) for path in find_files(sources, base=base)]

    def _part(self, path: Path) -> Part:
        found = path.stat()
        state = f"{path}\0{found.st_size}\0{found.st_mtime_ns}"
        return Part(str(path), state, lambda: self.rows(path))
