"""States on disk: whole or as they were."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.errors import ModelFolderError
from hiernlp.experiment import STATE, TRAINING
from hiernlp.training import checkpoints
from hiernlp.training.checkpoints import Progress, drop_state, has_state, load_state, save_state


@pytest.fixture
def saved(make_run: Callable[..., Any], tmp_path: Path) -> tuple[Any, Path]:
    """A run with a state of step 3 in a folder."""
    run = make_run(["upos"])
    folder = tmp_path / "deep" / "state"
    save_state(run.accelerator, folder, Progress(step=3, best=0.5, best_step=2))
    return run, folder


def full(*_args: Any, **_kwargs: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("target", "name"), [(torch, "save"), (os, "fsync"), (Path, "write_text"), (Path, "mkdir")])
def test_a_full_disk_leaves_the_state_before(
    saved: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch, target: Any, name: str
) -> None:
    run, folder = saved
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    monkeypatch.setattr(target, name, full)
    with pytest.raises(ModelFolderError, match=r"state of step 9 cannot be saved .*No space left.*is intact") as error:
        save_state(run.accelerator, folder, Progress(step=9))
    assert "\n" not in str(error.value)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in folder.parent.iterdir()] == ["state"]
    assert load_state(run.accelerator, folder) == Progress(step=3, best=0.5, best_step=2)


def test_a_full_disk_at_the_first_state(make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(["upos"], checkpoint_every=2)
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(ModelFolderError, match=r"step 2 cannot be saved .*there is no earlier state"):
        list(run.events())
    assert not (run.output / TRAINING / STATE).exists()
    assert not list((run.output / TRAINING).glob(".*"))


def test_a_later_state_takes_the_place(saved: tuple[Any, Path]) -> None:
    run, folder = saved
    save_state(run.accelerator, folder, Progress(step=4))
    assert json.loads((folder / checkpoints.PROGRESS).read_text())["step"] == 4
    assert [p.name for p in folder.parent.iterdir()] == ["state"]
    assert has_state(folder)
    drop_state(folder)
    assert not has_state(folder)
    drop_state(folder)


def test_what_a_state_holds(saved: tuple[Any, Path]) -> None:
    names = {p.name for p in saved[1].iterdir()}
    assert {"model.safetensors", "optimizer.bin", "random_states_0.pkl", "progress.json"} <= names
