"""The small modules that the hierarchy is put together with.

Sources: the scalar mix (Peters et al. 2018, equation 1); gradient reversal (Ganin and Lempitsky 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class ByTask(nn.ModuleDict):
    """Modules by task, whatever a task is called: ``nn.ModuleDict`` itself refuses names such as ``type``."""

    def add_module(self, name: str, module: nn.Module | None) -> None:
        self._modules[name] = module  # pyright: ignore[reportArgumentType] - as in torch


class ScalarMix(nn.Module):
    """gamma * sum_l softmax(a)_l h^(l); a begins at 0 and gamma at 1, which is the plain mean."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(layers))
        self.gamma = nn.Parameter(torch.ones(()))

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """Return the mix of the layers' states, all of one shape."""
        weights = self.logits.softmax(0)
        return self.gamma * torch.stack([w * s for w, s in zip(weights, states, strict=True)]).sum(0)


def zero_linear(size: int) -> nn.Linear:
    """Return a linear map that begins as zero, so that what it lets in changes nothing at first."""
    linear = nn.Linear(size, size, bias=False)
    nn.init.zeros_(linear.weight)
    return linear


class _ScaledGradient(torch.autograd.Function):
    """The identity, but for its gradient."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, factor: float) -> Tensor:  # noqa: ANN401 - torch's own
        ctx.factor = factor
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:  # noqa: ANN401
        (gradient,) = gradients
        return gradient * ctx.factor, None


def scale_gradient(states: Tensor, factor: float) -> Tensor:
    """Return the states as they are; their gradient is multiplied by ``factor``.

    Below 0 that is gradient reversal (Ganin and Lempitsky 2015).

    Example:
        >>> states = torch.ones(2, requires_grad=True)
        >>> scale_gradient(states, -0.5).sum().backward()
        >>> states.grad
        tensor([-0.5000, -0.5000])
    """
    return _ScaledGradient.apply(states, factor)  # pyright: ignore[reportReturnType]


@contextmanager
def without_dropout(module: nn.Module) -> Iterator[None]:
    """Let nothing of a module drop out in the block, whose gradients flow as ever."""
    changed = [each for each in module.modules() if each.training]
    for each in changed:
        each.training = False
    try:
        yield
    finally:
        for each in changed:
            each.training = True
