"""Writing files and folders so that what was there stays whole until what is new is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give a file to write that takes ``path``'s place when the block ends well, and is removed otherwise.

    Example:
        >>> with replaced_file(Path("scores.json")) as new:  # doctest: +SKIP
        ...     new.write_text("{}")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        _sync(new)
        new.chmod(0o644)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replaced_files(folder: Path) -> Iterator[Path]:
    """Give an empty folder whose files, when the block ends well, take the places of those of ``folder``.

    Nothing in ``folder`` changes before all new files are complete, and none of its other files ever does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new.", dir=folder))
    try:
        yield new
        files = sorted(file for file in new.rglob("*") if file.is_file())
        for file in files:
            _sync(file)
        for file in files:
            file.chmod(0o644)
            place = folder / file.relative_to(new)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def swap_folder(new: Path, path: Path) -> None:
    """Put a complete new folder in the place of ``path``.

    Should the process die between the two renames, the old folder lies beside under its name with ``.old``, which
    :func:`recover_folder` puts back.
    """
    for file in new.rglob("*"):
        if file.is_file():
            _sync(file)
    new.chmod(0o755)
    old = path.with_name(path.name + ".old")
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Put the old folder back if a replacement was cut off between its two renames; remove what else it left."""
    old = path.with_name(path.name + ".old")
    if old.exists() and not path.exists():
        old.rename(path)
    if path.parent.is_dir():
        for left in path.parent.glob(f".{path.name}.*"):
            shutil.rmtree(left, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
