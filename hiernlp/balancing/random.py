"""Random loss weighting (Lin et al. 2022, arXiv 2111.10603): new random weights at every step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from hiernlp.balancing._base import Balancer
from hiernlp.settings import Settings


class RandomOptions(Settings):
    """Settings of random weights; each task's ``weight`` multiplies its random weight."""

    seed: int = Field(default=1, ge=0)
    """Seed of the weights."""


class Random(Balancer):
    """J = T * sum_t softmax(z)_t w_t L_t with z ~ N(0, 1) for each of the T tasks of the batch.

    The paper's weights sum to one; here they sum to T, so that the learning rate means the same as with fixed weights.
    The numbers depend on the seed and on how often they were drawn: the same on all processes and after a resume.
    """

    Options = RandomOptions

    def __init__(self, *, options: RandomOptions, weights: Mapping[str, float]) -> None:
        super().__init__(options=options, weights=weights)
        self.seed = options.seed
        self.draws = 0

    def get_extra_state(self) -> int:
        """Return what a resumed run needs."""
        return self.draws

    def set_extra_state(self, state: int) -> None:
        """Restore what :meth:`get_extra_state` returned."""
        self.draws = state

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        stacked = torch.stack([self.task_weights[task] * loss for task, loss in losses.items()])
        drawn = np.random.default_rng([self.seed, self.draws]).standard_normal(len(losses), dtype=np.float32)
        self.draws += 1
        shares = torch.from_numpy(drawn).softmax(0) * len(losses)
        return (shares.to(stacked.device, non_blocking=True) * stacked).sum()
