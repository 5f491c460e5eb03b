"""Scores of all spans of a sentence, in a layout whose size grows with the sentence, not with its square.

Letters: B batch, N words, H hidden size, C labels, D width of a projection, K blocks, R starts of a block, E ends that
a block can reach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BUCKETS = 16
PRIOR = 4.0
"""Before training, a span is a mention with odds exp(-4): most candidates are none, and the first steps need not learn
that from a loss hundreds of times its later size."""
LEAST_WEIGHT = 0.01
"""Added to the weight of each word inside a span, so that the mean is defined for every span."""


@dataclass(frozen=True)
class SpanLayout:
    """Where the candidate spans of a batch lie in a tensor of shape (B, K, R, E).

    Entry (k, r, e) is the span from word ``k * R + r`` to word ``k * R + e`` (inclusive). Short sentences are one block
    of all starts by all ends. Long ones are cut into blocks of ``max_width`` starts, each of which reaches the ends of
    its own and the next block: 2 * N * max_width entries in place of N * N. Graphs, which must serve any number of
    words, always have one block.

    Attributes:
        words: number of words N (padded).
        max_width: greatest number of words of a candidate.
        blocks: K.
        starts: R.
        ends: E.
    """

    words: int
    max_width: int
    blocks: int
    starts: int
    ends: int

    @classmethod
    def of(cls, words: int, *, max_width: int) -> SpanLayout:
        """Return the smaller of the two layouts; where a graph is made for any number of words, that of one block."""
        if torch.compiler.is_exporting():
            return cls(words, max_width, 1, words, words)
        blocks = math.ceil(words / max_width)
        if 2 * blocks * max_width**2 < words**2:
            return cls(words, max_width, blocks, max_width, 2 * max_width)
        return cls(words, max_width, 1, words, words)

    def by_start(self, values: Tensor) -> Tensor:
        """Return values of words (B, N, ...) as (B, K, R, ...)."""
        if self.ends == self.starts:
            return values.unsqueeze(1)
        return _padded(values, self.blocks * self.starts).unflatten(1, (self.blocks, self.starts))

    def by_end(self, values: Tensor) -> Tensor:
        """Return values of words (B, N, ...) as (B, K, E, ...): the words that each block can reach."""
        if self.ends == self.starts:
            return values.unsqueeze(1)
        blocks = _padded(values, (self.blocks + 1) * self.starts).unflatten(1, (self.blocks + 1, self.starts))
        return torch.cat([blocks[:, :-1], blocks[:, 1:]], 2)

    def widths(self, device: torch.device) -> Tensor:
        """Return the number of words of each candidate, shape (R, E); below 1 where the end precedes the start."""
        return torch.arange(self.ends, device=device) - torch.arange(self.starts, device=device).unsqueeze(-1) + 1

    def valid(self, mask: Tensor) -> Tensor:
        """Return which entries are candidates, shape (B, K, R, E), from a mask of words (B, N)."""
        widths = self.widths(mask.device)
        return ((widths >= 1) & (widths <= self.max_width)) & self.by_end(mask).unsqueeze(2)

    def index(self, start: Tensor, width: Tensor) -> Tensor:
        """Return the place of spans in the flattened (K, R, E)."""
        return start * self.ends + start % self.starts + width - 1

    def covering(self, values: Tensor) -> Tensor:
        """Return for each word the sum over the spans that cover it: (B, K, C, R, E) to (B, N, C)."""
        begun = values.sum(-1).transpose(2, 3).flatten(1, 2)[:, : self.words]
        ended = values.sum(-2).transpose(2, 3)
        if self.ends == self.starts:
            ended = ended.flatten(1, 2)
        else:
            near, far = ended.split(self.starts, 2)
            ended = _padded(near.flatten(1, 2), (self.blocks + 1) * self.starts) + F.pad(
                far.flatten(1, 2), (0, 0, self.starts, 0)
            )
        # A span that ended at the word before no longer covers this one.
        return (begun - F.pad(ended, (0, 0, 1, 0))[:, : self.words]).cumsum(1)


class SpanScorer(nn.Module):
    r"""Biaffine scores of all spans (Yu, Bohnet & Poesio 2020, equation 2), with what is inside the span.

    .. math:: s_c(i, j) = [g_i; 1]^\top U_c [h_j; 1] + \frac{\sum_{t=i}^{j} w_t v_{t,c}}{\sum_{t=i}^{j} w_t}
        + b_{c, |j-i|}

    - :math:`g_i, h_j`: projections (GELU) of the first word and of the last, each together with its two neighbours;
      :math:`U_c`: a matrix per label. The paper projects the word alone, out of a recurrent network that has just read
      its neighbours.
    - :math:`v_{t,c}`: what word t inside says for label c, averaged with the learnt weights :math:`w_t` (so that a
      head may speak for its phrase); not in the paper.
    - :math:`b`: a bias per label and logarithmic bucket of widths; not in the paper.

    'None' is no label of its own here: its score is 0, to which softmax probabilities are indifferent.

    Args:
        hidden_size: width H of the words' states.
        labels: number of labels C.
        width: width D of the two projections.
        max_width: greatest number of words of a candidate span.
        dropout: dropout on the states and on the projections.
    """

    def __init__(self, hidden_size: int, labels: int, *, width: int, max_width: int, dropout: float) -> None:
        super().__init__()
        self.labels = labels
        self.max_width = max_width
        self.dropout = nn.Dropout(dropout)
        self.boundaries = nn.Sequential(nn.Linear(3 * hidden_size, 2 * width), nn.GELU(), nn.Dropout(dropout))
        self.pair = nn.Linear(width, labels * (width + 1))
        self.inside = nn.Linear(hidden_size, labels + 1)
        self.bias = nn.Embedding(BUCKETS, labels)
        nn.init.normal_(self.pair.weight, std=1 / width)
        nn.init.zeros_(self.pair.bias)
        nn.init.constant_(self.bias.weight, -PRIOR - math.log(labels))

    def forward(self, words: Tensor, mask: Tensor) -> tuple[Tensor, SpanLayout]:
        """Return scores (B, K, C, R, E) in float32 and their layout, for words' states (B, N, H) and mask (B, N)."""
        layout = SpanLayout.of(words.shape[1], max_width=self.max_width)
        # Beyond either end of the sentence the neighbour is zero, however far the batch is padded.
        words = self.dropout(words).masked_fill(~mask.unsqueeze(-1), 0.0)
        around = F.pad(words, (0, 0, 1, 1))
        first, last = self.boundaries(torch.cat([around[:, :-2], words, around[:, 2:]], -1)).chunk(2, -1)
        # Labels stay beside starts until the product is done: before it, all projections would be copied.
        left = layout.by_start(self.pair(first)).unflatten(-1, (self.labels, -1)).flatten(2, 3)
        right = layout.by_end(F.pad(last, (0, 1), value=1.0))
        pairs = (left @ right.transpose(-1, -2)).unflatten(2, (layout.starts, self.labels)).transpose(2, 3)
        return pairs.float() + self._inside(words, layout) + self._width_bias(layout, words.device), layout

    def _inside(self, words: Tensor, layout: SpanLayout) -> Tensor:
        """Return the weighted mean of what the words of each span say, by differences of sums up to each word."""
        says, weight = self.inside(words).float().split((self.labels, 1), -1)
        weight = weight.sigmoid() + LEAST_WEIGHT
        each = layout.by_end(torch.cat([says * weight, weight], -1)).transpose(2, 3)
        upto = each.cumsum(-1)
        # A block's reach begins with its own starts, so that sums need not run over the whole sentence.
        before = (upto - each)[..., : layout.starts]
        totals = upto.unsqueeze(-2) - before.unsqueeze(-1)
        sums, weights = totals.split((self.labels, 1), 2)
        # Entries that are no candidates have no weight; they must not divide by nothing.
        return sums / weights.clamp(min=LEAST_WEIGHT / 2)

    def _width_bias(self, layout: SpanLayout, device: torch.device) -> Tensor:
        # Bucket k begins at the width 2^(k/2); compared in whole numbers, which no rounding of logarithms changes.
        squares = layout.widths(device).clamp(min=1) ** 2
        buckets = (squares.unsqueeze(-1) >= 2 ** torch.arange(1, BUCKETS, device=device)).sum(-1)
        return self.bias(buckets).float().permute(2, 0, 1)


def _padded(values: Tensor, words: int) -> Tensor:
    """Return values of words (B, N, ...) padded with zeros to a number of words."""
    return F.pad(values, (0, 0) * (values.dim() - 2) + (0, words - values.shape[1]))
