"""The script of the joint many-task table: its variants can be trained, and its command can be repeated elsewhere."""

from __future__ import annotations

import pytest

from hiernlp.recipe import load_recipe, resolve_feeds, resolve_place


@pytest.fixture
def reproduce(script):
    return script("reproduce_jmt")


def test_all_variants_fit_the_encoders_six_layers(reproduce):
    for title, changes in reproduce.VARIANTS.items():
        recipe = load_recipe(reproduce.RECIPE, overrides=changes)
        places = {task: resolve_place(task, settings, depth=6) for task, settings in recipe.tasks.items()}
        assert len(resolve_feeds(recipe.feeds, places, depth=6)) == len(recipe.feeds), title


@pytest.mark.parametrize("data", [["--data", "data"], ["--data=data"], ["--data", "."]])
def test_the_command_names_no_folder_of_this_machine(reproduce, data):
    shown = reproduce.repeating(["scripts/reproduce_jmt.py", *data, "--set", "a.b=c d", "--only-report"])
    joined = "--data=" if "=" in data[0] else "--data "
    assert shown == f"python scripts/reproduce_jmt.py {joined}path/to/corpora --set 'a.b=c d'"
