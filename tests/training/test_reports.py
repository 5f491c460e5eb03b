"""The log of a run: lines of what happened, continued where a run was resumed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from hiernlp.errors import NotInstalledError
from hiernlp.kinds._base import Scores
from hiernlp.training import reports
from hiernlp.training.events import Ended, Evaluated, StepsDone
from hiernlp.training.reports import RunLog, read_log


def step(number: int) -> StepsDone:
    return StepsDone(number, number / 10, 1.5, {"upos": 1.0}, {"encoder": 1e-4, "heads": 1e-3}, 100.0, 7.0)


def test_lines(tmp_path: Path) -> None:
    scores = {"upos": Scores("accuracy", {"accuracy": 0.75}, per_label={"X": {"f1": 1.0}}, confusions=[("X", "Y", 2)])}
    with RunLog(tmp_path, tensorboard=False) as log:
        log.write(step(5))
        log.write(Evaluated(5, 0.5, scores, 0.7, is_best=True))
        log.write(Ended(6, "finished"))
    lines = list(read_log(tmp_path / "log.jsonl"))
    assert [line["event"] for line in lines] == ["step", "evaluation", "end"]
    assert lines[0]["losses"] == {"upos": 1.0}
    assert lines[1]["scores"] == {"upos": {"main": "accuracy", "values": {"accuracy": 0.75}}}
    assert lines[1]["figure"] == 0.7
    assert lines[2]["reason"] == "finished"


def test_a_resumed_run_drops_what_it_repeats(tmp_path: Path) -> None:
    with RunLog(tmp_path, tensorboard=False) as log:
        for number in (2, 4, 6):
            log.write(step(number))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "step", "st')  # cut off by a kill
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == [2, 4, 6]
    with RunLog(tmp_path, from_step=4, tensorboard=False) as log:
        log.write(step(6))
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == [2, 4, 6]
    with RunLog(tmp_path, tensorboard=False):
        assert not list(read_log(tmp_path / "log.jsonl"))
    assert not list(read_log(tmp_path / "nowhere.jsonl"))


def test_tensorboard_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_board", lambda folder, from_step: None)
    with RunLog(tmp_path, tensorboard="auto") as log:
        log.write(step(1))
    with pytest.raises(NotInstalledError, match="pip install"):
        RunLog(tmp_path, tensorboard=True)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_figures(tmp_path: Path) -> None:
    with RunLog(tmp_path, tensorboard=True) as log:
        log.write(step(1))
        log.write(Evaluated(1, 0.1, {"upos": Scores("accuracy", {"accuracy": 0.75})}, 0.5, is_best=True))
        log.write(Ended(1, "finished"))
    [file] = (tmp_path / "tensorboard").iterdir()
    data = file.read_bytes()
    for name in (b"loss/upos", b"learning_rate/encoder", b"dev/upos/accuracy", b"dev/figure"):
        assert name in data
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["event"] == "end"
