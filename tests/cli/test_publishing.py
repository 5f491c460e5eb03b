"""The commands ``card`` and ``push``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.experiment import Run
from hiernlp.recipe.files import validate_recipe

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def trained(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("publishing") / "model"
    list(Run(validate_recipe(recipe_data(["upos", "dependencies"], epochs=1)), path).events())
    return path


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


def test_a_card_is_written_anew_with_speed_and_all_else_stays(cli: Cli, model: Path, tmp_path: Path) -> None:
    before = {p.name: p.read_bytes() for p in model.iterdir() if p.is_file()}
    (model / "README.md").write_text("lost")
    assert cli("card", model).code == 0
    assert {p.name: p.read_bytes() for p in model.iterdir() if p.is_file()} == before
    (tmp_path / "text.txt").write_text("The cat sees a dog. Mary liked the bird.")
    for options in (["--text", tmp_path / "text.txt"], []):
        result = cli("card", model, "--measure", "--device", "cpu", *options)
        assert result.code == 0
        assert str(model / "README.md") in result.err
        speed = json.loads((model / "scores.json").read_text())["speed"]
        assert [found["depth"] for found in speed["depths"]] == [1, 3]
        assert "## Speed by depth" in (model / "README.md").read_text()
        changed = {"README.md", "scores.json"}
        assert {p.name: p.read_bytes() for p in model.iterdir() if p.is_file() and p.name not in changed} == {
            name: content for name, content in before.items() if name not in changed
        }
    assert speed["sentences"] == 120
    assert torch.get_num_threads() == 1


def test_a_push_takes_the_token_from_the_environment(cli: Cli, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hiernlp.cli import publishing

    told: list[Any] = []
    monkeypatch.setattr(publishing, "push", lambda folder, repo, **o: told.append((folder, repo, o)) or "the address")
    monkeypatch.setenv("HF_TOKEN", "secret")
    result = cli("push", model, "me/toy", "--private")
    assert (result.code, result.err) == (0, "model in the address\n")
    assert told == [(model, "me/toy", {"private": True, "token": "secret", "revision": None})]
    monkeypatch.delenv("HF_TOKEN")
    cli("push", model, "me/toy", "--revision", "r")
    assert told[1][2] == {"private": None, "token": None, "revision": "r"}


def test_mistakes_are_one_line(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for arguments, message in (
        (["card", tmp_path / "none"], "expected a model folder, found nothing"),
        (["card", model, "--text", tmp_path / "binary"], "--text: is what --measure measures on"),
        (["card", model, "--measure", "--text", tmp_path / "binary"], "binary: expected text in UTF-8"),
        (["card", model, "--measure", "--text", tmp_path / "gone"], "gone: No such file"),
        (["push", tmp_path / "none", "toy"], "expected a model folder, found nothing"),
    ):
        result = cli(*arguments)
        assert result.code == 2
        assert message in result.err
        assert result.err.count("\n") == 1
