"""The plan of an ablation: which runs, by which recipes, in which folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.experiment import dumped
from hiernlp.insight.ablation import DESIGNS, begin, variants
from hiernlp.recipe import single_task, with_training
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]
TASKS = ["upos", "chunks", "trees", "mood"]


def test_designs() -> None:
    def names(design: Any, helpers: list[str] | None = None) -> list[str]:
        return [v.name for v in variants(TASKS, main="trees", helpers=helpers, design=design)]

    assert names("add") == ["alone", "with upos", "with chunks", "with mood", "all"]
    assert names("leave-out") == ["alone", "without upos", "without chunks", "without mood", "all"]
    assert names("both") == [*names("add")[:-1], *names("leave-out")[1:]]
    assert names("both", ["mood"]) == ["alone", "with mood", "without mood", "all"]


def test_what_is_trained_and_compared() -> None:
    found = {v.name: v for v in variants(TASKS, main="trees", design="both")}
    assert found["alone"].tasks == ("trees",)
    assert found["with mood"].tasks == ("trees", "mood")
    assert found["without chunks"].tasks == ("upos", "trees", "mood")
    assert found["all"].tasks == tuple(TASKS)
    assert {name: (v.reference, v.helper) for name, v in found.items() if "mood" in name or " " not in name} == {
        "alone": (None, None), "with mood": ("alone", "mood"), "without mood": ("all", "mood"), "all": ("alone", None),
    }  # fmt: skip


@given(st.integers(2, 6), st.integers(0, 5), st.sampled_from(DESIGNS), st.data())
def test_a_folder_is_one_choice_of_tasks(size: int, main: int, design: Any, data: st.DataObject) -> None:
    tasks = [f"t{n}" for n in range(size)]
    name = tasks[main % size]
    helpers = data.draw(st.none() | st.lists(st.sampled_from([t for t in tasks if t != name]), min_size=1, unique=True))
    some = variants(tasks, main=name, helpers=helpers, design=design)
    every = variants(tasks, main=name, design="both")
    # Whatever design asks for it, the same tasks have the same folder, and other tasks another.
    assert len({v.place for v in every}) == len({v.tasks for v in every})
    known = {v.tasks: v.place for v in every}
    assert all(known[v.tasks] == v.place for v in some)
    assert all(name in v.tasks for v in some)
    assert (some[0].name, some[-1].name) == ("alone", "all")


def test_runs_that_are_the_same_come_once(recipe_data: Make, tmp_path: Path) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type", "entities"]))
    runs = list(begin(recipe, tmp_path / "a", main="type", design="both").planned(seeds=[2]))
    assert [str(run.folder.relative_to(tmp_path / "a")) for run in runs] == [
        "alone/seed-2", "with/upos/seed-2", "with/entities/seed-2", "all/seed-2",
    ]  # fmt: skip
    two = validate_recipe(recipe_data(["upos", "type"]))
    runs = list(begin(two, tmp_path / "b", main="type", design="both").planned(seeds=[1, 3]))
    assert [str(run.folder.relative_to(tmp_path / "b")) for run in runs] == [
        "alone/seed-1", "all/seed-1", "alone/seed-3", "all/seed-3",
    ]  # fmt: skip


def test_recipes_of_runs(recipe_data: Make, tmp_path: Path) -> None:
    feeds = [{"from": "upos"}, {"from": "upos", "to": ["type", "dependencies"]}, {"from": "mood", "to": "type"}]
    data = recipe_data(["upos", "dependencies", "type", "mood"], feeds=feeds, epochs=3, best_per_task=True)
    recipe = validate_recipe(data)
    ablation = begin(recipe, tmp_path / "a", main="type", design="both")
    found = {str(run.folder.relative_to(tmp_path / "a")): run.recipe for run in ablation.planned(seeds=[4])}
    assert list(found["alone/seed-4"].tasks) == ["type"]
    assert not found["alone/seed-4"].feeds
    for place, made in found.items():
        settings = made.training
        assert (settings.seed, settings.epochs, settings.select, settings.best_per_task) == (4, 3, "type", False), place
        for feed in made.feeds:
            assert {feed.source, *feed.to} - {"encoder"} <= set(made.tasks)
        assert set(made.corpora) == {"ud"} | ({"talk"} if "mood" in made.tasks else set())
    assert [feed.to for feed in found["with/upos/seed-4"].feeds] == [["encoder"], ["type"]]
    assert found["all/seed-4"].feeds == recipe.feeds
    alone = with_training(single_task(recipe, "type"), seed=4, select="type")
    assert found["alone/seed-4"].model_copy(update={"corpora": alone.corpora}) == alone


def test_folders(recipe_data: Make, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    recipe = validate_recipe(recipe_data(["upos", "type", "mood"]))
    first = begin(recipe, folder, main="type")
    assert json.loads((folder / "ablation-recipe.json").read_text())["corpora"] == {
        "upos": ["ud"], "type": ["ud"], "mood": ["talk"],
    }  # fmt: skip
    changed = validate_recipe(recipe_data(["upos", "type", "mood"], epochs=9))
    begin(changed, folder, main="type")  # nothing was trained yet
    begin(recipe, folder, main="type")
    (folder / "alone").mkdir()
    again = begin(
        validate_recipe(recipe_data(["upos", "type", "mood"], seed=5)), folder, main="type", design="leave-out"
    )
    one = {run.folder: dumped(run.recipe) for run in first.planned(seeds=[1])}
    other = {run.folder: dumped(run.recipe) for run in again.planned(seeds=[1])}
    assert set(one) == {folder / place / "seed-1" for place in ("alone", "all", "with/upos", "with/mood")}
    assert one == other
    with pytest.raises(HierNLPError, match="begun with another recipe or other --set"):
        begin(changed, folder, main="type")
    with pytest.raises(HierNLPError, match="was begun for the main task 'type', found --task upos"):
        begin(recipe, folder, main="upos")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "recipe.json").write_text("{}")  # of a comparison
    with pytest.raises(HierNLPError, match="expected a new or empty folder, or one of `hiernlp ablate`"):
        begin(recipe, tmp_path / "full", main="type")


def test_mistakes(recipe_data: Make, tmp_path: Path) -> None:
    def told(tasks: list[str], *, without_dev: str | None = None, **arguments: Any) -> str:
        data = recipe_data(tasks)
        if without_dev:
            data["corpora"][without_dev].pop("dev")
        with pytest.raises(HierNLPError) as error:
            begin(validate_recipe(data), tmp_path / "new", **arguments)
        assert not (tmp_path / "new").exists()
        return str(error.value)

    three = ["upos", "type", "mood"]
    assert told(three, main="tipe") == "--task: there is no task 'tipe' in the recipe; did you mean 'type'?"
    assert "expected a helper besides the main task 'type'" in told(["type"], main="type")
    assert "--helpers: 'upps' is not a task of the recipe; did you mean 'upos'?" in told(
        three, main="type", helpers=["upps"]
    )
    assert "--helpers: 'type' is the main task" in told(three, main="type", helpers=["type"])
    assert "--design: expected add, leave-out, both, found 'all'" in told(three, main="type", design="all")
    assert "expected development data with the main task 'mood'" in told(three, main="mood", without_dev="talk")
    with pytest.raises(RecipeError):
        variants(["a", "b"], main="c")
