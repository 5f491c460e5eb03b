"""Adversarial training: how far and where embeddings are moved, and what gradient comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.errors import RecipeError
from hiernlp.training.events import Ended, StepsDone
from hiernlp.training.meters import Sums
from hiernlp.training.perturbation import Perturbation

WEIGHTS = "model.safetensors"
TASKS = ["upos", "dependencies"]


def table_of(run: Any) -> torch.nn.Parameter:
    return run.experiment.bundle.model.scheme.encoders[0].model.get_input_embeddings().weight


@pytest.mark.parametrize("norm", [0.01, 1.0, 30.0])
def test_embeddings_go_that_far_along_the_gradient_and_come_back(make_run: Callable[..., Any], norm: float) -> None:
    run = make_run(["upos"])
    table = table_of(run)
    perturbation = Perturbation(run.experiment.bundle.model, norm=norm)
    assert not perturbation.learns
    table.grad = torch.randn_like(table)
    before = table.detach().clone()
    assert perturbation.learns
    with perturbation.applied():
        change = (table - before).detach().double()
    assert change.norm().item() == pytest.approx(norm, rel=1e-3)
    assert torch.cosine_similarity(change.flatten(), table.grad.double().flatten(), dim=0).item() > 0.9999
    assert torch.equal(table, before)


def test_only_what_has_a_gradient_is_moved(make_run: Callable[..., Any]) -> None:
    run = make_run(["upos"])
    table = table_of(run)
    rows = torch.tensor([1, 4, 7])
    table.grad = torch.zeros_like(table)
    table.grad[rows] = torch.randn(3, table.shape[1])
    before = table.detach().clone()
    with Perturbation(run.experiment.bundle.model, norm=2.0).applied():
        table.grad += 1.0  # the second pass adds to it
        change = (table - before).detach()
        table.grad -= 1.0
    gradient = table.grad[rows].double()
    assert torch.allclose(change[rows].double(), 2.0 * gradient / gradient.norm(), atol=1e-6)
    change[rows] = 0.0
    assert not change.any()
    assert torch.equal(table, before)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_gradient_without_direction_moves_nothing(make_run: Callable[..., Any], value: float) -> None:
    run = make_run(["upos"])
    table = table_of(run)
    table.grad = torch.zeros_like(table)
    table.grad[3, 2] = value
    before = table.detach().clone()
    with Perturbation(run.experiment.bundle.model, norm=1.0).applied():
        assert torch.equal(table, before)


def gradients(make_run: Callable[..., Any], move: float | None, **settings: Any) -> tuple[dict[str, Any], float, Any]:
    """Return the gradients of a first step without dropout, its loss, and the run.

    ``move`` moves the embeddings by hand, by so much along the gradient that they would have where they are.
    """
    run = make_run(TASKS, **settings)
    trainer, model = run.trainer, run.experiment.bundle.model
    model.eval()
    batches = next(trainer._batches(trainer.planner.plan(0)[:1]))
    if move is not None:
        clean, _, _ = gradients(make_run, None, **settings | {"output": "clean"})
        name = next(name for name, p in model.named_parameters() if p is table_of(run))
        with torch.no_grad():
            table_of(run).add_(clean[name] * (move / clean[name].norm()))
    found: dict[str, Any] = {}

    def keep() -> None:
        found.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    trainer._optimizer.step = keep
    sums = Sums()
    trainer.step(batches, sums)
    assert sums.total is not None
    return found, float(sums.total), run


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_gradient_is_the_sum_of_two_passes(make_run: Callable[..., Any], accumulation: int) -> None:
    settings = {"clip": None, "accumulation": accumulation}
    clean, loss, _ = gradients(make_run, None, output="clean", **settings)
    moved, higher, _ = gradients(make_run, 0.3, output="moved", **settings)
    both, logged, _ = gradients(make_run, None, output="both", adversarial_norm=0.3, **settings)
    assert higher > loss  # so near, the loss rises along its gradient
    assert logged == pytest.approx(loss, rel=1e-6)  # what is logged is the loss of the batch as it is
    assert both.keys() == clean.keys()
    for name, gradient in both.items():
        assert torch.allclose(gradient, clean[name] + moved[name], rtol=1e-4, atol=1e-6), name


def test_a_run_goes_on_as_if_it_had_not_stopped(make_run: Callable[..., Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"log_every": 1, "checkpoint_every": 4, "epochs": 2, "adversarial_norm": 0.5}
    list(make_run(TASKS, output="whole", **settings).events())
    events = make_run(TASKS, output="cut", **settings).events()
    next(event for event in events if isinstance(event, StepsDone) and event.step == 7)
    events.close()
    assert isinstance(list(make_run(TASKS, output="cut", resume=True, **settings).events())[-1], Ended)
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_embeddings_that_do_not_learn_yet_are_left_alone(make_run: Callable[..., Any], tmp_path: Path) -> None:
    for name, settings in (("plain", {}), ("moved", {"adversarial_norm": 1.0})):
        list(make_run(["upos"], output=name, epochs=1, unfreeze_epochs=1.0, **settings).events())
    assert (tmp_path / "plain" / WEIGHTS).read_bytes() == (tmp_path / "moved" / WEIGHTS).read_bytes()


def test_settings_that_do_not_fit(make_run: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"adversarial_norm: needs a gradient of the embeddings"):
        make_run(["upos"], adversarial_norm=1.0, frozen_layers=1)
    with pytest.raises(RecipeError, match=r"^training\.adversarial_norm: "):
        make_run(["upos"], adversarial_norm=0)
