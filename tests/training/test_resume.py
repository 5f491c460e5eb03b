"""A run that was cut off and resumed ends as the run that was not: bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.experiment import STATE, TRAINING
from hiernlp.training.events import Ended, Evaluated, StepsDone

WEIGHTS = "model.safetensors"
TASKS = ["upos", "dependencies", "chunks"]


def finish(run: Any) -> list[Any]:
    return list(run.events())


def weights(folder: Path) -> bytes:
    return (folder / WEIGHTS).read_bytes()


def states(folder: Path) -> list[str]:
    return sorted(p.name for p in (folder / TRAINING).iterdir())


@pytest.mark.parametrize(
    ("stop_after", "settings"),
    [
        (4, {"checkpoint_every": 3}),  # inside the first epoch
        (9, {"checkpoint_every": 4}),  # one step after a checkpoint, which is repeated
        (14, {"checkpoint_every": 7, "evaluate_every": 5, "unfreeze_epochs": 0.4}),
        (5, {"checkpoint_every": 2, "accumulation": 2, "frozen_layers": 1, "schedule": "cosine"}),
    ],
)
def test_dropped_and_resumed(
    make_run: Callable[..., Any], tmp_path: Path, stop_after: int, settings: dict[str, Any]
) -> None:
    settings = {"log_every": 1, "epochs": 3, **settings}
    finish(make_run(TASKS, output="whole", **settings))
    events = make_run(TASKS, output="cut", **settings).events()
    for event in events:
        if isinstance(event, StepsDone) and event.step == stop_after:
            break  # as if the process were gone
    events.close()
    resumed = make_run(TASKS, output="cut", resume=True, **settings)
    assert 0 < resumed.trainer.progress.step <= stop_after
    last = finish(resumed)[-1]
    assert isinstance(last, Ended)
    assert last.reason == "finished"
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    scores = [json.loads((tmp_path / name / "scores.json").read_text()) for name in ("cut", "whole")]
    assert scores[0] == scores[1]


def test_all_kinds_feeds_and_samplings(make_run: Callable[..., Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 2, "checkpoint_every": 2, "log_every": 1, "sampling": {"scheme": "annealed"}}
    finish(make_run(output="whole", **settings))
    events = make_run(output="cut", **settings).events()
    next(event for event in events if isinstance(event, StepsDone) and event.step == 8)
    events.close()
    finish(make_run(output="cut", resume=True, **settings))
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_asked_to_stop(make_run: Callable[..., Any], tmp_path: Path) -> None:
    finish(make_run(["upos"], output="whole", log_every=1))
    run = make_run(["upos"], output="cut", log_every=1)
    seen = []
    for event in run.events():
        seen.append(event)
        if event.step == 4:
            run.trainer.ask_to_stop()
    assert seen[-1] == Ended(4, "interrupted")
    assert STATE in states(tmp_path / "cut")
    assert not (tmp_path / "cut" / WEIGHTS).exists()
    resumed = make_run(["upos"], output="cut", resume=True, log_every=1)
    assert resumed.trainer.progress.step == 4
    events = finish(resumed)
    assert events[0].step == 5
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert STATE not in states(tmp_path / "cut")


def test_a_kill_between_the_two_renames_of_a_state_loses_nothing(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run(["upos"], output="cut", log_every=1)
    for event in run.events():
        if event.step == 3:
            run.trainer.ask_to_stop()
    state = tmp_path / "cut" / TRAINING / STATE
    (state.parent / f".{STATE}.new").mkdir()  # a save that was cut off
    state.rename(state.with_name(f"{STATE}.old"))
    assert make_run(["upos"], output="cut", resume=True, log_every=1).trainer.progress.step == 3
    assert states(tmp_path / "cut") == ["recipe.json", STATE]


def test_patience_is_kept(make_run: Callable[..., Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "epochs": 6, "patience": 2, "encoder_learning_rate": 0.0, "head_learning_rate": 0.0, "log_every": 100
    }  # fmt: skip
    events = make_run(["upos"], output="cut", **settings).events()
    found = []
    for event in events:
        found += [event] if isinstance(event, Evaluated) else []
        if len(found) == 2 and isinstance(event, StepsDone):
            break  # in the third epoch, after one evaluation that was no better
    events.close()
    resumed = finish(make_run(["upos"], output="cut", resume=True, **settings))
    assert [e.is_best for e in found + [e for e in resumed if isinstance(e, Evaluated)]] == [True, False, False]
    assert resumed[-1].reason == "no improvement"


def test_nothing_to_resume(make_run: Callable[..., Any]) -> None:
    with pytest.raises(HierNLPError, match=r"no training state to go on from; leave out --resume"):
        make_run(["upos"], resume=True)


def test_another_recipe_is_not_resumed(make_run: Callable[..., Any]) -> None:
    run = make_run(["upos"], log_every=1)
    for event in run.events():
        if event.step == 2:
            run.trainer.ask_to_stop()
    with pytest.raises(HierNLPError, match=r"begun with another recipe"):
        make_run(["upos"], resume=True, log_every=1, epochs=9)
    with pytest.raises(HierNLPError, match=r"go on with --resume, or give another folder"):
        make_run(["upos"], log_every=1)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.bin", "progress.json", "random_states_0.pkl"])
def test_a_damaged_state_is_one_sentence(make_run: Callable[..., Any], tmp_path: Path, file: str) -> None:
    run = make_run(["upos"], log_every=1)
    for event in run.events():
        if event.step == 2:
            run.trainer.ask_to_stop()
    damaged = tmp_path / "model" / TRAINING / STATE / file
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with pytest.raises(
        ModelFolderError, match=r"the training state cannot be read .* start again in a new folder"
    ) as e:
        make_run(["upos"], resume=True, log_every=1)
    assert "\n" not in str(e.value)


def test_a_folder_with_files_is_left_alone(make_run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").write_text("all of it")
    with pytest.raises(HierNLPError, match=r"expected a new or empty folder, found files; give another folder"):
        make_run(["upos"])
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["thesis.tex"]


def test_a_mistake_in_the_data_leaves_no_folder(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    from hiernlp.experiment import Run
    from hiernlp.recipe.files import validate_recipe

    data = recipe_data(["upos"])
    data["corpora"]["ud"]["dev"] = str(tmp_path / "not-there.conllu")
    for _ in range(2):  # the second time the same mistake is told, not that there are files
        with pytest.raises(HierNLPError, match=r"not-there"):
            Run(validate_recipe(data), tmp_path / "model")
        assert not (tmp_path / "model").exists()


def command(recipe: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "hiernlp.cli", "train", str(recipe), "--output", str(output), "--quiet", *more]


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def recipe_file(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    data = recipe_data(TASKS, epochs=12, checkpoint_every=3, log_every=2)
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return file


def environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return os.environ | {"PYTHONPATH": str(root), "COLUMNS": "300"}


def test_killed_and_stopped_processes_go_on(make_run: Callable[..., Any], recipe_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "cut"
    state = output / TRAINING / STATE / "progress.json"
    start = {"env": environment(), "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command(recipe_file, output), **start) as process:  # type: ignore[call-overload]
        until(state.exists, process)
        process.kill()
        process.wait()
    assert (state.parent / "model.safetensors").stat().st_size > 0

    with subprocess.Popen(command(recipe_file, output, "--resume"), **start) as process:  # type: ignore[call-overload]
        log = output / TRAINING / "log.jsonl"
        before = log.read_text().count("\n")
        until(lambda: log.read_text().count("\n") > before + 3, process)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, told
    assert "--resume" in told
    assert "Traceback" not in told

    steps = [line["step"] for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "step"]
    assert steps == sorted(set(steps))
    finish(make_run(TASKS, output="cut", resume=True, epochs=12, checkpoint_every=3, log_every=2))
    finish(make_run(TASKS, output="whole", epochs=12, checkpoint_every=3, log_every=2))
    assert weights(output) == weights(tmp_path / "whole")
