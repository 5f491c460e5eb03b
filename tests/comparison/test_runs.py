"""The plan of a comparison: which runs, in which order, by which recipes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hiernlp.comparison.results import collect
from hiernlp.comparison.runs import begin, joint_folder, planned, single_folder
from hiernlp.errors import HierNLPError
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]


def write_scores(folder: Path, **values: float) -> None:
    folder.mkdir(parents=True)
    tasks = {task: {"main": "f1", "values": {"f1": value}} for task, value in values.items()}
    (folder / "scores.json").write_text(json.dumps({"tasks": tasks}))


def test_the_order_and_one_budget(recipe_data: Make, tmp_path: Path) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type"], epochs=3, feeds=[{"from": "upos"}]))
    runs = list(planned(recipe, tmp_path, seeds=[2, 5]))
    assert [str(run.folder.relative_to(tmp_path)) for run in runs] == [
        "single/upos/seed-2", "single/type/seed-2", "joint/seed-2", "single/upos/seed-5", "single/type/seed-5",
        "joint/seed-5",
    ]  # fmt: skip
    assert [run.recipe.training.seed for run in runs] == [2, 2, 2, 5, 5, 5]
    assert [list(run.recipe.tasks) for run in runs[:3]] == [["upos"], ["type"], ["upos", "type"]]
    assert runs[2].recipe.feeds
    for run in runs:
        same = run.recipe.training.model_copy(update={"seed": recipe.training.seed})
        assert same == recipe.training


@pytest.mark.parametrize("select", ["gain", "no_loss"])
def test_the_joint_run_is_given_the_scores_of_its_seed(recipe_data: Make, tmp_path: Path, select: str) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type"], select=select))
    for run in planned(recipe, tmp_path, seeds=[1, 2]):
        if len(run.recipe.tasks) == 1:
            [task] = run.recipe.tasks
            assert (run.recipe.training.select, run.recipe.training.single_scores) == ("mean", None)
            write_scores(run.folder, **{task: run.recipe.training.seed / 10})
        else:
            score = run.recipe.training.seed / 10
            assert run.recipe.training.single_scores == {"upos": score, "type": score}
            assert run.recipe.training.select == select


def test_a_task_without_development_data_is_named(tmp_path: Path) -> None:
    write_scores(single_folder(tmp_path, task="a", seed=1), a=0.5)
    single_folder(tmp_path, task="b", seed=1).mkdir(parents=True)
    write_scores(joint_folder(tmp_path, seed=1), a=0.6)
    found = collect(tmp_path, tasks=["a", "b"], seeds=[1], command="x")
    assert (list(found.tasks), found.unscored) == (["a"], ("b",))
    assert found.words_per_second is None
    with pytest.raises(HierNLPError, match="no task was scored"):
        collect(tmp_path, tasks=["b"], seeds=[1], command="x")


def test_folders(recipe_data: Make, tmp_path: Path) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type"]))
    begin(recipe, tmp_path / "new")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / ".recipe.json.x").write_text("")  # another process is at it
    begin(recipe, tmp_path / "begun")
    begin(validate_recipe(recipe_data(["upos", "type"], epochs=9)), tmp_path / "new")  # nothing was trained yet
    begin(recipe, tmp_path / "new")
    (tmp_path / "new" / "single").mkdir()
    begin(validate_recipe(recipe_data(["upos", "type"], seed=7)), tmp_path / "new")  # the seed is not part of it
    with pytest.raises(HierNLPError, match="begun with another recipe or other --set"):
        begin(validate_recipe(recipe_data(["upos", "type"], epochs=9)), tmp_path / "new")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    for path in (tmp_path / "full", tmp_path / "full" / "thesis.tex"):
        with pytest.raises(HierNLPError, match="expected a new or empty folder, or one of `hiernlp compare`"):
            begin(recipe, path)


def test_mistakes_are_told_before_anything_is_trained(recipe_data: Make, tmp_path: Path) -> None:
    def told(data: dict[str, Any]) -> str:
        with pytest.raises(HierNLPError) as error:
            begin(validate_recipe(data), tmp_path / "new")
        assert not (tmp_path / "new").exists()
        return str(error.value)

    # Only the joint model has this mistake, and it would be trained last.
    assert told(recipe_data(["upos", "dependencies"], feeds=[{"from": "dependencies", "to": "upos"}])).startswith(
        "feeds"
    )
    assert told(recipe_data(["upos"])) == "tasks: expected two tasks or more to compare, found only 'upos'"
    assert "expected a folder that" in told(recipe_data(["upos", "type"], single_scores=str(tmp_path / "nowhere")))
    data = recipe_data(["upos", "type"])
    data["corpora"]["ud"].pop("dev")
    assert "a comparison needs development data" in told(data)
    data = recipe_data(["upos", "mood"], select="mood")
    data["corpora"]["talk"].pop("dev")
    assert "training.select: no development data has the task 'mood'" in told(data)
