"""What changes while training goes on: how much an auxiliary task weighs, how strongly an adversary is resisted."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, StrictFloat, StrictInt, model_validator

from hiernlp.settings import Settings


class WeightSchedule(Settings):
    """How a task's weight changes over training."""

    decay: Literal["none", "linear", "exponential"] = "none"
    """``none``: as it is until the end; ``linear``: down to nothing in a line; ``exponential``: e^(-rate p) after the
    share p of training."""
    rate: float = Field(default=5.0, gt=0)
    """For ``exponential``: how fast."""
    until: StrictInt | StrictFloat | None = None
    """When the task is no longer trained: after so many steps (a whole number), or after a share of training (0 to 1).
    A linear decay ends there."""

    @model_validator(mode="after")
    def _until_is_ahead(self) -> WeightSchedule:
        if self.until is None:
            return self
        if isinstance(self.until, int) and self.until < 1:
            raise ValueError(f"until: expected at least one step, found {self.until}; to train none, set `weight: 0`")
        if isinstance(self.until, float) and not 0 < self.until <= 1:
            raise ValueError(f"until: expected a share of training between 0 and 1, found {self.until}")
        return self

    def factor(self, *, step: int, share: float) -> float:
        """Return what the task's weight is multiplied by.

        Args:
            step: number of the step, from 0.
            share: share of training that is done, from 0 to 1.

        Example:
            >>> WeightSchedule(decay="linear", until=0.5).factor(step=0, share=0.25)
            0.5
        """
        ended = share if isinstance(self.until, float) else step
        if self.until is not None and ended >= self.until:
            return 0.0
        if self.decay == "linear":
            return 1 - (ended / self.until if self.until is not None else share)
        return math.exp(-self.rate * share) if self.decay == "exponential" else 1.0


class Reversal(Settings):
    """Gradient reversal (Ganin and Lempitsky 2015): the task learns, and what it reads unlearns.

    What lies below the head receives the task's gradient times -lambda, so that the states come to tell as little as
    possible of the task's labels, while the head goes on looking for them.
    """

    strength: float = Field(default=1.0, ge=0)
    """Highest lambda."""
    schedule: Literal["rising", "constant"] = "rising"
    """``rising``: lambda = strength (2 / (1 + e^(-gamma p)) - 1) after the share p of training, so that the head has
    learnt something before it is worked against."""
    gamma: float = Field(default=10.0, gt=0)
    """For ``rising``: how early."""
    probe: bool = True
    """When training has ended, let a fresh head look for the labels in the saved model's states and in the pretrained
    encoder's, and report how much of them is left; needs development data."""

    def at(self, share: float) -> float:
        """Return lambda after a share of training.

        Example:
            >>> round(Reversal().at(1.0), 5)
            0.99991
        """
        if self.schedule == "constant":
            return self.strength
        return self.strength * (2 / (1 + math.exp(-self.gamma * share)) - 1)
