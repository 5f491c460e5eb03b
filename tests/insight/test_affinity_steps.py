"""Lookahead steps: the optimizer's own, without changing it."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from hiernlp.insight.affinity_steps import gradient_step, optimizer_step


def trained(steps: int, *, seed: int) -> tuple[list[nn.Parameter], torch.optim.AdamW, list[Tensor]]:
    """Return parameters and AdamW without momentum after some steps, and a gradient."""
    generator = torch.Generator().manual_seed(seed)
    parameters = [
        nn.Parameter(torch.randn(3, 2, generator=generator)),
        nn.Parameter(torch.randn(4, generator=generator)),
    ]
    groups = [{"params": [parameters[0]], "lr": 0.1}, {"params": [parameters[1]], "lr": 0.01}]
    optimizer = torch.optim.AdamW(groups, betas=(0.0, 0.9), weight_decay=0.0)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return parameters, optimizer, [torch.randn(p.shape, generator=generator) for p in parameters]


@given(st.integers(0, 4), st.integers(0, 1000), st.sampled_from([None, 0.5, 1e6]))
def test_the_step_is_adamws_without_momentum(steps: int, seed: int, clip: float | None) -> None:
    parameters, optimizer, gradients = trained(steps, seed=seed)
    before = copy.deepcopy(optimizer.state_dict())
    was = [p.detach().clone() for p in parameters]
    found = optimizer_step(optimizer, clip=clip)(parameters, gradients)
    assert all(torch.equal(p, old) for p, old in zip(parameters, was, strict=True))
    after = optimizer.state_dict()
    for key, state in before["state"].items():
        assert all(torch.equal(value, after["state"][key][name]) for name, value in state.items())
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    if clip is not None:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    for parameter, old, away in zip(parameters, was, found, strict=True):
        assert away is not None
        torch.testing.assert_close(old - away, parameter.detach(), rtol=1e-4, atol=1e-5)


def test_what_a_loss_does_not_reach_stays() -> None:
    parameters, optimizer, gradients = trained(1, seed=0)
    for lookahead in (optimizer_step(optimizer, clip=1.0), gradient_step(0.5)):
        one, other = lookahead(parameters, [None, gradients[1]])
        assert one is None
        assert other is not None
        assert lookahead(parameters, [None, None]) == [None, None]


def test_gradient_steps() -> None:
    parameters, _, gradients = trained(0, seed=0)
    one, _ = gradient_step(0.5)(parameters, gradients)
    assert one is not None
    assert torch.equal(one, 0.5 * gradients[0])


def test_a_gradient_of_zero_goes_nowhere() -> None:
    parameters, optimizer, gradients = trained(0, seed=0)
    found = optimizer_step(optimizer, clip=1.0)(parameters, [torch.zeros_like(g) for g in gradients])
    assert all(away is not None and float(away.abs().max()) == pytest.approx(0) for away in found)
