"""The head that turns states into scores."""

from __future__ import annotations

from torch import nn


def scorer(hidden_size: int, outputs: int, *, hidden: int, dropout: float) -> nn.Module:
    """Return a head that maps (..., hidden_size) to (..., outputs): linear, or with one hidden layer (GELU)."""
    if not hidden:
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, outputs))
    return nn.Sequential(
        nn.Dropout(dropout), nn.Linear(hidden_size, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )
