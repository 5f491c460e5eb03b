"""By what a run chooses its checkpoint, checked before any training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hiernlp.errors import RecipeError
from hiernlp.recipe import Recipe, with_training
from hiernlp.training.gain import GAIN, NO_LOSS, read_single_scores


def with_known_scores(recipe: Recipe, *, base: Path | None = None) -> Recipe:
    """Return the recipe with the single-task scores themselves where it names a folder of them.

    Raises:
        RecipeError: the folder has none, or the recipe chooses checkpoints by them and gives none.
    """
    given, select = recipe.training.single_scores, recipe.training.select
    if given is None and select in (GAIN, NO_LOSS):
        raise RecipeError(
            f"training.select: {select!r} compares with single-task scores; give them under training.single_scores, or "
            "use `hiernlp compare`, which trains each task alone first"
        )
    if not isinstance(given, str):
        return recipe
    return with_training(recipe, single_scores=read_single_scores((base or Path()) / given, recipe.main_tasks))


def check_select(select: str, *, scored: list[str], single: Mapping[str, float]) -> None:
    """Refuse a way of choosing checkpoints that the development data or the single-task scores do not allow."""
    if select == "mean":
        return
    if select not in (GAIN, NO_LOSS):
        if select not in scored:
            raise RecipeError(f"training.select: no development data has the task {select!r}")
        return
    if not scored:
        raise RecipeError(f"training.select: {select!r} needs development data, and no corpus has any")
    for task in scored:
        if task not in single:
            raise RecipeError(
                f"training.single_scores: expected a score of each task, since training.select is {select!r}; found "
                f"none of {task!r}"
            )
        if single[task] == 0:
            raise RecipeError(
                f"training.single_scores.{task}: expected a score other than 0, to which no gain is relative; train "
                "longer, or choose training.select: mean"
            )
