"""The command ``probe``, and training by a recipe that leaves places to it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiernlp.probing import prober

Cli = Callable[..., Any]


@pytest.fixture
def recipe(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    """Return a recipe file of two tasks, the place of one of which the probe finds."""
    file = tmp_path / "recipe.yaml"
    data = recipe_data(["upos", "type"], epochs=1)
    data["tasks"] = {**data["tasks"], "upos": {**data["tasks"]["upos"], "place": "auto"}}
    data["probe"] = {"sentences": 30, "epochs": 1}
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


def signal_after(monkeypatch: pytest.MonkeyPatch, number: int, *, tasks: int) -> None:
    """Send a signal to this process when so many tasks were probed."""
    original, left = prober.probe_task, [tasks]

    def probe_task(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            signal.raise_signal(number)
        left[0] -= 1
        return original(*args, **kwargs)

    monkeypatch.setattr(prober, "probe_task", probe_task)


def test_a_recipe_then_the_model_that_it_trains(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["probe", recipe, "-o", tmp_path / "a b"]
    with monkeypatch.context() as patched:
        signal_after(patched, signal.SIGTERM, tasks=1)
        code, out, err = cli(*command)
    assert (code, out) == (128 + signal.SIGTERM, "")
    assert err.splitlines()[-1].endswith(f"go on with: hiernlp probe {recipe} --output '{tmp_path}/a b'")
    assert "probed upos: layer" in err
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    code, out, err = cli(*command)
    assert code == 0, err
    assert "states of" not in err
    for part in ("majority", "centre", "selectivity", "undefined", "Tenney", "for want of a control task, for type"):
        assert part in out
    assert err.splitlines()[-1] == f"report in {tmp_path}/a b; picture in {tmp_path}/a b/probe.png"
    found = json.loads((tmp_path / "a b" / "probe.json").read_text())
    assert list(found["tasks"]) == ["upos", "type"]
    assert found["command"] == f"hiernlp probe {recipe} --output '{tmp_path}/a b'"

    model = tmp_path / "model"
    with monkeypatch.context() as patched:
        signal_after(patched, signal.SIGINT, tasks=0)
        code, _, err = cli("train", recipe, "-o", model, "-q")
    assert code == 128 + signal.SIGINT
    assert err.splitlines()[-1].endswith(f"go on with: hiernlp train {recipe} --output {model}")
    code, _, err = cli("train", recipe, "-o", model, "-q", "--single-tasks")
    assert code == 0, err
    assert err.count("probed upos") == 1
    place = round(found["tasks"]["upos"]["centre_of_gravity"])
    assert f"upos at {place}" in err
    for folder in (model, model / "training" / "single" / "upos"):
        assert yaml.safe_load((folder / "recipe.yaml").read_text())["tasks"]["upos"]["place"] == place

    code, out, err = cli("probe", model, "-o", tmp_path / "trained", "--tasks", "type", "--json")
    assert code == 0, err
    trained = json.loads(out)
    assert trained == json.loads((tmp_path / "trained" / "probe.json").read_text())
    assert list(trained["tasks"]) == ["type"]
    assert trained["probed"].endswith("as trained")
    assert trained["tasks"]["type"]["layers"] != found["tasks"]["type"]["layers"]
    # Another folder's probe is not mixed in.
    code, _, err = cli("probe", recipe, "-o", tmp_path / "trained")
    assert code == 2
    assert "expected a new or empty folder, or one of the same probe" in err


def test_a_comparison_finds_places_once(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["compare", recipe, "-o", tmp_path / "c", "-q"]
    with monkeypatch.context() as patched:
        signal_after(patched, signal.SIGINT, tasks=0)
        assert cli(*command)[0] == 128 + signal.SIGINT
    code, _, err = cli(*command)
    assert code == 0, err
    assert err.count("probed upos") == 1
    found = json.loads((tmp_path / "c" / "probe" / "probe.json").read_text())["tasks"]["upos"]
    place = round(found["centre_of_gravity"])
    recipes = [yaml.safe_load(file.read_text()) for file in (tmp_path / "c").rglob("recipe.yaml")]
    assert len(recipes) == 3
    assert {r["tasks"]["upos"]["place"] for r in recipes if "upos" in r["tasks"]} == {place}
    code, _, err = cli(*command, "--set", "training.seed=7", "--seeds", "1")
    assert code == 0, err
    assert "probed" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "upso"], "there is no task 'upso'; did you mean 'upos'?"),
        (["--device", "warp"], "device: 'warp' cannot be used here"),
        (["--set", "probe.epoch=2"], "probe.epoch: unknown key; did you mean 'epochs'?"),
        (["--set", "probe.share=2"], "probe.share: input should be less than or equal to 1, found 2"),
        (["--set", "probe.options={upso: {}}"], "probe.options: there is no task 'upso'; did you mean 'upos'?"),
        (["--set", "tasks.upos.place=autom"], "'top' or 'auto', found 'autom'"),
        (["--set", "corpora.ud.dev=null"], "tasks.upos: to find its layer, probes are scored on development data"),
    ],
)
def test_mistakes(cli: Cli, recipe: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("probe", recipe, "-o", tmp_path / "p", *arguments)
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if not line.startswith("preparing ")]
    assert len(told) == 1
    assert message in told[0]
    assert not (tmp_path / "p").exists()


def test_a_model_without_its_recipe(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    code, _, err = cli("train", recipe, "-o", tmp_path / "model", "-q", "--set", "tasks.upos.place=1")
    assert code == 0, err
    (tmp_path / "model" / "recipe.yaml").unlink()
    code, _, err = cli("probe", tmp_path / "model", "-o", tmp_path / "p")
    assert code == 2
    assert "expected the recipe that names the model's corpora, found none" in err
    code, _, err = cli("probe", tmp_path, "-o", tmp_path / "p")
    assert code == 2
    assert "expected a model folder" in err
