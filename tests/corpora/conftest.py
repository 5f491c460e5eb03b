"""What the tests of readers share: small files, and the folder of real corpora."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes bytes or text as they are and returns the file's path."""

    def write(content: str | bytes, name: str = "corpus.txt") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real corpora."""
    folder = os.environ.get("HIERNLP_DATA")
    if not folder:
        pytest.skip("HIERNLP_DATA names no folder of real corpora")
    return Path(folder)
