"""The commands ``affinity`` and ``ablate``, from a recipe to what they write."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiernlp.cli import _runs
from hiernlp.insight.learning_curves import read_curves

Cli = Callable[..., Any]


@pytest.fixture
def recipe(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    """Return a recipe file of three tasks of two corpora."""
    file = tmp_path / "recipe.yaml"
    data = recipe_data(["upos", "type", "mood"], feeds=[{"from": "upos"}], epochs=1, log_every=1)
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


def weights(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("model.safetensors")}


def signal_at(monkeypatch: pytest.MonkeyPatch, number: int, *, event: int) -> None:
    """Send a signal to this process when so many events were logged."""
    original, left = _runs.RunLog.write, [event]

    def write(self: Any, event: Any) -> None:
        original(self, event)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(number)

    monkeypatch.setattr(_runs.RunLog, "write", write)


def test_affinity(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    single = tmp_path / "curves"
    run = single / "single" / "upos" / "seed-1" / "training"
    run.mkdir(parents=True)
    lines = [{"event": "step", "step": n, "losses": {"upos": 1 / n}} for n in range(1, 8)]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ["--main", "type", "--share", "1", "--every", "4", "--groups", "2", "--curves", single, "-q"]
    code, out, err = cli("affinity", recipe, "-o", tmp_path / "a", *options)
    assert code == 0, err
    for part in ("helpers of type", "group 1: ", "labels and data", "learning curves of the tasks alone", "Measured"):
        assert part in out
    assert f"picture in {tmp_path / 'a' / 'affinity.png'}" in err
    data = json.loads((tmp_path / "a" / "affinity.json").read_text())
    assert data["tasks"] == ["upos", "type", "mood"]
    assert [m["step"] for m in data["over_training"]] == list(range(0, data["steps"], 4))
    assert {helper["task"] for helper in data["helpers"]} == {"upos", "mood"}
    assert set(data["learning_curves"]) == {"upos"}
    assert f"--main type --share 1.0 --every 4 --groups 2 --curves {single}" in data["command"]
    code, out, err = cli("affinity", recipe, "-o", tmp_path / "a", "--steps", 1, "--rate", 0.5, "--json", "-q")
    assert code == 0, err
    again = json.loads(out)
    assert (again["steps"], again["rate"], again["main"], again["learning_curves"]) == (1, 0.5, None, None)


def test_a_signal_while_affinity_is_measured(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hiernlp.cli.affinities.label_statistics", lambda _: signal.raise_signal(signal.SIGINT))
    code, out, err = cli("affinity", recipe, "-o", tmp_path / "a")
    assert (code, out) == (128 + signal.SIGINT, "")
    assert "nothing is written before all is measured" in err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--main", "tipe"], "--main: there is no task 'tipe' in the recipe; did you mean 'type'"),
        (["--steps", "0"], "--steps: expected 1 or more, found 0"),
        (["--groups", "0"], "--groups: expected 1 or more, found 0"),
        (["--curves", "nowhere"], "--curves: nowhere: expected a folder that `hiernlp compare` made"),
        (["--set", "tasks.upos=null", "--set", "tasks.mood=null", "--set", "feeds=[]"], "expected two tasks or more"),
    ],
)
def test_mistakes_of_affinity(cli: Cli, recipe: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("affinity", recipe, "-o", tmp_path / "a", *arguments)
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if not line.startswith("preparing ")]
    assert len(told) == 1
    assert message in told[0]
    assert not (tmp_path / "a").exists()


def test_an_ablation_interrupted_and_gone_on_with(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "a b"
    code, out, err = cli("ablate", recipe, "--task", "type", "-o", whole, "--seeds", "1,2", "-q")
    assert code == 0, err
    assert all(part in out for part in ("with upos", "difference", "Welch"))
    found = json.loads((whole / "ablation.json").read_text())
    assert list(found["variants"]) == ["alone", "with upos", "with mood", "all"]
    for name, place in (("alone", "alone"), ("with mood", "with/mood"), ("all", "all")):
        scores = [json.loads((whole / place / f"seed-{seed}" / "scores.json").read_text()) for seed in (1, 2)]
        values = [s["tasks"]["type"]["values"][found["figure"]] for s in scores]
        assert found["variants"][name]["score"]["values"] == values
    begun = json.loads((whole / "with" / "upos" / "seed-1" / "training" / "recipe.json").read_text())
    assert (list(begun["tasks"]), list(begun["corpora"])) == (["upos", "type"], ["ud"])

    shutil.copytree(whole / "alone" / "seed-1" / "training", tmp_path / "single" / "type" / "training")
    assert set(read_curves(tmp_path / "single", ["type", "upos"])) == {"type"}

    for number, event in ((signal.SIGTERM, 3), (signal.SIGINT, 9)):
        with monkeypatch.context() as patched:
            signal_at(patched, number, event=event)
            code, out, err = cli("ablate", recipe, "--task", "type", "-o", cut, "--seeds", "2", "-q")
        assert (code, out) == (128 + number, ""), err
        again = f"go on with: hiernlp ablate {recipe} --task type --output '{cut}' --seeds 2"
        assert err.splitlines()[-1].endswith(again)
    code, out, err = cli("ablate", recipe, "--task", "type", "-o", cut, "--seeds", "2", "-q", "--json")
    assert code == 0, err
    assert weights(cut) == {path: model for path, model in weights(whole).items() if "seed-2" in path}
    for name, variant in json.loads(out)["variants"].items():
        assert variant["score"]["values"] == found["variants"][name]["score"]["values"][1:]

    # Another design of three tasks needs no run that is not there; nothing finished is trained again.
    times = {p: p.stat().st_mtime_ns for p in whole.rglob("*") if p.is_file() and p.parent != whole}
    with monkeypatch.context() as patched:
        patched.setattr(_runs, "train", None)
        options = ["--design", "leave-out", "--helpers", "upos", "--json"]
        code, out, err = cli("ablate", recipe, "--task", "type", "-o", whole, "--seeds", "2", *options)
    assert code == 0, err
    data = json.loads(out)
    assert list(data["variants"]) == ["alone", "without upos", "all"]
    assert data["variants"]["without upos"]["margin"] is None
    assert "--seeds 2 --helpers upos --design leave-out" in data["command"]
    assert {p: p.stat().st_mtime_ns for p in times} == times


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task", "tipe"], "--task: there is no task 'tipe' in the recipe; did you mean 'type'"),
        (["--task", "type", "--helpers", "upps"], "--helpers: 'upps' is not a task of the recipe; did you mean 'upos'"),
        (["--task", "type", "--helpers", ","], "--helpers: expected names of tasks, separated by commas"),
        (["--task", "type", "--design", "drop"], "--design: expected add, leave-out, both, found 'drop'"),
        (["--task", "type", "--seeds", "1,x"], "--seeds: expected whole numbers"),
        (["--task", "type", "--set", "corpora.ud.dev=[]"], "expected development data with the main task 'type'"),
    ],
)
def test_mistakes_of_ablate(cli: Cli, recipe: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("ablate", recipe, "-o", tmp_path / "a", *arguments)
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if not line.startswith("preparing ")]
    assert len(told) == 1
    assert message in told[0]
    assert not (tmp_path / "a").exists()
