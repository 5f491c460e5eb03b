"""Pooling: by hand, and blind to padding."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from hiernlp.kinds._pooling import Pool, Pooling

POOLS = get_args(Pool)


@pytest.mark.parametrize("how", POOLS)
def test_pooling_by_hand(how: Pool) -> None:
    torch.manual_seed(0)
    states = torch.randn(2, 4, 3)
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    pooling = Pooling(3, how)
    found = pooling(states, mask)
    for b, length in enumerate((3, 1)):
        inside = states[b, :length]
        if how == "attention":
            assert pooling.query is not None
            expected = (pooling.query(inside).softmax(0) * inside).sum(0)
        else:
            expected = {"mean": inside.mean(0), "max": inside.amax(0), "first": inside[0]}[how]
        torch.testing.assert_close(found[b], expected)


@pytest.mark.parametrize("how", POOLS)
@pytest.mark.parametrize("noise", [1e30, -1e30, float("inf"), float("nan")])
def test_padding_has_no_part_in_it(how: Pool, noise: float) -> None:
    torch.manual_seed(0)
    pooling = Pooling(3, how)
    states = torch.randn(1, 2, 3) - 5
    padded = torch.cat([states, torch.full((1, 3, 3), noise)], 1).requires_grad_()
    mask = torch.tensor([[True, True, False, False, False]])
    found = pooling(padded, mask)
    torch.testing.assert_close(found, pooling(states, mask[:, :2]))
    found.sum().backward()
    assert padded.grad is not None
    assert not padded.grad[:, 2:].any()


@pytest.mark.parametrize("how", POOLS)
def test_a_sentence_without_words_is_zero(how: Pool) -> None:
    states = torch.randn(1, 3, 4, requires_grad=True)
    found = Pooling(4, how)(states, torch.zeros(1, 3, dtype=torch.bool))
    found.sum().backward()
    assert not found.any()
    assert states.grad is not None
    assert not states.grad.any()
