"""Gradients that are turned round or held back: what goes forward is untouched, what comes back is as told."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hiernlp.modules import HeldBack, scale_gradient


@pytest.mark.parametrize("factor", [-1.0, -0.3, 0.0, 0.25, 1.0])
def test_scaling_changes_the_gradient_alone(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    upstream = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    found = scale_gradient(states, factor)
    assert torch.equal(found, states)
    found.backward(upstream)
    assert states.grad is not None
    assert torch.equal(states.grad, factor * upstream)


def test_what_is_held_back_is_exact_in_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(4, 4, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(3)]
    inputs = torch.randn(5, 4, dtype=torch.float64, generator=generator)

    def losses(held: HeldBack | None) -> tuple[Tensor, Tensor]:
        states = [inputs]
        for weight in weights:
            states.append((states[-1] @ weight).tanh())
        read = [states[1], states[3]] if held is None else [held(states[1]), held(states[3])]
        return states[2].pow(2).sum(), (read[0] * read[1]).sum()

    main, helper = (torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True) for loss in losses(None))
    held = HeldBack()
    sum(losses(held), start=torch.tensor(0.0)).backward(retain_graph=True)
    passed = held.let_through(weights)
    for weight, mine, theirs, through in zip(weights, main, helper, passed, strict=True):
        # The uppermost layer has nothing of the main loss.
        assert weight.grad is None if mine is None else torch.equal(weight.grad, mine)
        torch.testing.assert_close(through, theirs, rtol=1e-14, atol=1e-14)
    assert held.let_through(weights) == (None, None, None)  # it has been let through
    with torch.no_grad():
        assert held(inputs) is inputs
