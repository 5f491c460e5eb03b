"""The layer of gradient reversal (Ganin and Lempitsky 2015): nothing forward, minus lambda backward."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, strength: float) -> Tensor:  # noqa: ANN401 - torch's own
        ctx.strength = strength
        return states.view_as(states)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:  # noqa: ANN401
        (gradient,) = gradients
        return gradient * -ctx.strength, None


def reverse(states: Tensor, strength: float) -> Tensor:
    """Return the states as they are; their gradient is multiplied by ``-strength``.

    Example:
        >>> states = torch.ones(2, requires_grad=True)
        >>> reverse(states, 0.5).sum().backward()
        >>> states.grad
        tensor([-0.5000, -0.5000])
    """
    return _Reverse.apply(states, strength)  # pyright: ignore[reportReturnType]
