"""The errors that a user can mend; each message says what was expected, found, where, and how to mend it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class HierNLPError(ValueError):
    """Any mistake in what the user gave; the command line prints it as one sentence and exits with 2."""


class RecipeError(HierNLPError):
    """A recipe, task file or override that cannot be used; the message begins with the dotted path."""


class DataError(HierNLPError):
    """A corpus that cannot be read as declared.

    Args:
        message: what was expected, what was found, how to mend it.
        file: the file, if the data came from one.
        line: its line, counted from 1.
    """

    def __init__(self, message: str, *, file: str | Path | None = None, line: int | None = None) -> None:
        where = "" if file is None else f"{file}: " if line is None else f"{file}, line {line}: "
        super().__init__(where + message)
        self.file = file
        self.line = line


class ModelFolderError(HierNLPError):
    """A model folder that is missing, incomplete or damaged."""


class NotInstalledError(HierNLPError):
    """An optional library is needed for what was asked."""


def unknown_task(task: str, tasks: Iterable[str]) -> HierNLPError:
    """Return the error that a model has no task of this name."""
    return HierNLPError(f"there is no task {task!r} in this model{did_you_mean(task, tasks)}")


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return the end of a sentence that names close matches, or else all the options.

    Example:
        >>> did_you_mean("entites", ["entities", "upos"])
        "; did you mean 'entities'?"
        >>> did_you_mean("zzz", ["b", "a"])
        '; choose from a, b'
    """
    choices = sorted(set(options))
    close = difflib.get_close_matches(name, choices, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(repr(c) for c in close)}?"
    return f"; choose from {', '.join(choices)}" if choices else ""
