"""Recipe files: variants, overrides, task files and the folders they are found in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiernlp.errors import RecipeError
from hiernlp.recipe import available_recipes, available_tasks, load_recipe
from hiernlp.recipe.files import validate_recipe


def test_components_settings_take_their_defaults(content: dict[str, Any], write: Callable[..., Path]) -> None:
    recipe = load_recipe(write(content))
    assert recipe.tasks["trees"].options["arc_size"] == 384
    assert (recipe.tasks["upos"].options["column"], recipe.tasks["upos"].options["dropout"]) == ("upos", 0.1)
    assert recipe.corpora["ud"].options["check_trees"] is True
    assert recipe.feeds[0].to == ["encoder"]


def test_a_resolved_recipe_states_everything_and_is_its_own_fixed_point(
    content: dict[str, Any], write: Callable[..., Path]
) -> None:
    recipe = load_recipe(write(content))
    dumped = json.loads(json.dumps(recipe.model_dump(mode="json", by_alias=True)))
    assert validate_recipe(dumped) == recipe
    assert validate_recipe(yaml.safe_load(yaml.safe_dump(dumped))) == recipe


def test_paths_start_from_the_file_that_names_them(
    content: dict[str, Any], write: Callable[..., Path], tmp_path: Path
) -> None:
    write(content, "base/base.yaml")
    path = write({"extends": "../base/base.yaml", "corpora": {"ud": {"test": "t.conllu"}}}, "variants/v.yaml")
    ud = load_recipe(path).corpora["ud"]
    assert [str(Path(p).resolve()) for p in ud.train] == [str(tmp_path / "base" / "train.conllu")]
    assert [str(Path(p).resolve()) for p in ud.test] == [str(tmp_path / "variants" / "t.conllu")]
    content["corpora"]["ud"]["train"] = "/data/train.conllu"
    content["corpora"]["hubbed"] = {"reader": "hub", "train": "train", "options": {"id": "x/y", "words": "tokens"}}
    data = load_recipe(write(content), overrides=["corpora.hubbed=null"]).corpora
    assert data["ud"].train == ["/data/train.conllu"]


def test_variants(content: dict[str, Any], write: Callable[..., Path]) -> None:
    write(content, "base.yaml")
    write({"extends": "base", "training": {"seed": 7}, "tasks": {"trees": {"place": 4}}}, "middle.yaml")
    write({"training": {"epochs": 9, "seed": 8}}, "fast.yaml")
    top = write({"extends": ["middle.yaml", "fast"], "tasks": {"upos": None}, "feeds": []}, "top.yaml")
    recipe = load_recipe(top)
    assert (recipe.training.seed, recipe.training.epochs) == (8, 9)
    assert list(recipe.tasks) == ["trees"]
    assert recipe.tasks["trees"].place == 4
    assert recipe.feeds == []
    assert recipe.encoder.name == "minilm"


def test_a_variant_of_a_bundled_recipe(write: Callable[..., Path]) -> None:
    recipe = load_recipe(write({"extends": "sample", "training": {"epochs": 1}}, "mine.yaml"))
    bundled = load_recipe("sample")
    assert recipe.training.epochs == 1 != bundled.training.epochs
    assert recipe.tasks == bundled.tasks
    assert recipe.corpora == bundled.corpora  # the paths, too
    write({"extends": "gum"}, "sample.yaml")
    assert load_recipe(write({"extends": "sample"}, "mine.yaml")).corpora.keys() == {"gum"}  # one beside it comes first


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": {"extends": "a"}}, "^extends: a.yaml extends itself"),
        (
            {"a": {"extends": "b"}, "b": {"extends": "c"}, "c": {"extends": "a"}},
            "^extends: a.yaml extends itself, by way of",
        ),
        ({"a": {"extends": "bb"}, "base": {}}, "^extends: there is no recipe 'bb' beside a.yaml"),
        (
            {"a": {"extends": "bse"}, "base": {}},
            r"^extends: there is no recipe 'bse' beside a.yaml, nor a bundled one of this name; did you mean 'base",
        ),
        ({"a": {"extends": 7}}, "^extends: "),
        ({"a": {"extends": [None]}}, "^extends: "),
    ],
)
def test_variants_of_nothing(write: Callable[..., Path], files: dict[str, Any], message: str) -> None:
    for name, data in files.items():
        write(data, f"{name}.yaml")
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(files["a"], "a.yaml"))
    assert "\n" not in str(error.value)


def test_overrides_come_last(content: dict[str, Any], write: Callable[..., Path]) -> None:
    write(content, "base.yaml")
    path = write({"extends": "base", "training": {"epochs": 4}}, "v.yaml")
    recipe = load_recipe(
        path,
        overrides=[
            "training.epochs=7",
            "training.betas=[0.8, 0.9]",
            "feeds.1.gradient=through",
            "feeds.0.to=[trees]",
            "feeds.1.to=encoder",
            "corpora.ud.dev.1=/x.conllu",
            "tasks.trees.options.arc_size=12",
            "tasks.upos.place={mix: [0, 2]}",
            "encoder.config.hidden_dropout_prob=0.2",
            "description=a: b",
        ][:-1],
    )
    assert recipe.training.epochs == 7
    assert recipe.training.betas == (0.8, 0.9)
    assert recipe.feeds[1].gradient == "through"
    assert recipe.feeds[0].to == ["trees"]
    assert recipe.corpora["ud"].dev[1] == "/x.conllu"
    assert recipe.tasks["trees"].options["arc_size"] == 12
    assert recipe.encoder.config == {"hidden_dropout_prob": 0.2}
    assert list(load_recipe(path, overrides=["tasks.upos=null", "feeds=[]"]).tasks) == ["trees"]


def test_task_files(content: dict[str, Any], write: Callable[..., Path]) -> None:
    write({"kind": "token_labels", "options": {"column": "mine"}, "place": 3}, "mine.yaml")
    content["tasks"] |= {
        "mine": None,
        "also": {"file": "mine.yaml", "place": 1, "options": {"dropout": 0.3}},
        "dependencies": {"weight": 2.0},
    }
    tasks = load_recipe(write(content)).tasks
    assert tasks["mine"].place == 3
    assert (tasks["also"].place, tasks["also"].options["column"], tasks["also"].options["dropout"]) == (1, "mine", 0.3)
    assert (tasks["dependencies"].kind, tasks["dependencies"].weight) == ("dependencies", 2.0)


@pytest.mark.parametrize("name", available_recipes())
def test_bundled_recipes_are_without_mistakes(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.description
    for corpus in recipe.corpora.values():
        for source in [*corpus.train, *corpus.dev]:
            if corpus.reader != "hub" and "*" not in source and "sample" in source:
                assert Path(source).exists(), source


@pytest.mark.parametrize("name", available_tasks())
def test_bundled_tasks_are_without_mistakes(name: str) -> None:
    corpora = {"c": {"reader": "conllu", "train": "x"}}
    task = yaml.safe_load(available_tasks()[name].read_text(encoding="utf-8"))
    recipe = validate_recipe({"corpora": corpora, "tasks": {name: task}})
    assert recipe.tasks[name].description
