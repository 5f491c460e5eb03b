"""Random loss weighting (Lin et al. 2022, arXiv 2111.10603): new random weights at every step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hiernlp.balancing._base import Balancer
from hiernlp.settings import Settings


class RandomOptions(Settings):
    """Random weighting has no settings; each task's ``weight`` multiplies its random weight."""


class Random(Balancer):
    """J = T * sum_t softmax(z)_t w_t L_t with z ~ N(0, 1) for each of the T tasks of the batch.

    The paper's weights sum to one; here they sum to T, so that the learning rate means the same as with fixed weights.
    The numbers come from the host's generator, which checkpoints keep.
    """

    Options = RandomOptions

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        stacked = torch.stack([self.task_weights[task] * loss for task, loss in losses.items()])
        shares = torch.randn(len(losses)).softmax(0) * len(losses)
        return (shares.to(stacked.device, non_blocking=True) * stacked).sum()
