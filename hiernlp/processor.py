"""What is done in another way where a processor computes in 16 bits."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

KERNELS = 16_384
"""Pieces of code that oneDNN keeps; it forgets all but the newest 1,024 unless told otherwise."""

ROWS = 64
"""A linear map in bfloat16 takes a multiple of so many rows at a time, see :func:`linear`."""


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: A002 - as in torch
    """Return what :func:`torch.nn.functional.linear` does, computed for numbers of rows that come again.

    On processors torch gives products in bfloat16 to oneDNN, which makes code for every number of rows that it meets.
    Batches of sentences hardly ever have the same number of subwords, so that it would go on making code for ever. Here
    the last :data:`ROWS` rows are taken by themselves where those before them would not be a multiple otherwise; a few
    are then computed twice. Other numbers than bfloat16, other devices, compiled layers, autocast and whatever may have
    a gradient take all rows at once.

    Shapes: ``input`` (..., I), ``weight`` (O, I), ``bias`` (O,); result (..., O).
    """
    halves = input.dtype == weight.dtype == torch.bfloat16 and input.device.type == "cpu"
    if not halves or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return F.linear(input, weight, bias)
    count = input.numel() // input.shape[-1]
    if count < ROWS or count % ROWS == 0:
        return F.linear(input, weight, bias)
    rows = input.reshape(count, input.shape[-1])
    found = rows.new_empty(count, len(weight))
    for start, end in ((0, count // ROWS * ROWS), (count - ROWS, count)):
        if bias is None:
            torch.mm(rows[start:end], weight.t(), out=found[start:end])
        else:
            torch.addmm(bias, rows[start:end], weight.t(), out=found[start:end])
    return found.view(*input.shape[:-1], len(weight))


def keep_kernels() -> None:
    """Let oneDNN keep the code that it makes for each shape of matrices.

    Batches of sentences hardly ever have the same number of subwords, so that training and analysis meet some thousand
    shapes: making code for one takes longer than the product itself. The user's own choice stays
    (``ONEDNN_PRIMITIVE_CACHE_CAPACITY``). oneDNN looks once in a process, when it is first used.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(KERNELS))


def plain_attention() -> AbstractContextManager[None]:
    """Return the context in which attention is taken by single products, in float32.

    The fused attention of torch for processors takes ten times as long backward in bfloat16 as in float32.
    """
    return sdpa_kernel(SDPBackend.MATH)  # pyright: ignore[reportReturnType]
