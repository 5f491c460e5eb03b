"""Recipes: what to train on what, typed and validated; YAML in, JSON schema out."""

from __future__ import annotations

from hiernlp.recipe.files import available_recipes, available_tasks, load_recipe
from hiernlp.recipe.places import resolve_feeds, resolve_place
from hiernlp.recipe.schema import json_schema
from hiernlp.recipe.settings import Recipe, TaskSettings
from hiernlp.recipe.variants import (
    only_tasks,
    single_task,
    unplaced_tasks,
    untrained,
    with_places,
    with_training,
    without_idle_helpers,
)

__all__ = [
    "Recipe",
    "TaskSettings",
    "available_recipes",
    "available_tasks",
    "json_schema",
    "load_recipe",
    "only_tasks",
    "resolve_feeds",
    "resolve_place",
    "single_task",
    "unplaced_tasks",
    "untrained",
    "with_places",
    "with_training",
    "without_idle_helpers",
]
