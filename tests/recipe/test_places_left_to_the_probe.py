"""Recipes that leave places to the probe: what changes, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from hiernlp.recipe import Recipe, json_schema, single_task, unplaced_tasks, untrained, with_places
from hiernlp.recipe.files import validate_recipe


@pytest.fixture
def recipe(content: dict[str, Any]) -> Recipe:
    """A recipe that leaves a place to the probe."""
    content["tasks"]["trees"]["place"] = "auto"
    content["probe"] = {"epochs": 2, "options": {"trees": {"arc_size": 8}, "upos": {"hidden": 4}}}
    return validate_recipe(content)


def test_places_are_filled_in(recipe: Recipe) -> None:
    assert unplaced_tasks(recipe) == ["trees"]
    placed = with_places(recipe, {"trees": 4})
    assert unplaced_tasks(placed) == []
    assert placed.tasks["trees"].place == 4
    assert with_places(placed, {"trees": "auto"}) == recipe  # type: ignore[dict-item]


def test_a_single_task_has_its_own_probe(recipe: Recipe) -> None:
    alone = single_task(recipe, "trees")
    assert alone.probe.options == {"trees": {"arc_size": 8}}
    assert alone.probe.epochs == 2
    assert unplaced_tasks(alone) == ["trees"]


def test_the_pretrained_encoder_is_fed_nothing(content: dict[str, Any], recipe: Recipe) -> None:
    plain = untrained(recipe)
    assert plain.feeds == []
    assert plain.sharing.scheme == "hard"
    assert {task: settings.place for task, settings in plain.tasks.items()} == {"upos": 2, "trees": "top"}
    assert plain.corpora == recipe.corpora
    assert untrained(plain) == plain


def test_editors_are_told_of_auto_and_of_the_probe() -> None:
    schema = json_schema()
    choices = [c.get("enum", []) for c in schema["$defs"]["TaskSettings"]["properties"]["place"]["anyOf"]]
    assert any("auto" in c and "top" in c for c in choices)
    assert "share" in schema["$defs"]["ProbeSettings"]["properties"]
