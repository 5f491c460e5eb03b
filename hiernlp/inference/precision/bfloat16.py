"""Half the bits with the range of float32, for hardware that multiplies them faster."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hiernlp.inference.precision._base import Precision
from hiernlp.model import HierarchicalModel
from hiernlp.processor import keep_kernels, linear


class Bfloat16(Precision):
    """All weights and states in 16 bits, 8 of them for the fraction.

    Heads still decode from scores in float32. On a processor without instructions for such numbers every product is
    converted there and back, which is slower than float32.
    """

    def holds(self, model: HierarchicalModel) -> bool:
        return all(parameter.dtype == torch.bfloat16 for parameter in model.parameters())

    def convert(self, model: HierarchicalModel) -> HierarchicalModel:
        keep_kernels()
        for parent in list(model.modules()):
            for name, child in list(parent.named_children()):
                if type(child) is nn.Linear:
                    setattr(parent, name, EvenLinear(child))
        return model.to(torch.bfloat16)


class EvenLinear(nn.Linear):
    """A linear map by :func:`hiernlp.processor.linear`.

    Args:
        plain: the map, whose parameters this one takes over.
    """

    def __init__(self, plain: nn.Linear) -> None:
        with torch.device("meta"):
            super().__init__(plain.in_features, plain.out_features, bias=plain.bias is not None)
        self.weight = plain.weight
        self.bias = plain.bias  # pyright: ignore[reportAttributeAccessIssue] - or None, as in torch
        self.train(plain.training)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as in torch
        return linear(input, self.weight, self.bias)
