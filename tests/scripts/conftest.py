"""Scripts as modules."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports a script by its name, with the scripts beside it to import."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module
