"""The library's own version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def library_version() -> str:
    """Return the installed library's version."""
    try:
        return version("hiernlp")
    except PackageNotFoundError:
        return "0 (not installed)"
