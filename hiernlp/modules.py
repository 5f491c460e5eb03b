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


class _HeldGradient(torch.autograd.Function):
    """The identity, whose gradient goes no further than to a :class:`HeldBack`."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, held: HeldBack) -> Tensor:  # noqa: ANN401 - torch's own
        ctx.states, ctx.held = states, held
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[None, None]:  # noqa: ANN401
        (gradient,) = gradients
        ctx.held.found.append((ctx.states, gradient))
        return None, None


class HeldBack:
    """Holds back the gradient of what is read through it, so that each parameter can be given its own share of it.

    Scaling the gradient of states would not do: what one layer is given, all below it would be given, too, and states
    that two losses have in common have one gradient.

    Attributes:
        found: the states that were read, each with its gradient, since these were let through last.

    Example:
        >>> weight, held = torch.ones(1, requires_grad=True), HeldBack()
        >>> held(3 * weight).sum().backward(retain_graph=True)
        >>> weight.grad, held.let_through([weight])
        (None, (tensor([3.]),))
    """

    def __init__(self) -> None:
        self.found: list[tuple[Tensor, Tensor]] = []

    def __call__(self, states: Tensor) -> Tensor:
        """Return the states as they are."""
        if not (states.requires_grad and torch.is_grad_enabled()):
            return states
        return _HeldGradient.apply(states, self)  # pyright: ignore[reportReturnType]

    def let_through(self, parameters: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
        """Return the gradient of each parameter, None where it has none, and forget what was held back.

        The graph of the states must still be there, and stays: what others hold back may come from the same states.
        """
        states, gradients = [state for state, _ in self.found], [gradient for _, gradient in self.found]
        self.found = []
        if not (states and parameters):
            return (None,) * len(parameters)
        return torch.autograd.grad(states, parameters, gradients, retain_graph=True, allow_unused=True)


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
