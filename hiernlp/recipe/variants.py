"""Recipes made from a recipe."""

from __future__ import annotations

from typing import Any

from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.recipe.settings import Recipe


def single_task(recipe: Recipe, task: str) -> Recipe:
    """Return the recipe that trains one task alone, at its place, with all else as it was: same data, budget and seed.

    Raises:
        RecipeError: the recipe has no such task.
    """
    if task not in recipe.tasks:
        raise RecipeError(f"tasks: there is no task {task!r}{did_you_mean(task, recipe.tasks)}")
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: data["tasks"][task]}
    data["feeds"] = []
    data["training"] |= {"select": "mean", "single_scores": None, "best_per_task": False, "successive": None}
    return Recipe.model_validate(data)


def with_training(recipe: Recipe, **changes: Any) -> Recipe:  # noqa: ANN401 - values of many types
    """Return the recipe with some settings of training changed.

    Example:
        >>> with_training(recipe, seed=2)  # doctest: +SKIP
    """
    data = recipe.model_dump(mode="json", by_alias=True)
    data["training"] |= changes
    return Recipe.model_validate(data)
