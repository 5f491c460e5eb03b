"""Eight bits: near the map in float32, each row by itself, on processors alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hiernlp.errors import HierNLPError
from hiernlp.inference.precision.int8 import WEIGHT_STEPS, Int8, QuantizedLinear

pytestmark = pytest.mark.skipif(
    not {"x86", "fbgemm"} & set(torch.backends.quantized.supported_engines), reason="torch here has no int8 for x86"
)


def made(inputs: int = 48, outputs: int = 20, *, bias: bool = True) -> tuple[nn.Linear, QuantizedLinear]:
    torch.manual_seed(0)
    linear = nn.Linear(inputs, outputs, bias=bias)
    return linear, QuantizedLinear(linear)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_error_is_that_of_rounding(bias: bool, scale: float) -> None:
    linear, quantized = made(bias=bias)
    states = scale * torch.randn(3, 7, 48)
    largest, greatest = states.abs().amax(-1, keepdim=True), linear.weight.abs().amax(1)
    # Half a step of each weight times each state, and half a step of each state (two to the range) times each weight.
    by_weights = greatest / WEIGHT_STEPS / 2 * states.abs().sum(-1, keepdim=True)
    by_states = largest / 255 * (linear.weight.abs().sum(1) + 48 * greatest / WEIGHT_STEPS)
    error = (quantized(states) - linear(states)).abs()
    assert (error <= by_weights + by_states).all()
    assert error.max() > 0


def test_great_weights_and_states_do_not_overflow() -> None:
    linear, _ = made()
    nn.init.ones_(linear.weight)
    quantized = QuantizedLinear(linear)
    states = torch.ones(2, 48)
    torch.testing.assert_close(quantized(states), linear(states), rtol=0.01, atol=0.01)


def test_a_row_of_zeros_gives_the_bias() -> None:
    linear, quantized = made()
    states = torch.randn(2, 48)
    states[1] = 0
    torch.testing.assert_close(quantized(states)[1], linear.bias)


def test_a_large_row_takes_no_precision_from_another() -> None:
    linear, quantized = made()
    states = torch.randn(2, 48)
    alone = quantized(states[:1])
    states[1] *= 1e4
    together = quantized(states)[:1]
    step = states[0].abs().max() / 255 * linear.weight.abs().sum(1)
    assert ((together - alone).abs() <= 2 * step).all()


def test_other_devices_are_refused() -> None:
    with pytest.raises(HierNLPError, match="int8 runs on processors, found the device 'cuda:0'; use bfloat16"):
        Int8().check(torch.device("cuda:0"))
