"""A running mean of the weights over training, which is what is scored and saved in place of the last step's.

Source: Polyak and Juditsky 1992 (averaged iterates); the exponential form with its slower beginning is that of
TensorFlow's ``ExponentialMovingAverage``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of parameters.

    After step n, counted from 1, ``mean = d * mean + (1 - d) * weights`` with ``d = min(decay, n / (9 + n))``, so that
    the first steps, taken from bad weights, are soon forgotten. It begins with the weights as they are.

    Args:
        parameters: the parameters.
        decay: at least 0, which is the last step's weights, and below 1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self._parameters: list[Tensor] = list(parameters)
        self._mean = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as a step has left them."""
        self.steps += 1
        decay = min(self.decay, self.steps / (9 + self.steps))
        torch._foreach_lerp_(self._mean, self._parameters, 1 - decay)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the parameters their means for a while; afterwards they are what they were, bit for bit."""
        kept = [parameter.detach().clone() for parameter in self._parameters]
        self._set(self._mean)
        try:
            yield
        finally:
            self._set(kept)

    @torch.no_grad()
    def _set(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"steps": self.steps, "mean": self._mean}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.steps = int(state["steps"])
        for mean, saved in zip(self._mean, state["mean"], strict=True):
            mean.copy_(saved)
