"""The runs of a comparison: for every seed each task alone, then all together, under one budget."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.experiment import PROBE, check_select, dumped, prepare, read_scores, with_known_scores, with_probed_places
from hiernlp.experiment.places import Told
from hiernlp.files import replaced_file
from hiernlp.recipe import Recipe, single_task, with_training
from hiernlp.training.gain import GAIN, NO_LOSS

BEGUN_WITH, JOINT, SINGLE = "recipe.json", "joint", "single"
PROBE_SEED = 1
"""Seed of the probe that finds places: seeds that are added later are compared at the same ones."""


@dataclass(frozen=True)
class PlannedRun:
    """One training run of a comparison.

    Attributes:
        title: what it is, for people.
        recipe: its recipe.
        folder: its model folder.
    """

    title: str
    recipe: Recipe
    folder: Path


def begin(recipe: Recipe, folder: Path, *, told: Told | None = None) -> Recipe:
    """Make the folder of a comparison, or find it to be one that was begun with the same recipe, whatever its seed.

    A recipe that cannot be trained is found out here, before hours are spent on its single tasks.

    Args:
        recipe: the recipe.
        folder: the folder.
        told: is called with what the layer probe does where the recipe leaves a place to it.

    Returns:
        The recipe to compare by: the same, with the layers that were found once for all runs, whatever their seeds.

    Raises:
        HierNLPError: the folder holds something else, or the recipe or its data cannot be used.
    """
    wanted = dumped(recipe)
    wanted["training"].pop("seed")
    file = folder / BEGUN_WITH
    # Hidden files do not count: another process, with other seeds, may be beginning the same comparison.
    if folder.is_file() or (
        folder.is_dir()
        and not file.is_file()
        and any(not entry.name.startswith(".") and entry.name != PROBE for entry in folder.iterdir())
    ):
        raise HierNLPError(
            f"{folder}: expected a new or empty folder, or one of `hiernlp compare`; give another folder"
        )
    if (folder / JOINT).exists() or (folder / SINGLE).exists():
        if _read(file) != wanted:
            raise HierNLPError(
                f"{folder}: was begun with another recipe or other --set; go on with the same, or give another folder"
            )
        return _placed(recipe, folder, told=told)
    if len(recipe.tasks) == 1:
        raise RecipeError(f"tasks: expected two tasks or more to compare, found only {next(iter(recipe.tasks))!r}")
    if recipe.training.select not in (GAIN, NO_LOSS):
        with_known_scores(recipe)
    recipe = _placed(recipe, folder, told=told)
    experiment = prepare(recipe)
    scored = list(dict.fromkeys(task for split in experiment.dev.values() for task in split.tasks))
    if not scored:
        raise RecipeError("corpora: a comparison needs development data, and no corpus has any; add dev or split: dev")
    if recipe.training.select not in (GAIN, NO_LOSS):
        check_select(recipe.training.select, scored=scored, single={})
    with replaced_file(file) as new:
        new.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    return recipe


def _placed(recipe: Recipe, folder: Path, *, told: Told | None) -> Recipe:
    placed = with_probed_places(with_training(recipe, seed=PROBE_SEED), folder / PROBE, told=told)
    return with_training(placed, seed=recipe.training.seed)


def _read(file: Path) -> Any:  # noqa: ANN401 - whatever stands in the file
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def planned(recipe: Recipe, folder: Path, *, seeds: Sequence[int]) -> Iterator[PlannedRun]:
    """Yield the runs in order; each must be finished before the next one is asked for.

    A joint run that chooses its checkpoint by gain is given the scores that the single tasks had with the same seed,
    so that more seeds can be added later and change nothing that is finished.
    """
    for seed in seeds:
        seeded = with_training(recipe, seed=seed)
        for task in recipe.tasks:
            yield PlannedRun(
                f"{task} alone, seed {seed}", single_task(seeded, task), single_folder(folder, task=task, seed=seed)
            )
        if recipe.training.select in (GAIN, NO_LOSS):
            scores = {
                task: found["values"][found["main"]]
                for each in recipe.tasks
                for task, found in read_scores(single_folder(folder, task=each, seed=seed)).items()
            }
            seeded = with_training(seeded, single_scores=scores)
        yield PlannedRun(f"all tasks, seed {seed}", seeded, joint_folder(folder, seed=seed))


def single_folder(folder: Path, *, task: str, seed: int) -> Path:
    """Return the model folder of a task trained alone."""
    return folder / SINGLE / task / f"seed-{seed}"


def joint_folder(folder: Path, *, seed: int) -> Path:
    """Return the model folder of all tasks trained together."""
    return folder / JOINT / f"seed-{seed}"
