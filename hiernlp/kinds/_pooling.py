"""One vector for a sentence, and the head that reads it; shared by the kinds that label sentences.

Letters: B batch, N words, H hidden size, C labels.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hiernlp.kinds._scorer import scorer
from hiernlp.settings import Settings

Pool = Literal["mean", "max", "first", "attention"]


class PooledOptions(Settings):
    """Settings shared by the tasks that label sentences."""

    column: str
    """Annotation column: one value for each sentence."""
    pool: Pool = "mean"
    """How words become one vector: their mean or maximum, the first word, or a mean with learnt attention."""
    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer (GELU) before the scores; 0 for none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on the sentence's vector."""


class Pooling(nn.Module):
    """The states of a sentence's words as one vector; padding has no part in it.

    Args:
        hidden_size: width H of the states.
        how: mean, max, first, or attention: a mean whose weights are the softmax of one learnt score a word.
    """

    def __init__(self, hidden_size: int, how: Pool) -> None:
        super().__init__()
        self.how = how
        self.query = nn.Linear(hidden_size, 1) if how == "attention" else None

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Return (B, H) in float32 for words (B, N, H) and mask (B, N); zeros for a sentence without words."""
        inside = mask.unsqueeze(-1)
        states = words.float()
        if self.how == "first":
            return states[:, 0] * inside[:, 0]
        if self.how == "max":
            most = states.masked_fill(~inside, -torch.inf).amax(1)
            return torch.where(inside.any(1), most, torch.zeros_like(most))
        if self.query is not None:
            scores = self.query(words).float().masked_fill(~inside, torch.finfo(torch.float32).min)
            weights = scores.softmax(1) * inside
        else:
            weights = inside / inside.sum(1, keepdim=True).clamp(min=1)
        return (states.masked_fill(~inside, 0.0) * weights).sum(1)


class SentenceScorer(nn.Module):
    """Pool the words, then score: (B, N, H) and (B, N) to (B, C) in float32.

    Args:
        options: how to pool, and the head.
        hidden_size: width H of the states.
        outputs: number of scores C.
    """

    def __init__(self, options: PooledOptions, *, hidden_size: int, outputs: int) -> None:
        super().__init__()
        self.pooling = Pooling(hidden_size, options.pool)
        self.head = scorer(hidden_size, outputs, hidden=options.hidden, dropout=options.dropout)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        """Return the scores of each sentence."""
        return self.head(self.pooling(words, mask).to(words.dtype)).float()
