"""The command ``compare``: a whole comparison, interrupted and gone on with."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiernlp.cli import _runs

Cli = Callable[..., Any]


@pytest.fixture
def recipe(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    """Return a recipe file of two tasks."""
    file = tmp_path / "recipe.yaml"
    data = recipe_data(["upos", "type"], epochs=2, log_every=1, select="gain")
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


def test_a_comparison_interrupted_and_gone_on_with(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ["compare", recipe, "-o", tmp_path / "whole", "--seeds", "1,2", "-q"]
    code, out, err = cli(*whole)
    assert code == 0, err
    assert all(part in out for part in ("upos", "type", "difference", "Welch"))
    folder = tmp_path / "whole"
    found = json.loads((folder / "comparison.json").read_text())
    assert sorted(p.name for p in folder.iterdir()) == [
        "comparison.json", "comparison.md", "comparison.png", "joint", "recipe.json", "single",
    ]  # fmt: skip
    for task, result in found["tasks"].items():
        for side, place in (("single", f"single/{task}"), ("joint", "joint")):
            scores = [json.loads((folder / place / f"seed-{seed}" / "scores.json").read_text()) for seed in (1, 2)]
            assert result[side]["values"] == [s["tasks"][task]["values"][result["main"]] for s in scores]
    assert found["joint_words_per_second"] > 0
    for seed in (1, 2):
        joint = yaml.safe_load((folder / "joint" / f"seed-{seed}" / "recipe.yaml").read_text())["training"]
        assert joint["single_scores"] == {t: found["tasks"][t]["single"]["values"][seed - 1] for t in found["tasks"]}

    cut = ["compare", recipe, "-o", tmp_path / "a b", "--seeds", "1,2", "-q"]
    for number, event in ((signal.SIGTERM, 5), (signal.SIGINT, 3), (signal.SIGTERM, 30)):
        with monkeypatch.context() as patched:
            signal_at(patched, number, event=event)
            code, out, err = cli(*cut)
        assert (code, out) == (128 + number, ""), err
        again = f"go on with: hiernlp compare {recipe} --output '{tmp_path}/a b' --seeds 1,2"
        assert err.splitlines()[-1].endswith(again)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    code, _, err = cli(*cut, "--set", "training.epochs=3")
    assert code == 2
    assert "begun with another recipe or other --set" in err
    code, out, err = cli(*cut, "--json")
    assert code == 0, err
    assert "upos alone, seed 1" not in err
    assert weights(tmp_path / "a b") == weights(folder)
    cut_found = json.loads(out)
    assert cut_found == json.loads((tmp_path / "a b" / "comparison.json").read_text())
    assert cut_found["mean_gain"] == found["mean_gain"]

    # What is finished is not trained again: fewer seeds are shown at once, more are added.
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.parent != folder}
    with monkeypatch.context() as patched:
        patched.setattr(_runs, "train", None)
        code, out, err = cli("compare", recipe, "-o", folder, "--seeds", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["seeds"] == [2]
    assert json.loads(out)["tasks"]["upos"]["margin"] is None
    assert {p: p.stat().st_mtime_ns for p in times} == times


def test_a_signal_while_nothing_is_trained(
    cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("hiernlp.comparison.runs.prepare", stop)
    code, out, err = cli("compare", recipe, "-o", tmp_path / "c")
    assert (code, out) == (128 + signal.SIGINT, "")
    assert "go on with: hiernlp compare" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "1,x"], "--seeds: expected whole numbers separated by commas, such as 1,2,3, found '1,x'"),
        (["--seeds", ""], "--seeds: expected whole numbers"),
        (["--seeds", "-1"], "--seeds: expected whole numbers"),
        (["--seeds", "1,2,1"], "--seeds: expected each seed once"),
        (["--set", "training.epoch=1"], "did you mean 'epochs'"),
        (["--set", "tasks.upos.place=9"], "tasks.upos.place: layer 9 is not in the encoder"),
        (["--set", "training.select=gian"], "did you mean 'gain'"),
    ],
)
def test_mistakes(cli: Cli, recipe: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, out, err = cli("compare", recipe, "-o", tmp_path / "c", *arguments)
    assert (code, out) == (2, "")
    told = [line for line in err.splitlines() if not line.startswith("preparing ")]
    assert len(told) == 1
    assert message in told[0]
    assert not (tmp_path / "c").exists()
