"""What the tests of recipes share: a recipe's content and a way to write files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def content() -> dict[str, Any]:
    """A small recipe without mistakes."""
    return {
        "encoder": {"name": "minilm"},
        "corpora": {"ud": {"reader": "conllu", "train": "train.conllu", "dev": ["a.conllu", "b.conllu"]}},
        "tasks": {
            "upos": {"kind": "token_labels", "options": {"column": "upos"}, "place": 2},
            "trees": {"kind": "dependencies", "place": "top"},
        },
        "feeds": [{"from": "upos"}, {"from": "upos", "to": ["trees"], "gradient": "detached"}],
        "training": {"epochs": 3},
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes YAML, given as text or as data, and returns the file's path."""

    def write(data: Any, name: str = "recipe.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    return write
