r"""Whole numbers of 8 bits in the encoder's linear maps, on processors.

Dynamic quantization: weights are rounded once, states when they come. Layer norms, attention, embeddings and heads stay
in float32.

Letters: T subwords, I inputs, O outputs.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from hiernlp.errors import HierNLPError
from hiernlp.inference.precision._base import Precision
from hiernlp.model import HierarchicalModel

WEIGHT_STEPS = 63
"""Weights are whole numbers from -63 to 63: some processors add two products of a weight and a state's 8 bits in 16
bits, which greater weights would overflow."""


class Int8(Precision):
    """Every linear map inside the encoder's layers as :class:`QuantizedLinear`."""

    compiles = False

    def check(self, device: torch.device) -> None:
        if device.type != "cpu":
            raise HierNLPError(f"precision: int8 runs on processors, found the device '{device}'; use bfloat16 there")
        if not {"x86", "fbgemm"} & set(torch.backends.quantized.supported_engines):
            found = ", ".join(torch.backends.quantized.supported_engines)
            raise HierNLPError(f"precision: int8 needs torch's engine x86 or fbgemm, found {found}; use float32")

    def holds(self, model: HierarchicalModel) -> bool:
        return any(isinstance(module, QuantizedLinear) for module in model.modules())

    def convert(self, model: HierarchicalModel) -> HierarchicalModel:
        for encoder in model.scheme.encoders:
            for layer in encoder.layers:
                for parent in list(layer.modules()):
                    for name, child in list(parent.named_children()):
                        if type(child) is nn.Linear:
                            setattr(parent, name, QuantizedLinear(child))
        return model


class QuantizedLinear(nn.Module):
    r"""A linear map in 8 bits.

    .. math:: y_{to} = r_t \, u_o \sum_i \operatorname{round}(x_{ti} / (r_t s)) \operatorname{round}(W_{oi} / u_o) + b_o

    - :math:`r_t = \max_i |x_{ti}|`: every subword has a scale of its own, so that its result does not depend on what
      else is in the batch but by the last step s, common to all;
    - :math:`u_o = \max_i |W_{oi}| / 63`: every output has a scale of its own.

    Args:
        linear: the map in float32.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scales = (weight.abs().amax(1).double() / WEIGHT_STEPS).clamp(min=torch.finfo(torch.float32).tiny)
        none = torch.zeros(len(scales), dtype=torch.long)
        rounded: Any = torch.ops.quantized
        with warnings.catch_warnings():
            # Torch means to take these tensors away and has nothing yet in their place that is fast on processors.
            warnings.filterwarnings("ignore", message=".*quantized tensor creation", category=UserWarning)
            whole = torch.quantize_per_channel(weight, scales, none, 0, torch.qint8)
        self.packed = rounded.linear_prepack(whole, None)
        bias = torch.zeros(len(scales)) if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias.clone())

    bias: Tensor

    def forward(self, states: Tensor) -> Tensor:
        """Return (..., O) for states (..., I), both in float32."""
        # A tiny scale would not do for a row of zeros: nothing divided by it is nothing.
        scale = states.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        rounded: Any = torch.ops.quantized
        return torch.addcmul(self.bias, rounded.linear_dynamic(states / scale, self.packed, False), scale)
