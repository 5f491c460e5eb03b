"""What a balancing method is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from hiernlp.settings import Settings


class Balancer(nn.Module, ABC):
    """Turns the losses of the tasks that a batch trains into one scalar.

    Parameters of a balancer are trained with the heads' learning rate and without weight decay.

    Args:
        options: the method's own settings.
        weights: the recipe's weight of each task, in the order in which parameters are kept.
    """

    Options: ClassVar[type[Settings]]

    def __init__(self, *, options: Settings, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.options = options
        self.task_weights = dict(weights)

    @abstractmethod
    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the scalar to be minimised.

        Args:
            losses: each trained task's loss, a mean over the step's targets, as a scalar in float32. Summed over the
                micro-batches of a step, ``losses`` is the mean over the whole step.
        """
