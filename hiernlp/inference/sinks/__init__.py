"""What is written in bulk: one file a format, and the file's name is the format's name.

Example:
    >>> sorted(formats.names())
    ['conllu', 'jsonl', 'parquet']
"""

from __future__ import annotations

from pathlib import Path

from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.inference.sinks._base import Numbered, Sink
from hiernlp.registry import Room

__all__ = ["Numbered", "Sink", "format_of", "formats"]

formats = Room("hiernlp.inference.sinks", "bulk output format")
"""The room of the sinks; ``formats.names()`` are the formats."""


def format_of(path: Path, *, form: str | None = None) -> str:
    """Return the output format that is asked for, or that a file's ending tells.

    Raises:
        HierNLPError: there is no such format, or the ending tells none.
    """
    chosen = form or path.suffix.lower().removeprefix(".")
    if chosen not in formats.names():
        where = "--format" if form else f"--output {path}: the ending does not tell the format; give --format"
        hint = did_you_mean(chosen, formats.names())
        raise HierNLPError(f"--format: there is no bulk output format {form!r}{hint}" if form else f"{where}{hint}")
    return chosen
