"""Single precision: a model as it was trained."""

from __future__ import annotations

import torch

from hiernlp.inference.precision._base import Precision
from hiernlp.model import HierarchicalModel


class Float32(Precision):
    """All weights and states in 32 bits."""

    def holds(self, model: HierarchicalModel) -> bool:
        return all(parameter.dtype == torch.float32 for parameter in model.parameters())

    def convert(self, model: HierarchicalModel) -> HierarchicalModel:
        return model.float()
