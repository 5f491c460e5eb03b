"""Linear-chain conditional random fields (Lafferty, McCallum & Pereira 2001).

Their best paths are found in :mod:`hiernlp.decoding`.

Letters: B batch, N words, C labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.kinds._base import IGNORE

FORBIDDEN = -1e8
"""Added to what must not happen in the sums: its share of any sum is exactly 0 in float32, and, unlike minus infinity,
it leaves every gradient finite."""


class LinearChainCrf(nn.Module):
    r"""The probability of a whole label sequence.

    .. math:: \log p(y \mid x) = a_{y_1} + \sum_t s_{t, y_t} + \sum_t T_{y_{t-1}, y_t} + e_{y_N} - \log Z(x)

    - :math:`s`: the scores of each word's labels, given by the head; :math:`a, T, e`: learnt scores of starting with a
      label, of one label following another, and of ending with a label; :math:`Z`: the sum over all label sequences.

    All sums are taken in float32, inside autocast too, and nothing is read back to the host.

    Args:
        labels: number of labels C.
        allowed: whether label j may follow label i, shape (C, C) as [i, j]; all may where None.
        allowed_start: whether a sentence may begin with a label, shape (C,); all may where None.

    Example:
        >>> crf = LinearChainCrf(3)
        >>> crf.marginals(torch.zeros(1, 2, 3), mask=torch.ones(1, 2, dtype=torch.bool))[0, 0]
        tensor([0.3333, 0.3333, 0.3333], grad_fn=<SelectBackward0>)
    """

    allowed: Tensor
    allowed_start: Tensor

    def __init__(self, labels: int, *, allowed: Tensor | None = None, allowed_start: Tensor | None = None) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(labels))
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.end = nn.Parameter(torch.zeros(labels))
        free = torch.ones(labels, labels, dtype=torch.bool)
        self.register_buffer("allowed", free if allowed is None else allowed, persistent=False)
        self.register_buffer("allowed_start", free[0] if allowed_start is None else allowed_start, persistent=False)

    def negative_log_likelihood(self, scores: Tensor, *, mask: Tensor, labels: Tensor) -> Tensor:
        """Return the summed negative log-likelihood of the annotated labels.

        A word whose label is :data:`IGNORE` may have any label: the numerator sums over all sequences that agree with
        what is annotated. A sentence without any annotated word costs exactly 0 and has no gradient.

        Shapes: ``scores`` (B, N, C); ``mask`` (B, N), true where there is a word, words first; ``labels`` (B, N).
        Returns a scalar in float32.
        """
        with torch.autocast(scores.device.type, enabled=False):
            known = (labels != IGNORE) & mask
            index = torch.arange(scores.shape[-1], device=scores.device)
            agrees = (labels.unsqueeze(-1) == index) | ~known.unsqueeze(-1)
            scores = _centred(scores)
            # One pass over the words sums both lattices: all sequences, and those that agree with the annotation.
            both = torch.cat([scores, scores.masked_fill(~agrees, FORBIDDEN)])
            sums = self._sums(self._forward(both, torch.cat([mask, mask])))
            partition, numerator = sums.chunk(2)
            losses = torch.where(known.any(1), partition - numerator, torch.zeros_like(partition))
            return losses.sum()

    def marginals(self, scores: Tensor, *, mask: Tensor) -> Tensor:
        """Return the probability of each label of each word, summed over all sequences; 0 where there is no word.

        Shapes: as for :meth:`negative_log_likelihood`; returns (B, N, C) in float32, differentiable.
        """
        with torch.autocast(scores.device.type, enabled=False):
            scores = _centred(scores)
            if torch.compiler.is_exporting():
                return self._scanned_marginals(scores, mask)
            forward = self._forward(scores, mask)
            transitions = self._transitions()
            emissions = scores.unbind(1)
            words = mask.unsqueeze(-1).unbind(1)
            backward = [self.end.float().expand_as(emissions[0])]
            for t in range(len(emissions) - 1, 0, -1):
                after = ((emissions[t] + backward[-1]).unsqueeze(1) + transitions).logsumexp(-1)
                backward.append(torch.where(words[t], after, backward[-1]))
            both = torch.stack(forward, 1) + torch.stack(backward[::-1], 1)
            return both.softmax(-1) * mask.unsqueeze(-1)

    def _scanned_marginals(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return the marginals by an operator that goes through any number of words, of which a graph can be made.

        Shapes: ``scores`` (B, N, C), centred; ``mask`` (B, N); returns (B, N, C).
        """
        # One word more, which is none, so that there is a second word in every sentence.
        emissions = F.pad(scores, (0, 0, 0, 1)).transpose(0, 1)
        words = F.pad(mask, (0, 1)).transpose(0, 1).unsqueeze(-1)
        first = emissions[0] + self.start.float().masked_fill(~self.allowed_start, FORBIDDEN)
        last = self.end.float().expand_as(first).contiguous()

        def onward(sums: Tensor, emission: Tensor, word: Tensor, transitions: Tensor) -> list[Tensor]:
            reached = (sums.unsqueeze(-1) + transitions).logsumexp(1) + emission
            return _kept(torch.where(word, reached, sums))

        def backward(sums: Tensor, emission: Tensor, word: Tensor, transitions: Tensor) -> list[Tensor]:
            after = ((emission + sums).unsqueeze(1) + transitions).logsumexp(-1)
            return _kept(torch.where(word, after, sums))

        others, extra = [emissions[1:], words[1:]], (self._transitions(),)
        _, forth = torch.ops.higher_order.scan(onward, [first], others, extra)
        _, back = torch.ops.higher_order.scan(backward, [last], [found.flip(0) for found in others], extra)
        both = torch.cat([first.unsqueeze(0), forth]) + torch.cat([back.flip(0), last.unsqueeze(0)])
        return (both.softmax(-1) * words).transpose(0, 1)[:, :-1]

    def _transitions(self) -> Tensor:
        return self.transitions.float().masked_fill(~self.allowed, FORBIDDEN)

    def _forward(self, scores: Tensor, mask: Tensor) -> list[Tensor]:
        """Return for each word the log-sums over the sequences so far by last label; past the end, the last word's."""
        transitions = self._transitions()
        emissions = scores.unbind(1)
        words = mask.unsqueeze(-1).unbind(1)
        sums = [emissions[0] + self.start.float().masked_fill(~self.allowed_start, FORBIDDEN)]
        for emission, word in zip(emissions[1:], words[1:], strict=True):
            reached = (sums[-1].unsqueeze(-1) + transitions).logsumexp(1) + emission
            sums.append(torch.where(word, reached, sums[-1]))
        return sums

    def _sums(self, forward: list[Tensor]) -> Tensor:
        return (forward[-1] + self.end.float()).logsumexp(-1)


def _kept(sums: Tensor) -> list[Tensor]:
    """Return what a step hands on and what it leaves behind, which must not be the same tensor."""
    return [sums, sums.clone()]


def _centred(scores: Tensor) -> Tensor:
    """Return scores less their log-sum at each word: no probability changes, and long sentences stay precise."""
    return scores.float().log_softmax(-1)
