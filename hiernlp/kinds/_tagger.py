"""From scores of tags to loss, probabilities and what decoding reads: a softmax a word, or a linear-chain CRF.

Letters: B batch, N words, C tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.decoding._tags import legal_bio
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds._crf import LinearChainCrf


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
    """Loss and probabilities of tags, by each word's softmax or by a CRF.

    Args:
        tags: the C tags.
        crf: score whole sequences; adds the scores of transitions as parameters.
        bio: whether sequences are legal IOB2, to which decoding keeps, and so do the CRF's sums.
        label_smoothing: share of the target spread evenly over all tags (softmax only).
        weights: weight of each tag's loss, shape (C,) (softmax only).
    """

    weights: Tensor | None

    def __init__(
        self,
        tags: Sequence[str],
        *,
        crf: bool,
        bio: bool,
        label_smoothing: float,
        weights: Tensor | None,
    ) -> None:
        super().__init__()
        self.bio = bio
        allowed = start = None
        if bio:
            legal = legal_bio(tags)
            allowed, start = torch.from_numpy(legal.follows), torch.from_numpy(legal.start)
        self.crf = LinearChainCrf(len(tags), allowed=allowed, allowed_start=start) if crf else None
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", weights, persistent=False)

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

    def arrays(self, output: TagScores, *, probabilities: bool) -> dict[str, Tensor]:
        """Return what :class:`hiernlp.decoding._tags.TagPaths` reads, and ``shares`` (B, N, C) with probabilities."""
        if self.crf is not None:
            crf = self.crf
            found = {"scores": output.scores.float(), "start": crf.start.float(), "end": crf.end.float()}
            found["transitions"] = crf.transitions.float()
        elif self.bio:
            found = {"scores": output.scores.log_softmax(-1)}
        else:
            found = {"best": output.scores.argmax(-1)}
        return found | ({"shares": self.probabilities(output)} if probabilities else {})


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
