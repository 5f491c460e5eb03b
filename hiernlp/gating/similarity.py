"""Gates by gradient similarity (Du et al. 2018, arXiv 1812.02224)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hiernlp.gating._base import Gate, GateOptions


class SimilarityOptions(GateOptions):
    """Settings of gates by gradient similarity."""

    decay: float = Field(default=0.9, ge=0, lt=1)
    """Share of what was known before in the running mean of the cosines; 0 looks at the last one alone."""
    full: float = Field(default=0.1, gt=0, le=1)
    """The mean cosine from which on the gate is wide open: gradients of millions of numbers are seldom nearer. With 1
    the gate is the cosine itself, as in the paper's weighted variant."""


class Similarity(Gate[SimilarityOptions]):
    """g = min(1, max(0, m / full)), with m the running mean of cos(gradient of the helper, gradient of the main tasks).

    Both gradients are of training data. The mean is corrected for its start as in Adam (Kingma and Ba 2015); the gate
    is open before the first measurement. The paper looks at each step's own cosine (``every: 1``, ``decay: 0``).
    """

    Options = SimilarityOptions
    compares_with = "train"

    def __init__(self, options: SimilarityOptions) -> None:
        super().__init__(options)
        self.mean = 0.0
        self.seen = 0.0

    @property
    def value(self) -> float:
        return min(1.0, max(0.0, self.mean / self.seen / self.options.full)) if self.seen else 1.0

    def observe(self, cosine: float) -> None:
        decay = self.options.decay
        self.mean = decay * self.mean + (1 - decay) * cosine
        self.seen = decay * self.seen + (1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.mean, self.seen = state["mean"], state["seen"]
