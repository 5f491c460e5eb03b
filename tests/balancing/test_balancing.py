"""Balancing: from losses to one scalar."""

from __future__ import annotations

import pytest
import torch

from hiernlp.balancing.fixed import Fixed, FixedOptions
from hiernlp.balancing.random import Random, RandomOptions
from hiernlp.registry import balancing

LOSSES = {"a": torch.tensor(2.0, requires_grad=True), "b": torch.tensor(3.0, requires_grad=True)}
WEIGHTS = {"a": 1.0, "b": 0.5, "c": 7.0}


def test_fixed_weights() -> None:
    total = Fixed(options=FixedOptions(), weights=WEIGHTS).combine(LOSSES)
    assert total.item() == 2.0 + 1.5
    assert [g.item() for g in torch.autograd.grad(total, list(LOSSES.values()))] == [1.0, 0.5]
    one = Fixed(options=FixedOptions(), weights=WEIGHTS).combine({"a": LOSSES["a"]})
    assert one.item() == 2.0


def test_random_weights_sum_to_the_number_of_tasks_and_are_fair() -> None:
    made = Random(options=RandomOptions(), weights={"a": 1.0, "b": 1.0})
    found = []
    for _ in range(3000):
        gradients = torch.autograd.grad(made.combine(LOSSES), list(LOSSES.values()))
        found.append([g.item() for g in gradients])
    weights = torch.tensor(found)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(1), torch.full((3000,), 2.0))
    torch.testing.assert_close(weights.mean(0), torch.ones(2), atol=0.05, rtol=0)
    again = Random(options=RandomOptions(), weights={"a": 1.0, "b": 1.0})
    again.load_state_dict({"_extra_state": 2})
    assert [g.item() for g in torch.autograd.grad(again.combine(LOSSES), list(LOSSES.values()))] == found[2]


def test_one_task_alone_has_weight_one() -> None:
    made = Random(options=RandomOptions(), weights=WEIGHTS)
    assert made.combine({"b": LOSSES["b"]}).item() == pytest.approx(1.5)


@pytest.mark.parametrize("name", balancing.names())
def test_every_method_gives_a_scalar_for_any_tasks(name: str) -> None:
    part = balancing.load(name)
    made = part(options=part.Options(), weights=WEIGHTS)
    for losses in (LOSSES, {"b": LOSSES["b"]}):
        total = made.combine(losses)
        assert total.shape == ()
        assert total.dtype == torch.float32
