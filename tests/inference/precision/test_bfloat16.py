"""Sixteen bits: every parameter in them, maps that take rows in multiples, the original left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hiernlp.inference.precision.bfloat16 import Bfloat16, EvenLinear


def test_a_map_takes_the_parameters_over() -> None:
    for plain in (nn.Linear(4, 3).eval(), nn.Linear(4, 3, bias=False)):
        even = EvenLinear(plain)
        assert even.weight is plain.weight
        assert even.bias is plain.bias
        assert even.training == plain.training
        assert even.state_dict().keys() == plain.state_dict().keys()
        states = torch.randn(2, 80, 4)
        assert torch.equal(even(states), plain(states))


def test_a_model_is_converted_whole_and_once(make_run: Callable[..., Any]) -> None:
    model = make_run(epochs=1).experiment.bundle.model
    precision = Bfloat16()
    assert not precision.holds(model)
    halved = precision.convert(copy.deepcopy(model))
    assert precision.holds(halved)
    assert {name: each.to(torch.bfloat16).tolist() for name, each in model.named_parameters()} == {
        name: each.tolist() for name, each in halved.named_parameters()
    }
    assert not any(isinstance(module, EvenLinear) for module in model.modules())
    assert not any(type(module) is nn.Linear for module in halved.modules())
