"""Recipes made from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.recipe.settings import AUTO, Recipe


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
    data["probe"]["options"] = {t: options for t, options in data["probe"]["options"].items() if t == task}
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


def unplaced_tasks(recipe: Recipe) -> list[str]:
    """Return the tasks whose place is left to the probe."""
    return [task for task, settings in recipe.tasks.items() if settings.place == AUTO]


def with_places(recipe: Recipe, places: Mapping[str, int]) -> Recipe:
    """Return the recipe with some tasks at given layers."""
    data = recipe.model_dump(mode="json", by_alias=True)
    for task, place in places.items():
        data["tasks"][task]["place"] = place
    return Recipe.model_validate(data)


def untrained(recipe: Recipe) -> Recipe:
    """Return the recipe of the pretrained encoder as it is: shared by all tasks, with nothing fed into it.

    Tasks whose place is left to the probe stand on top; where tasks stand makes no difference to the encoder.
    """
    data = recipe.model_dump(mode="json", by_alias=True)
    for task in unplaced_tasks(recipe):
        data["tasks"][task]["place"] = "top"
    data["feeds"] = []
    data["sharing"] = {}
    data["encoder"] |= {"gradient_checkpointing": False, "compile": False}
    return Recipe.model_validate(data)
