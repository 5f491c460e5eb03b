"""The runs of a comparison: for every seed each task alone, then all together, under one budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hiernlp.comparison.planning import PlannedRun, has_begun, placed, without_seed, write_begun
from hiernlp.errors import RecipeError
from hiernlp.experiment import check_select, main_value, prepare, read_scores, with_known_scores
from hiernlp.experiment.places import Told
from hiernlp.experiment.teachers import ALONE, SINGLE
from hiernlp.recipe import Recipe, single_task, with_training
from hiernlp.registry import kinds
from hiernlp.training.gain import GAIN, NO_LOSS

BEGUN_WITH, JOINT = "recipe.json", "joint"


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
    wanted = without_seed(recipe)
    if has_begun(folder, wanted, file=BEGUN_WITH, runs=(JOINT, SINGLE), command="compare"):
        return placed(recipe, folder, told=told)
    if len(recipe.main_tasks) == 1:
        raise RecipeError(f"tasks: expected two tasks or more to compare, found only {recipe.main_tasks[0]!r}")
    if recipe.training.select not in (GAIN, NO_LOSS):
        with_known_scores(recipe)
    recipe = placed(recipe, folder, told=told)
    experiment = prepare(recipe)
    tested = dict.fromkeys(task for split in experiment.dev.values() for task in split.tasks)
    scored = [task for task in tested if task in recipe.main_tasks]
    if not scored:
        raise RecipeError("corpora: a comparison needs development data, and no corpus has any; add dev or split: dev")
    if recipe.training.select not in (GAIN, NO_LOSS):
        check_select(recipe.training.select, scored=scored, single={})
    write_begun(folder / BEGUN_WITH, wanted)
    return recipe


def planned(recipe: Recipe, folder: Path, *, seeds: Sequence[int]) -> Iterator[PlannedRun]:
    """Yield the runs in order; each must be finished before the next one is asked for.

    A joint run that chooses its checkpoint by gain is given the scores that the single tasks had with the same seed,
    and one that learns from them their models, so that more seeds can be added later and change nothing that is
    finished.
    """
    for seed in seeds:
        seeded = with_training(recipe, seed=seed)
        for task in recipe.main_tasks:
            yield PlannedRun(
                f"{task} alone, seed {seed}", single_task(seeded, task), single_folder(folder, task=task, seed=seed)
            )
        if recipe.training.select in (GAIN, NO_LOSS):
            scores = {
                task: main_value(found)
                for each in recipe.main_tasks
                for task, found in read_scores(single_folder(folder, task=each, seed=seed)).items()
            }
            seeded = with_training(seeded, single_scores=scores)
        if recipe.training.teachers == ALONE:
            taught = [t for t in recipe.main_tasks if kinds.load(recipe.tasks[t].kind).can_be_taught]
            folders = {task: single_folder(folder, task=task, seed=seed).resolve() for task in taught}
            seeded = with_training(seeded, teachers={task: str(model) for task, model in folders.items()})
        yield PlannedRun(f"all tasks, seed {seed}", seeded, joint_folder(folder, seed=seed))


def single_folder(folder: Path, *, task: str, seed: int) -> Path:
    """Return the model folder of a task trained alone."""
    return folder / SINGLE / task / f"seed-{seed}"


def joint_folder(folder: Path, *, seed: int) -> Path:
    """Return the model folder of all tasks trained together."""
    return folder / JOINT / f"seed-{seed}"
