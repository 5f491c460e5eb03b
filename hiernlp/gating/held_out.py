"""Gates learnt on the main tasks' held-out loss (after Lin et al. 2019, arXiv 1911.05040)."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from hiernlp.gating._base import Gate, GateOptions


class HeldOutOptions(GateOptions):
    """Settings of gates learnt on held-out loss."""

    start: float = Field(default=0.9, gt=0, lt=1)
    """How far the gate is open at first."""
    rate: float = Field(default=2.0, gt=0)
    """How fast it learns: what one measurement adds to its logit for each unit of cosine."""
    toll: float = Field(default=0.05, ge=0, lt=1)
    """The cosine that a helper must have to stay where it is. Without one a helper that has nothing to do with the main
    tasks, whose cosines are 0 on average, would keep the gate that it began with."""


class HeldOut(Gate[HeldOutOptions]):
    """g = sigmoid(a); each measurement adds rate (cos - toll) to a.

    One step ahead, with theta' = theta - eta (grad L_main + g grad L_helper), the derivative of the main tasks' loss on
    held-out data with respect to g is -eta <grad L_held(theta'), grad L_helper(theta)>: descending it opens the gate of
    a helper whose gradient points where that loss falls. Here it is taken at theta (small eta), and as a cosine, so
    that the rate does not depend on the size of gradients.

    Held-out are the development data, a batch a measurement: scores on them are then those of data that had a say in
    training, if a small one. Cut them from the training data (``split: {dev: 0.1}``) and judge by others.
    """

    Options = HeldOutOptions
    compares_with = "dev"

    def __init__(self, options: HeldOutOptions) -> None:
        super().__init__(options)
        self.logit = math.log(options.start / (1 - options.start))

    @property
    def value(self) -> float:
        return 1 / (1 + math.exp(-self.logit))

    def observe(self, cosine: float) -> None:
        # Bounded, so that a gate that was shut for long can open again.
        self.logit = min(6.0, max(-6.0, self.logit + self.options.rate * (cosine - self.options.toll)))

    def state_dict(self) -> dict[str, Any]:
        return {"logit": self.logit}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.logit = state["logit"]
