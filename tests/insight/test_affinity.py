"""Affinity by lookahead: against hand calculation and its first order, for any losses."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.insight.affinity import measure
from hiernlp.insight.affinity_steps import gradient_step

Losses = Callable[[], dict[str, Tensor]]


def network(seed: int = 0) -> tuple[dict[str, list[nn.Parameter]], Losses, list[nn.Parameter]]:
    """Return two shared layers, the losses of three tasks (the last reads the first layer alone), and all heads."""
    generator = torch.Generator().manual_seed(seed)

    def parameter(*shape: int) -> nn.Parameter:
        return nn.Parameter(torch.randn(*shape, generator=generator))

    one, two, heads = parameter(5, 4), parameter(4, 4), [parameter(4, 3), parameter(4, 1), parameter(4, 2)]
    x = torch.randn(7, 5, generator=generator)
    labels, numbers = torch.arange(7) % 3, torch.randn(7, 1, generator=generator)

    def losses() -> dict[str, Tensor]:
        low = torch.tanh(x @ one)
        high = torch.tanh(low @ two)
        return {
            "labels": F.cross_entropy(high @ heads[0], labels),
            "numbers": F.mse_loss(high @ heads[1], numbers),
            "low": F.cross_entropy(low @ heads[2], labels % 2),
        }

    return {"1": [one], "2": [two]}, losses, heads


def test_by_hand() -> None:
    x = nn.Parameter(torch.tensor([3.0, 1.0], dtype=torch.float64))
    found = measure(lambda: {"a": x[0] ** 2, "b": x.sum()}, {"0": [x]}, lookahead=gradient_step(0.1), step=4)
    # a's gradient is (6, 0), b's is (1, 1).
    assert (found.step, found.losses) == (4, {"a": 9.0, "b": 4.0})
    assert found.affinity["a"]["a"] == pytest.approx(1 - 2.4**2 / 9)
    assert found.affinity["a"]["b"] == pytest.approx(1 - 3.4 / 4)
    assert found.affinity["b"]["a"] == pytest.approx(1 - 2.9**2 / 9)
    assert found.affinity["b"]["b"] == pytest.approx(1 - 3.8 / 4)
    assert found.cosine["a"]["b"] == found.cosine["b"]["a"] == pytest.approx(0.5**0.5)
    assert found.cosine_by_layer == {"0": found.cosine}


def test_no_step_changes_nothing() -> None:
    layers, losses, _ = network()
    found = measure(losses, layers, lookahead=gradient_step(0.0))
    assert all(z == 0 for row in found.affinity.values() for z in row.values())


@given(st.integers(0, 100))
def test_two_copies_of_a_task_help_each_other_as_themselves(seed: int) -> None:
    layers, losses, _ = network(seed)

    def twice() -> dict[str, Tensor]:
        found = losses()
        return {"one": found["labels"], "copy": found["labels"]}

    found = measure(twice, layers, lookahead=gradient_step(1e-3))
    one, copy = found.affinity["one"], found.affinity["copy"]
    assert one == copy
    assert one["one"] == one["copy"]
    assert (one["one"] or 0) > 0
    assert found.cosine["one"]["copy"] == pytest.approx(1.0)


@given(st.integers(0, 100))
def test_opposite_losses_hurt_each_other(seed: int) -> None:
    layers, losses, _ = network(seed)

    def opposite() -> dict[str, Tensor]:
        loss = losses()["numbers"]
        return {"one": loss, "other": 100.0 - loss}

    found = measure(opposite, layers, lookahead=gradient_step(1e-3))
    assert (found.affinity["one"]["other"] or 0) < 0
    assert (found.affinity["other"]["one"] or 0) < 0
    assert found.cosine["one"]["other"] == pytest.approx(-1.0)


@given(st.integers(0, 50))
def test_first_order(seed: int) -> None:
    layers, losses, _ = network(seed)
    layers = {name: [nn.Parameter(p.double()) for p in found] for name, found in layers.items()}

    # The same network in float64, so that a step can be small enough for the second order not to count.
    def build() -> Losses:
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(7, 5, generator=generator).double()

        def found() -> dict[str, Tensor]:
            states = torch.tanh(torch.tanh(x @ layers["1"][0]) @ layers["2"][0])
            return {"a": (states**2).mean() + 1, "b": states.sin().mean() + 2}

        return found

    losses = build()
    shared = [p for found in layers.values() for p in found]
    gradients = {task: torch.autograd.grad(losses()[task], shared) for task in ("a", "b")}
    rate = 1e-6
    found = measure(losses, layers, lookahead=gradient_step(rate))
    for i, own in gradients.items():
        for j, other in gradients.items():
            inner = sum(float((g * h).sum()) for g, h in zip(own, other, strict=True))
            assert found.affinity[i][j] == pytest.approx(rate * inner / found.losses[j], rel=1e-3, abs=1e-12)
            norms = [float(sum((g**2).sum() for g in each)) ** 0.5 for each in (own, other)]
            assert found.cosine[i][j] == pytest.approx(inner / (norms[0] * norms[1]), abs=1e-9)


def test_only_layers_that_both_tasks_reach_are_compared() -> None:
    layers, losses, _ = network()
    found = measure(losses, layers, lookahead=gradient_step(0.01))
    assert found.cosine_by_layer["2"]["labels"]["low"] is None
    assert found.cosine_by_layer["2"]["low"]["low"] is None
    assert found.cosine_by_layer["2"]["labels"]["numbers"] is not None
    assert found.cosine["labels"]["low"] == found.cosine_by_layer["1"]["labels"]["low"]


def test_everything_is_left_as_it_was() -> None:
    layers, losses, heads = network()
    parameters = [*layers["1"], *layers["2"], *heads]
    before = [p.detach().clone() for p in parameters]
    measure(losses, layers, lookahead=gradient_step(0.3))
    assert all(torch.equal(p, was) and p.grad is None for p, was in zip(parameters, before, strict=True))


def test_parameters_are_put_back_after_an_error() -> None:
    layers, losses, _ = network()
    before = layers["1"][0].detach().clone()
    calls: list[int] = []

    def failing() -> dict[str, Tensor]:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError
        return losses()

    with pytest.raises(RuntimeError):
        measure(failing, layers, lookahead=gradient_step(0.3))
    assert torch.equal(layers["1"][0], before)


def test_frozen_parameters_and_losses_of_zero() -> None:
    layers, losses, _ = network()
    layers["1"][0].requires_grad_(False)

    def with_zero() -> dict[str, Tensor]:
        found = losses()
        return {"labels": found["labels"], "low": found["low"], "nothing": found["labels"] * 0}

    found = measure(with_zero, layers, lookahead=gradient_step(0.1))
    assert found.affinity["low"] == {"labels": 0.0, "low": 0.0, "nothing": None}  # nothing that low uses learns
    assert found.cosine["nothing"]["labels"] is None
    assert found.cosine_by_layer["1"]["labels"]["labels"] is None


def test_what_is_not_finite_is_not_told() -> None:
    layers, losses, _ = network()

    def hostile() -> dict[str, Tensor]:
        found = losses()
        return {"nan": found["labels"] * float("nan"), "labels": found["labels"], "far": found["numbers"] * 1e38}

    found = measure(hostile, layers, lookahead=gradient_step(10.0))
    assert set(found.losses) <= {"labels", "far"}
    assert found.affinity["labels"]["labels"] is not None
    numbers = [found.affinity, found.cosine, *found.cosine_by_layer.values()]
    assert all(v is None or math.isfinite(v) for matrix in numbers for row in matrix.values() for v in row.values())
