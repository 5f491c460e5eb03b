"""The running mean of weights: against a float64 reference, and in a run that it must not change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from hiernlp.errors import RecipeError
from hiernlp.experiment import Run
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.averaging import WeightAverage
from hiernlp.training.events import Ended, Evaluated, StepsDone

WEIGHTS = "model.safetensors"
TASKS = ["upos", "dependencies"]


def weights(run: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in run.experiment.bundle.model.named_parameters()}


def steps_of(run: Any) -> list[dict[str, torch.Tensor]]:
    """Finish a run that logs each step; return the weights after each."""
    return [weights(run) for event in run.events() if isinstance(event, StepsDone)]


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30), st.floats(0, 0.9999))
def test_the_mean_is_the_recurrence(values: list[float], decay: float) -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = WeightAverage([parameter], decay=decay)
    expected = 1.0
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            parameter.fill_(value)
        average.update()
        kept = min(decay, step / (9 + step))
        expected = kept * expected + (1 - kept) * value
    with average.applied():
        assert parameter.item() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert parameter.item() == values[-1]


def test_weights_come_back_also_after_an_error() -> None:
    layer = nn.Linear(3, 2)
    average = WeightAverage(layer.parameters(), decay=0.5)
    with torch.no_grad():
        layer.weight.add_(1)
    before = layer.weight.detach().clone()
    found = []

    def fail() -> None:
        with average.applied():
            found.append(layer.weight.detach().clone())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not torch.equal(found[0], before)
    assert torch.equal(layer.weight, before)


def test_training_is_the_same_and_the_mean_is_saved(make_run: Callable[..., Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"log_every": 1, "epochs": 2}
    plain = make_run(TASKS, output="plain", **settings)
    mean = weights(plain)
    after = steps_of(plain)
    averaged = make_run(TASKS, output="averaged", average=0.8, **settings)
    again = steps_of(averaged)
    assert all(torch.equal(one[name], other[name]) for one, other in zip(after, again, strict=True) for name in one)
    for step, now in enumerate(after, start=1):
        kept = min(0.8, step / (9 + step))
        mean = {name: kept * mean[name].double() + (1 - kept) * now[name].double() for name in now}
    # The second epoch's model is the better one on the toy corpora, so that it is the one that was saved.
    assert json.loads((tmp_path / "averaged" / "scores.json").read_text())["epoch"] == 2
    saved = load_file(tmp_path / "averaged" / WEIGHTS)
    assert saved.keys() == load_file(tmp_path / "plain" / WEIGHTS).keys()
    for name, value in saved.items():
        assert torch.allclose(value.double(), mean[name].double(), atol=1e-6), name
    assert any(not torch.equal(value, after[-1][name]) for name, value in saved.items())


def test_without_memory_it_is_the_last_step(make_run: Callable[..., Any], tmp_path: Path) -> None:
    for name, settings in (("plain", {}), ("averaged", {"average": 0.0})):
        list(make_run(TASKS, output=name, epochs=2, **settings).events())
    assert (tmp_path / "plain" / WEIGHTS).read_bytes() == (tmp_path / "averaged" / WEIGHTS).read_bytes()


def test_without_development_data_the_mean_is_saved_at_the_end(
    recipe_data: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    data = recipe_data(TASKS, average=0.9, epochs=1)
    data["corpora"]["ud"].pop("dev")
    run = Run(validate_recipe(data), tmp_path / "model")
    events = list(run.events())
    assert not any(isinstance(event, Evaluated) for event in events)
    last = weights(run)
    saved = load_file(run.output / WEIGHTS)
    assert any(not torch.equal(value, last[name]) for name, value in saved.items())


@pytest.mark.parametrize("settings", [{}, {"evaluate_every": 5}])
def test_a_run_goes_on_with_its_mean(make_run: Callable[..., Any], tmp_path: Path, settings: dict[str, Any]) -> None:
    settings = {"log_every": 1, "epochs": 3, "checkpoint_every": 4, "average": 0.9, **settings}
    list(make_run(TASKS, output="whole", **settings).events())
    events = make_run(TASKS, output="cut", **settings).events()
    next(event for event in events if isinstance(event, StepsDone) and event.step == 9)
    events.close()
    assert isinstance(list(make_run(TASKS, output="cut", resume=True, **settings).events())[-1], Ended)
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("decay", [1, -0.1, "much"])
def test_decays_that_are_none(make_run: Callable[..., Any], decay: Any) -> None:
    with pytest.raises(RecipeError, match=r"^training\.average: "):
        make_run(TASKS, average=decay)
