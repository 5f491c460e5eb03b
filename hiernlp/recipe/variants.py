"""Recipes made from a recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.recipe.settings import AUTO, CHOICES, ENCODER, Recipe


def single_task(recipe: Recipe, task: str) -> Recipe:
    """Return the recipe that trains one task alone, at its place, with all else as it was: same data, budget and seed.

    Raises:
        RecipeError: the recipe has no such task, or it is learnt from hints.
    """
    _check_task(recipe, task)
    if recipe.tasks[task].hint is not None:
        raise RecipeError(f"tasks.{task}: a hint helps other tasks, so that it is not trained alone")
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: data["tasks"][task] | {"auxiliary": False, "gate": None}}
    data["feeds"] = data["agreements"] = []
    data["probe"]["options"] = {t: options for t, options in data["probe"]["options"].items() if t == task}
    data["training"] |= {"select": "mean", "single_scores": None, "best_per_task": False, "successive": None}
    data["training"] |= {"teachers": None, "teaching": "annealed", "teaching_corpora": "annotated"}
    return Recipe.model_validate(data)


def without_idle_helpers(recipe: Recipe) -> Recipe:
    """Return the recipe without auxiliary tasks of weight 0 and their feeds, with the others after the main tasks.

    Heads are made in the tasks' order, so that a helper changes nothing of how the main tasks' heads begin.
    """
    kept = {task: settings for task, settings in recipe.tasks.items() if not settings.auxiliary or settings.weight}
    ordered = sorted(kept, key=lambda task: kept[task].auxiliary)
    if ordered == list(recipe.tasks):
        return recipe
    data = only_tasks(recipe, ordered).model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: data["tasks"][task] for task in ordered}
    return Recipe.model_validate(data)


def only_tasks(
    recipe: Recipe, tasks: Collection[str], *, corpora: Mapping[str, Collection[str]] | None = None
) -> Recipe:
    """Return the recipe that trains some of its tasks, with all else as it was: same places, budget and seed.

    What belongs to the other tasks alone goes with them: their feeds and agreements, the corpora that no task is left
    to need, their single-task scores, and a choice of checkpoints by one of them. A corpus is needed by the tasks that
    ``corpora`` or their own settings name it for, and by every task of which neither says which it needs.

    Args:
        recipe: the recipe.
        tasks: the tasks to keep, which stay in the recipe's order.
        corpora: the corpora that annotate each task, where that is known.

    Raises:
        RecipeError: the recipe lacks one of the tasks, or none is to be kept.

    Example:
        >>> only_tasks(recipe, ["upos", "entities"]).tasks.keys()  # doctest: +SKIP
        dict_keys(['upos', 'entities'])
    """
    for task in tasks:
        _check_task(recipe, task)
    if not tasks:
        raise RecipeError("tasks: expected a task to keep, found none")
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"] = {task: found for task, found in data["tasks"].items() if task in tasks}
    data["feeds"] = [
        feed | {"to": targets}
        for feed in data["feeds"]
        if feed["from"] in tasks and (targets := [t for t in feed["to"] if t == ENCODER or t in tasks])
    ]
    data["agreements"] = [
        agreement | {"tasks": left}
        for agreement in data["agreements"]
        if len(left := [t for t in agreement["tasks"] if t in tasks]) > 1
    ]
    needed = [(corpora or {}).get(task, found["corpora"]) for task, found in data["tasks"].items()]
    if None not in needed:
        found = {name for names in needed for name in names or ()}
        data["corpora"] = {name: corpus for name, corpus in data["corpora"].items() if name in found} or data["corpora"]
    data["probe"]["options"] = {t: options for t, options in data["probe"]["options"].items() if t in tasks}
    training = data["training"]
    if training["select"] not in (*CHOICES, *tasks):
        training["select"] = "mean"
    if isinstance(training["single_scores"], dict):
        training["single_scores"] = {t: s for t, s in training["single_scores"].items() if t in tasks}
    if isinstance(training["teachers"], dict):
        training["teachers"] = {t: model for t, model in training["teachers"].items() if t in tasks}
    if len(data["tasks"]) == 1:
        training["successive"] = None  # there is nothing lower to hold
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


def _check_task(recipe: Recipe, task: str) -> None:
    if task not in recipe.tasks:
        raise RecipeError(f"tasks: there is no task {task!r}{did_you_mean(task, recipe.tasks)}")
