"""Recipes made from a recipe: what belongs to a task that is taken out goes with it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from hiernlp.errors import RecipeError
from hiernlp.recipe import Recipe, only_tasks, single_task
from hiernlp.recipe.files import validate_recipe


@pytest.fixture
def recipe(content: dict[str, Any]) -> Recipe:
    content["corpora"]["talk"] = {
        "reader": "tables",
        "train": "talk.jsonl",
        "options": {"text": "text", "columns": {"mood": "mood"}},
    }
    content["tasks"]["mood"] = {"kind": "sentence_labels", "options": {"column": "mood"}}
    content["feeds"] = [
        {"from": "upos", "to": ["encoder", "mood"]},
        {"from": "upos", "to": "trees"},
        {"from": "mood", "to": "trees"},
    ]
    content["training"] |= {"seed": 7, "single_scores": {"upos": 0.5, "mood": 0.25}}
    return validate_recipe(content)


def test_a_task_that_is_removed_leaves_no_feed(recipe: Recipe) -> None:
    found = only_tasks(recipe, ["trees", "upos"])
    assert list(found.tasks) == ["upos", "trees"]
    assert [(feed.source, feed.to) for feed in found.feeds] == [("upos", ["encoder"]), ("upos", ["trees"])]
    assert found.training.single_scores == {"upos": 0.5}
    found = only_tasks(recipe, ["mood", "upos"])
    assert [(feed.source, feed.to) for feed in found.feeds] == [("upos", ["encoder", "mood"])]
    assert only_tasks(recipe, ["trees"]).feeds == []


def test_corpora_that_no_task_needs_go_and_others_stay(recipe: Recipe) -> None:
    assert set(only_tasks(recipe, ["upos"]).corpora) == {"ud", "talk"}  # nothing says what upos needs
    known = {"upos": ["ud"], "trees": ["ud"], "mood": ["talk"]}
    assert set(only_tasks(recipe, ["upos", "trees"], corpora=known).corpora) == {"ud"}
    assert set(only_tasks(recipe, ["mood"], corpora=known).corpora) == {"talk"}
    assert set(only_tasks(recipe, ["mood", "upos"], corpora=known).corpora) == {"ud", "talk"}


def test_a_tasks_own_setting_says_what_it_needs(content: dict[str, Any]) -> None:
    content["corpora"]["other"] = {"reader": "conllu", "train": "other.conllu"}
    content["tasks"]["upos"]["corpora"] = ["other"]
    recipe = validate_recipe(content)
    assert set(only_tasks(recipe, ["upos"]).corpora) == {"other"}
    assert set(only_tasks(recipe, ["upos", "trees"]).corpora) == {"ud", "other"}


def test_all_else_stays(recipe: Recipe) -> None:
    assert only_tasks(recipe, list(recipe.tasks)) == recipe
    found = only_tasks(recipe, ["trees"])
    assert found.training.model_copy(update={"single_scores": recipe.training.single_scores}) == recipe.training
    assert (found.encoder, found.tasks["trees"]) == (recipe.encoder, recipe.tasks["trees"])


def test_a_checkpoint_is_not_chosen_by_a_task_that_is_gone(content: dict[str, Any]) -> None:
    content["training"]["select"] = "upos"
    recipe = validate_recipe(content)
    assert only_tasks(recipe, ["trees"]).training.select == "mean"
    assert only_tasks(recipe, ["upos"]).training.select == "upos"
    assert single_task(recipe, "upos").training.select == "mean"


def test_mistakes(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="there is no task 'treees'; did you mean 'trees'"):
        only_tasks(recipe, ["treees"])
    with pytest.raises(RecipeError, match="expected a task to keep"):
        only_tasks(recipe, [])
