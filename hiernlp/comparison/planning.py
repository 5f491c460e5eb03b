"""What every set of training runs has in common: its runs, and a folder that keeps to what it was begun with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiernlp.errors import HierNLPError
from hiernlp.experiment import PROBE, dumped, with_probed_places
from hiernlp.experiment.places import Told
from hiernlp.files import replaced_file
from hiernlp.recipe import Recipe, with_training

PROBE_SEED = 1
"""Seed of the probe that finds places: runs of seeds that are added later stand at the same ones."""


@dataclass(frozen=True)
class PlannedRun:
    """One training run of several.

    Attributes:
        title: what it is, for people.
        recipe: its recipe.
        folder: its model folder.
    """

    title: str
    recipe: Recipe
    folder: Path


def without_seed(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON has it but for its seed, so that a folder of runs can be given more seeds later."""
    wanted = dumped(recipe)
    wanted["training"].pop("seed")
    return wanted


def has_begun(folder: Path, wanted: Mapping[str, Any], *, file: str, runs: Sequence[str], command: str) -> bool:
    """Tell whether a folder already holds runs of what is wanted, or may be begun.

    Args:
        folder: the folder.
        wanted: what it must have been begun with.
        file: name of the file that says what it was begun with.
        runs: names of the folders in it that hold runs.
        command: name of the command that makes such a folder.

    Raises:
        HierNLPError: the folder holds something else, or was begun with something else.
    """
    # Hidden files do not count: another process, with other seeds, may be beginning the same.
    if folder.is_file() or (
        folder.is_dir()
        and not (folder / file).is_file()
        and any(not entry.name.startswith(".") and entry.name != PROBE for entry in folder.iterdir())
    ):
        raise HierNLPError(
            f"{folder}: expected a new or empty folder, or one of `hiernlp {command}`; give another folder"
        )
    if not any((folder / name).exists() for name in runs):
        return False
    if read_begun(folder / file) != wanted:
        raise HierNLPError(
            f"{folder}: was begun with another recipe or other --set; go on with the same, or give another folder"
        )
    return True


def placed(recipe: Recipe, folder: Path, *, told: Told | None = None) -> Recipe:
    """Return the recipe of a folder of runs with the places that it leaves to the probe, which is kept in the folder.

    Args:
        recipe: the recipe.
        folder: the folder of the runs.
        told: is called with what the probe does.
    """
    found = with_probed_places(with_training(recipe, seed=PROBE_SEED), folder / PROBE, told=told)
    return with_training(found, seed=recipe.training.seed)


def write_begun(file: Path, wanted: Mapping[str, Any]) -> None:
    """Write what a folder is begun with."""
    with replaced_file(file) as new:
        new.write_text(json.dumps(wanted, indent=1), encoding="utf-8")


def read_begun(file: Path) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Return what a folder was begun with; None where the file cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
