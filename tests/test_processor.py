"""Linear maps, kernels and attention where a processor computes in bfloat16."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from hiernlp.processor import KERNELS, ROWS, keep_kernels, linear, plain_attention


@given(
    rows=st.integers(0, 4 * ROWS + 1),
    leading=st.sampled_from([(), (1,), (2,)]),
    biased=st.booleans(),
    transposed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_linear_map_in_bfloat16_is_torchs(
    rows: int, leading: tuple[int, ...], biased: bool, transposed: bool, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    given_ = torch.randn(*leading, rows, 24, generator=draw).to(torch.bfloat16)
    weight = torch.randn((24, 10) if transposed else (10, 24), generator=draw).to(torch.bfloat16)
    weight = weight.t() if transposed else weight
    bias = torch.randn(10, generator=draw).to(torch.bfloat16) if biased else None
    with torch.no_grad():
        found = linear(given_, weight, bias)
    exact = F.linear(given_.double(), weight.double(), None if bias is None else bias.double())
    assert found.shape == (*leading, rows, 10)
    assert found.dtype == torch.bfloat16
    # One rounding of the sum, and one more where the bias is added after it.
    torch.testing.assert_close(found.double(), exact, rtol=2**-7, atol=2**-6)


class Ops(TorchDispatchMode):
    """Keeps what torch computes, with the shape of the last tensor but one: of a product, the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[int, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shapes = [tuple(each.shape) for each in args if isinstance(each, torch.Tensor)]
        self.seen.append((func.overloadpacket.__name__, shapes[-2] if len(shapes) > 1 else ()))
        return func(*args, **(kwargs or {}))


def test_numbers_of_rows_come_again() -> None:
    weight, bias = torch.zeros(2, 4, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.bfloat16)
    with torch.no_grad(), Ops() as ops:
        for count in range(ROWS + 1, 3 * ROWS):
            linear(torch.zeros(count, 4, dtype=torch.bfloat16), weight, bias)
            linear(torch.zeros(count, 4, dtype=torch.bfloat16), weight)
    assert {shape[0] for name, shape in ops.seen if name in ("addmm", "mm")} == {ROWS, 2 * ROWS}


def test_what_has_a_gradient_keeps_it() -> None:
    rows = torch.randn(ROWS + 3, 4, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(2, 4, dtype=torch.bfloat16, requires_grad=True)
    linear(rows, weight).float().sum().backward()
    assert rows.grad is not None
    assert rows.grad.shape == rows.shape
    assert weight.grad is not None


def test_numbers_that_autocast_brings_together() -> None:
    rows, weight, bias = torch.randn(ROWS + 3, 4, dtype=torch.bfloat16), torch.randn(2, 4), torch.randn(2)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(linear(rows, weight, bias), F.linear(rows, weight, bias))
        assert linear(rows, weight.bfloat16(), bias).dtype == torch.bfloat16


@pytest.mark.parametrize("chosen", [None, "77"])
def test_the_kernels_that_are_kept_are_many_unless_the_user_chose(
    chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, chosen or "")
    if chosen is None:
        monkeypatch.delenv(name)
    keep_kernels()
    assert os.environ[name] == (chosen or str(KERNELS))


def test_plain_attention_is_not_fused() -> None:
    states = torch.randn(2, 3, 5, 8, dtype=torch.bfloat16, requires_grad=True)

    def ops() -> set[str]:
        with Ops() as seen:
            F.scaled_dot_product_attention(states, states, states).sum().backward()
        return {name for name, _ in seen.seen}

    assert any("flash" in name for name in ops())
    with plain_attention():
        assert not any("flash" in name for name in ops())
    assert any("flash" in name for name in ops())
