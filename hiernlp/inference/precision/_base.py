"""What a precision is: from a trained model in float32 to one that computes in other numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from hiernlp.model import HierarchicalModel


class Precision(ABC):
    """Numbers in which a model analyses."""

    compiles: bool = True
    """Whether the encoder's layers can still be compiled."""

    def check(self, device: torch.device) -> None:  # noqa: B027 - most can be had everywhere
        """Tell whether the precision can be had on a device.

        Raises:
            HierNLPError: it cannot.
        """

    @abstractmethod
    def holds(self, model: HierarchicalModel) -> bool:
        """Tell whether a model is in this precision as it is."""

    @abstractmethod
    def convert(self, model: HierarchicalModel) -> HierarchicalModel:
        """Return the model, which may be changed in place, in this precision."""
