"""Parameter groups, schedules and freezing, checked parameter by parameter."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hiernlp.training.optimizer import (
    build_optimizer,
    freeze,
    frozen_layers,
    learning_rate_factor,
    set_learning_rates,
)
from hiernlp.training.settings import TrainingSettings


@pytest.fixture
def model(make_run: Callable[..., Any]) -> Any:
    return make_run().trainer.model


def test_every_parameter_is_in_one_group(model: Any) -> None:
    extra = nn.Parameter(torch.zeros(3, 3))
    settings = TrainingSettings(layer_decay=0.5, encoder_learning_rate=1e-3, head_learning_rate=1e-2, weight_decay=0.1)
    optimizer = build_optimizer(model, settings, extra=[extra])
    found = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in [*model.parameters(), extra])
    of = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        group = of[id(parameter)]
        if name.startswith(("label_embeddings", "case_embedding")) or parameter.ndim < 2:
            assert group["weight_decay"] == 0, name
        else:
            assert group["weight_decay"] == 0.1, name
        if ".embeddings." in name:
            assert group["lr"] == pytest.approx(1e-3 * 0.5**4), name
        elif ".layer." in name:
            layer = int(name.split(".layer.")[1].split(".")[0]) + 1
            assert group["lr"] == pytest.approx(1e-3 * 0.5 ** (4 - layer)), name
        else:
            assert group["lr"] == 1e-2, name
    assert of[id(extra)]["weight_decay"] == 0
    assert (of[id(extra)]["lr"], of[id(extra)]["name"]) == (1e-2, "heads")


def test_a_task_may_have_a_learning_rate_of_its_own(model: Any) -> None:
    optimizer = build_optimizer(model, TrainingSettings(head_learning_rate=1e-2), rates={"type": 0.5, "shared": 0.25})
    found = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if not name.startswith("scheme"):
            task = None if name.startswith(("label_embeddings", "case_embedding")) else name.split(".")[1]
            expected = {"type": 0.5, "shared": 0.25}.get(task, 1e-2)
            assert of[id(parameter)] == expected, name


def test_learning_rates_are_shares_of_their_peaks(model: Any) -> None:
    settings = TrainingSettings(layer_decay=0.5, encoder_learning_rate=1e-3, head_learning_rate=1e-2)
    optimizer = build_optimizer(model, settings)
    for factor in (0.25, 0.5):
        assert set_learning_rates(optimizer, factor) == {
            "encoder": pytest.approx(1e-3 * factor),
            "heads": pytest.approx(1e-2 * factor),
        }
        assert all(group["lr"] == group["peak"] * factor for group in optimizer.param_groups)


def test_schedules() -> None:
    linear = TrainingSettings(warmup=0.2)
    assert [learning_rate_factor(p, linear) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])
    cosine = TrainingSettings(warmup=0.2, schedule="cosine")
    assert [learning_rate_factor(p, cosine) for p in (0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.5, 1, 0.5, 0], abs=1e-9)
    assert learning_rate_factor(0.4, cosine) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    constant = TrainingSettings(warmup=0.2, schedule="constant")
    assert [learning_rate_factor(p, constant) for p in (0.1, 0.2, 1.0)] == pytest.approx([0.5, 1, 1])
    assert learning_rate_factor(0.0, TrainingSettings(warmup=0.0)) == 1.0


@given(st.floats(0, 1), st.floats(0, 0.99), st.sampled_from(["linear", "cosine", "constant"]))
def test_a_factor_is_a_share(progress: float, warmup: float, schedule: Any) -> None:
    assert 0 <= learning_rate_factor(progress, TrainingSettings(warmup=warmup, schedule=schedule)) <= 1 + 1e-12


@given(st.floats(0.1, 3), st.integers(0, 6), st.integers(1, 6))
def test_layers_thaw_one_by_one(every: float, always: int, depth: int) -> None:
    settings = TrainingSettings(unfreeze_epochs=every, frozen_layers=min(always, depth))
    found = [frozen_layers(step * every / 2, settings, depth=depth) for step in range(2 * depth + 6)]
    assert found[0] == depth + 1
    assert all(0 <= a - b <= 1 for a, b in pairwise(found))
    assert found[-1] == (min(always, depth) + 1 if always else 0)


def test_nothing_is_frozen_by_default() -> None:
    assert frozen_layers(0.0, TrainingSettings(), depth=6) == 0
    assert frozen_layers(0.0, TrainingSettings(frozen_layers=2), depth=6) == 3


def test_freezing_drops_gradients_and_thaws_again(model: Any) -> None:
    encoder = model.scheme.encoder
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    freeze(model, 2)
    for layer, parameters in enumerate(encoder.parameters_by_layer()):
        assert all(p.requires_grad == (layer >= 2) for p in parameters)
        assert all((p.grad is None) == (layer < 2) for p in parameters)
    assert all(p.requires_grad for p in model.heads.parameters())
    freeze(model, 0)
    assert all(p.requires_grad for p in model.parameters())
