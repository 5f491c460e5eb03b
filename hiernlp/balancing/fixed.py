"""Fixed weights: the sum of the tasks' losses, each times its weight in the recipe."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hiernlp.balancing._base import Balancer
from hiernlp.settings import Settings


class FixedOptions(Settings):
    """Fixed weights have no settings of their own; each task has its ``weight``."""


class Fixed(Balancer):
    """J = sum_t w_t L_t."""

    Options = FixedOptions

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([self.task_weights[task] * loss for task, loss in losses.items()]).sum()
