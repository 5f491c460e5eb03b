"""Pairs of sentences as a way of reading: whatever kind labels or scores a sentence does the same for a pair.

*Apart*, each sentence is encoded by itself and becomes one vector; the head reads what the two vectors have in common
and what tells them apart (Hashimoto et al. 2017, sections 2.4 and 2.5: the elementwise maximum over the words, |a - b|
and a * b for relatedness, the signed a - b for entailment). *Together*, both sentences are one row of the encoder, in
which every word sees the other sentence; the head reads the row as it reads a sentence, or compares the two in it.

Letters: B sentences, P pairs, N words, H hidden size, F width of what the head reads.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.kinds._pooling import Pool, Pooling
from hiernlp.settings import Settings

Feature = Literal["absolute", "product", "difference", "first", "second", "cosine"]
DEFAULT_FEATURES: tuple[Feature, ...] = ("absolute", "product")


class PairSettings(Settings):
    """How a task reads pairs of sentences."""

    encode: Literal["apart", "together"] = "apart"
    """``apart``: each sentence by itself, once, however many pairs it is in; ``together``: both in one row of the
    encoder, so that each word sees the other sentence (a cross-encoder)."""
    pool: Pool | None = None
    """How a sentence's words become one vector: mean (the default), max, first or attention. Together: only with
    ``features``; without, the kind's own ``pool`` reads both sentences as one."""
    features: list[Feature] | None = Field(default=None, min_length=1)
    """What the head reads of vectors a and b, by default, apart, ``absolute`` and ``product``: ``absolute`` |a - b|,
    ``product`` a * b (elementwise), ``difference`` a - b (which tells the two sentences apart), ``first`` a, ``second``
    b, ``cosine`` their cosine. Together, they compare the two sentences within the row; by default they do not."""

    dropout: bool = True
    """Whether the encoder drops out states while it reads the pairs in training. What is dropped of one sentence and
    not of the other makes them differ, so that features of differences are larger in training than in analysis. Tasks
    that read pairs in the same way share one run of the encoder and must agree."""

    symmetric: bool = False
    """Together only: read each pair in both orders, and judge it by the mean of the two outputs, so that swapping the
    sentences changes nothing. What is read together then takes twice the time."""

    @model_validator(mode="after")
    def _something_is_compared(self) -> Self:
        if self.encode == "together" and self.pool and not self.features:
            raise ValueError(
                "`pool` says how each of two sentences that are compared becomes a vector; with `encode: together` add "
                "`features`, or leave `pool` out: the kind's own `pool` then reads both sentences as one"
            )
        if self.symmetric and self.encode == "apart":
            raise ValueError(
                "`symmetric` is for `encode: together`; sentences read apart are compared alike in both orders unless "
                "`features` has `difference`, `first` or `second`"
            )
        return self

    @property
    def compares(self) -> bool:
        """Whether the head reads features of two vectors, not both sentences as one."""
        return self.encode == "apart" or self.features is not None

    @property
    def is_symmetric(self) -> bool:
        """Whether swapping the two sentences changes nothing."""
        if self.encode == "together":
            return self.symmetric
        return not {*(self.features or ())} & {"difference", "first", "second"}


class PairReading(nn.Module):
    """Two sentences' words to what a head reads of the pair.

    A head sees a pair as a sentence of one word whose state is the pair's features, so that it need not know of pairs.

    Args:
        hidden_size: width H of the words' states.
        settings: how the two sentences are compared.
    """

    def __init__(self, hidden_size: int, settings: PairSettings) -> None:
        super().__init__()
        self.features: tuple[Feature, ...] = tuple(dict.fromkeys(settings.features or DEFAULT_FEATURES))
        self.pooling = Pooling(hidden_size, settings.pool or "mean")
        self.size = sum(1 if name == "cosine" else hidden_size for name in self.features)
        """Width F of what the head reads."""

    def vectors(self, words: Tensor, mask: Tensor) -> Tensor:
        """Return each sentence's vector (B, H) given its words' states (B, N, H) and which of them are words (B, N)."""
        return self.pooling(words, mask).to(words.dtype)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the pairs' features (P, 1, F) given the vectors of their first and second sentences, (P, H) each."""
        found: dict[Feature, Tensor] = {}
        for name in self.features:
            if name == "absolute":
                found[name] = (first - second).abs()
            elif name == "product":
                found[name] = first * second
            elif name == "difference":
                found[name] = first - second
            elif name == "cosine":
                found[name] = F.cosine_similarity(first.float(), second.float()).to(first.dtype).unsqueeze(-1)
            else:
                found[name] = first if name == "first" else second
        return torch.cat(list(found.values()), -1).unsqueeze(1)
