"""From scores of tags to loss, probabilities and sequences: a softmax a word, or a linear-chain CRF.

Letters: B batch, N words, C tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.kinds._base import IGNORE
from hiernlp.kinds._crf import LinearChainCrf, best_paths


@dataclass(frozen=True)
class TagScores:
    """Scores of the tags of every word.

    Attributes:
        scores: float32, shape (B, N, C).
        mask: true where there is a word, shape (B, N).
    """

    scores: Tensor
    mask: Tensor


class Tagger(nn.Module):
    """Loss, probabilities and decoding of tags, by each word's softmax or by a CRF.

    Args:
        tags: the C tags.
        crf: score whole sequences; adds the scores of transitions as parameters.
        legal: which tags may follow each other (C, C) and which may begin (C,); all where None. Decoding keeps to it,
            and so do the CRF's sums.
        label_smoothing: share of the target spread evenly over all tags (softmax only).
        weights: weight of each tag's loss, shape (C,) (softmax only).
    """

    weights: Tensor | None
    transitions: Tensor | None
    start: Tensor | None

    def __init__(
        self,
        tags: Sequence[str],
        *,
        crf: bool,
        legal: tuple[Tensor, Tensor] | None,
        label_smoothing: float,
        weights: Tensor | None,
    ) -> None:
        super().__init__()
        allowed, start = legal or (None, None)
        self.crf = LinearChainCrf(len(tags), allowed=allowed, allowed_start=start) if crf else None
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("transitions", None if allowed is None else _penalty(allowed), persistent=False)
        self.register_buffer("start", None if start is None else _penalty(start), persistent=False)

    def loss(self, output: TagScores, tags: Tensor) -> Tensor:
        """Return the summed negative log-likelihood of tags (B, N); those that are IGNORE cost nothing."""
        if self.crf is not None:
            return self.crf.negative_log_likelihood(output.scores, mask=output.mask, labels=tags)
        return F.cross_entropy(
            output.scores.flatten(0, 1),
            tags.flatten(),
            weight=self.weights,
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )

    def probabilities(self, output: TagScores) -> Tensor:
        """Return each word's probability of each tag: the softmax or the CRF's marginals, shape (B, N, C)."""
        if self.crf is not None:
            return self.crf.marginals(output.scores, mask=output.mask)
        return output.scores.softmax(-1)

    def best(self, output: TagScores) -> Tensor:
        """Return the best tags (B, N), or the best legal sequence of tags."""
        if self.crf is not None:
            return self.crf.best_paths(output.scores, mask=output.mask)
        if self.transitions is None or self.start is None:
            return output.scores.argmax(-1)
        shares = output.scores.log_softmax(-1)
        return best_paths(shares, mask=output.mask, start=self.start, transitions=self.transitions)

    def chosen_probabilities(self, output: TagScores, chosen: Tensor) -> Tensor:
        """Return each word's probability of the tag that was chosen for it, shape (B, N)."""
        return self.probabilities(output).gather(-1, chosen.unsqueeze(-1)).squeeze(-1)


class _TagOptions(Protocol):
    @property
    def crf(self) -> bool: ...
    @property
    def label_smoothing(self) -> float: ...
    @property
    def class_weights(self) -> dict[str, float]: ...


TagOptions = TypeVar("TagOptions", bound=_TagOptions)


def softmax_only(options: TagOptions) -> TagOptions:
    """Check that no setting is given that the CRF would ignore.

    Raises:
        ValueError: label smoothing or class weights stand beside the CRF.
    """
    if options.crf and (options.label_smoothing or options.class_weights):
        raise ValueError(
            "label_smoothing and class_weights belong to the softmax of single words and have no meaning for a CRF, "
            "which scores whole sequences; leave them out, or set crf to false"
        )
    return options


def _penalty(allowed: Tensor) -> Tensor:
    return torch.zeros(allowed.shape).masked_fill(~allowed, -torch.inf)
