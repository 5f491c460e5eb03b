"""Recipes made from a recipe."""

from __future__ import annotations

from typing import Any

from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.recipe.settings import ENCODER, Recipe


def single_task(recipe: Recipe, task: str) -> Recipe:
    """Return the recipe that trains one task alone, at its place, with all else as it was: same data, budget and seed.

    Raises:
        RecipeError: the recipe has no such task, or it is learnt from hints.
    """
    if task not in recipe.tasks:
        raise RecipeError(f"tasks: there is no task {task!r}{did_you_mean(task, recipe.tasks)}")
    if recipe.tasks[task].hint is not None:
        raise RecipeError(f"tasks.{task}: a hint helps other tasks, so that it is not trained alone")
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: data["tasks"][task] | {"auxiliary": False}}
    data["feeds"] = []
    data["training"] |= {"select": "mean", "single_scores": None, "best_per_task": False, "successive": None}
    return Recipe.model_validate(data)


def without_idle_helpers(recipe: Recipe) -> Recipe:
    """Return the recipe without auxiliary tasks of weight 0 and their feeds, with the others after the main tasks.

    Heads are made in the tasks' order, so that a helper changes nothing of how the main tasks' heads begin.
    """
    kept = {task: settings for task, settings in recipe.tasks.items() if not settings.auxiliary or settings.weight}
    ordered = sorted(kept, key=lambda task: kept[task].auxiliary)
    if ordered == list(recipe.tasks):
        return recipe
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: data["tasks"][task] for task in ordered}
    data["feeds"] = [
        {**feed, "to": to}
        for feed in data["feeds"]
        if feed["from"] in kept and (to := [target for target in feed["to"] if target in (ENCODER, *kept)])
    ]
    return Recipe.model_validate(data)


def with_training(recipe: Recipe, **changes: Any) -> Recipe:  # noqa: ANN401 - values of many types
    """Return the recipe with some settings of training changed.

    Example:
        >>> with_training(recipe, seed=2)  # doctest: +SKIP
    """
    data = recipe.model_dump(mode="json", by_alias=True)
    data["training"] |= changes
    return Recipe.model_validate(data)
