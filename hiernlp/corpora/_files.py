"""Finding the files that a recipe names, and reading their lines."""

from __future__ import annotations

import codecs
import difflib
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hiernlp.errors import DataError

_MOST_NAMES = 8


def find_files(sources: Sequence[str], *, base: Path) -> list[Path]:
    """Return the files that paths and glob patterns stand for, each once, as absolute paths.

    Args:
        sources: paths or patterns (``*``, ``?``, ``[...]``, ``**``); ``~`` is the home folder.
        base: the folder that relative ones start from.

    Raises:
        DataError: a file is not there, a path is a folder, or a pattern matches no file.
    """
    found: dict[Path, None] = {}
    for source in sources:
        path = Path(os.path.abspath(base / Path(source).expanduser()))  # noqa: PTH100 - keeps symbolic links as given
        if path.is_dir():
            raise DataError(
                f"expected a file, found a folder; name its files, such as {source.rstrip('/')}/*", file=path
            )
        if path.exists():
            found[path] = None
        elif glob.has_magic(str(path)):
            matches = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute, **
            files = [match for match in matches if match.is_file()]
            if not files:
                raise DataError(f"no file matches this pattern{_neighbours(path)}", file=path)
            found.update(dict.fromkeys(files))
        else:
            raise DataError(f"there is no such file{_neighbours(path)}", file=path)
    if not found:
        raise DataError("no file is named; give at least one path")
    return list(found)


class TextLines:
    """The lines of a UTF-8 file without their ends, decoded one by one; may be iterated over more than once.

    Lines end at LF or CRLF and at nothing else, so that odd control characters stay inside words. A byte order mark is
    left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[str]:
        try:
            with self.path.open("rb") as stream:
                for number, raw in enumerate(stream, start=1):
                    line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
                    try:
                        text = line.decode("utf-8")
                    except UnicodeDecodeError as error:
                        raise DataError(
                            f"expected UTF-8, found byte 0x{line[error.start]:02x}; convert the file to UTF-8, for "
                            "example by `iconv -t UTF-8`",
                            file=self.path,
                            line=number,
                        ) from None
                    yield text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
        except OSError as error:
            raise DataError(f"the file cannot be read: {error.strerror}", file=self.path) from None


def bare_lines(lines: str | Iterable[str]) -> Iterator[str]:
    """Yield lines (or those of a text) without their ends, the first without a byte order mark."""
    for i, line in enumerate(lines.split("\n") if isinstance(lines, str) else lines):
        bare = line.removesuffix("\n").removesuffix("\r")
        yield bare.removeprefix("\ufeff") if i == 0 else bare


def _neighbours(path: Path) -> str:
    """Return the end of a sentence that says what lies near a missing file."""
    if not path.parent.is_dir():
        there = path.parent
        while not there.is_dir():
            there = there.parent
        return f"; its folder is not there either, {there} is the last that exists{_alternatives(path, there)}"
    return _alternatives(path, path.parent)


def _alternatives(path: Path, folder: Path) -> str:
    wanted = path.relative_to(folder).parts[0]
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return ""
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(repr(name) for name in close)}?"
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return f"; {folder} holds {', '.join(names[:_MOST_NAMES])}{more}" if names else f"; {folder} is empty"
