"""What a run leaves in its folder, besides the model."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
import transformers

from hiernlp.hub.folder import SCORES
from hiernlp.recipe import Recipe
from hiernlp.training.reports import LOG, read_log
from hiernlp.version import library_version

TRAINING = "training"
"""Folder inside a model folder for what belongs to its training alone."""
STATE, BEST, BEGUN_WITH = "state", "best", "recipe.json"


def dumped(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON has it, by which folders tell whether they were begun with it."""
    return recipe.model_dump(mode="json", by_alias=True)


def is_finished(folder: Path) -> bool:
    """Tell whether a run in this folder came to its end."""
    last: dict[str, Any] = {}
    for last in read_log(folder / TRAINING / LOG):  # noqa: B007 - the last one counts
        pass
    return last.get("event") == "end" and last["reason"] != "interrupted"


def read_scores(folder: Path, *, of: Literal["tasks", "auxiliary"] = "tasks") -> dict[str, Any]:
    """Return the scores that a model folder holds of main or of auxiliary tasks; none without development data."""
    path = folder / SCORES
    return json.loads(path.read_text(encoding="utf-8")).get(of, {}) if path.exists() else {}


def main_value(scores: Mapping[str, Any]) -> float:
    """Return the main figure of one task's scores as :func:`read_scores` gives them."""
    return float(scores["values"][scores["main"]])


def today() -> str:
    """Return the date as reports have it, YYYY-MM-DD."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def versions() -> dict[str, str]:
    """Return the versions of what figures were made with."""
    return {
        "hiernlp": library_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
