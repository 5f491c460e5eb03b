r"""Spans that a linear-chain CRF over IOB2 tags holds more likely than not.

The probability of a span from word i to word j under label l is the share of the sequences with ``B-l`` at i, ``I-l``
at i + 1 to j, and anything else after j:

.. math:: p = \frac{1}{Z} \alpha_i(B) \prod_{t=i+1}^{j} T_{\cdot, I} \, e_t(I)
    \; \sum_{y \neq I} T_{\cdot, y} \, e_{j+1}(y) \, \beta_{j+1}(y)

with the exponentiated scores e of tags and T of transitions, and the forward and backward sums alpha and beta. Two
spans that overlap exclude each other, so that no two of them can both be above one half: those that are stand together.
They are the set with the most spans expected to be right less those expected to be wrong (after Goodman 1996, who
maximises the expected number of right constituents).

Letters: B batch, N words, C tags, K candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiernlp.decoding._spans import Span

LIKELY = 0.5
"""More likely than not."""
LEAST = -300.0
"""Scores further below the best one count as if they were not: exponentials must stay above what a number can hold."""


@dataclass(frozen=True)
class LikelySpan:
    """A span and its probability, above one half."""

    span: Span
    probability: float


def likely_spans(
    scores: np.ndarray,
    *,
    labels: list[str],
    lengths: np.ndarray,
    start: np.ndarray,
    transitions: np.ndarray,
    end: np.ndarray,
) -> list[list[LikelySpan]]:
    """Return each sentence's spans whose probability is above one half, in reading order.

    Tags are O, then B and I of each label. Scores of minus infinity forbid a start or a transition.

    Shapes: ``scores`` (B, N, C); ``lengths`` (B,); ``start``, ``end`` (C,); ``transitions`` (C, C) as [from, to].

    Example:
        >>> tags = np.log([[[0.2, 0.7, 0.1], [0.3, 0.1, 0.6]]])
        >>> free, forbidden = np.zeros(3), np.array([0.0, 0.0, -np.inf])
        >>> (found,) = likely_spans(
        ...     tags, labels=["X"], lengths=np.array([2]), start=forbidden, end=free,
        ...     transitions=np.array([forbidden, free, free]),
        ... )
        >>> [(likely.span, round(likely.probability, 3)) for likely in found]  # 0.7 * 0.6 / (1 - 0.1 - 0.2 * 0.6)
        [((0, 2, 'X'), 0.538)]
    """
    found: list[list[LikelySpan]] = [[] for _ in lengths]
    # Longest first: those that have a word at a place are then the first of all; those without words are left out.
    order = np.argsort(-lengths, kind="stable")[: int((lengths > 0).sum())]
    if not len(order):
        return found
    lattice = _Lattice.of(scores[order], lengths[order], start=start, transitions=transitions, end=end)
    firsts = np.arange(1, 2 * len(labels), 2)
    begun = lattice.forward[..., firsts] * lattice.backward[..., firsts]
    b, i, label = np.nonzero(begun > LIKELY)
    # Candidates of a sentence are in the order of their first words, each word beginning one at most.
    at, inside = i.copy(), 2 * label + 2
    tag = inside - 1
    mass = lattice.forward[b, i, tag]
    ends, chances = np.zeros_like(i), np.zeros(len(i))
    alive = np.arange(len(i))
    while len(alive):
        here = b[alive], at[alive], tag[alive]
        further = mass[alive] * lattice.onward(*here, inside[alive])
        going_on = further * lattice.after(b[alive], at[alive], inside[alive])
        # What ends here is all that came so far less what goes on.
        ending = mass[alive] * lattice.backward[here] - going_on
        done = ending > LIKELY
        ends[alive[done]], chances[alive[done]] = at[alive[done]] + 1, ending[done]
        mass[alive], tag[alive] = further, inside[alive]
        at[alive] += 1
        alive = alive[going_on > LIKELY]
    for k in np.flatnonzero(ends):
        span = int(i[k]), int(ends[k]), labels[label[k]]
        found[order[b[k]]].append(LikelySpan(span, min(float(chances[k]), 1.0)))
    return found


@dataclass(frozen=True)
class _Lattice:
    """Forward and backward sums of sentences, longest first, scaled so that their product is a tag's probability.

    Attributes:
        forward, backward: shape (B, N, C), 0 where there is no word.
        steps: exponentiated scores of each word's tags, divided by the word's scale; 0 where there is no word.
        transitions: exponentiated, 0 where forbidden; shape (C, C).
    """

    forward: NDArray[np.float64]
    backward: NDArray[np.float64]
    steps: NDArray[np.float64]
    transitions: NDArray[np.float64]

    @classmethod
    def of(
        cls, scores: np.ndarray, lengths: np.ndarray, *, start: np.ndarray, transitions: np.ndarray, end: np.ndarray
    ) -> _Lattice:
        batch, words, _ = scores.shape
        emitted = _exponentials(scores, axis=-1)
        emitted[np.arange(words) >= lengths[:, None]] = 0.0
        moves = _exponentials(transitions, axis=None)
        longer = (lengths[:, None] > np.arange(words)).sum(0).tolist()
        forward = np.zeros(scores.shape)
        for t, here in enumerate(longer):
            reached = forward[:here, t - 1] @ moves if t else _exponentials(start, axis=None)
            reached = reached * emitted[:here, t]
            scale = reached.sum(-1, keepdims=True)
            forward[:here, t] = reached / scale
            emitted[:here, t] /= scale
        backward = np.zeros(scores.shape)
        last = np.arange(batch), lengths - 1
        closing = _exponentials(end, axis=None)
        backward[last] = closing / (forward[last] * closing).sum(-1, keepdims=True)
        for t in range(words - 2, -1, -1):
            here = longer[t + 1]
            backward[:here, t] = (emitted[:here, t + 1] * backward[:here, t + 1]) @ moves.T
        return cls(forward, backward, emitted, moves)

    def onward(self, b: np.ndarray, at: np.ndarray, tag: np.ndarray, to: np.ndarray) -> NDArray[np.float64]:
        """Return what a step from a word's tag to a tag of the next word weighs, 0 beyond the last word; all (K,)."""
        follows = np.minimum(at + 1, self.steps.shape[1] - 1)
        return np.where(at + 1 < self.steps.shape[1], self.transitions[tag, to] * self.steps[b, follows, to], 0.0)

    def after(self, b: np.ndarray, at: np.ndarray, to: np.ndarray) -> NDArray[np.float64]:
        """Return the backward sum of a tag of the next word, shape (K,)."""
        return self.backward[b, np.minimum(at + 1, self.steps.shape[1] - 1), to]


def _exponentials(scores: np.ndarray, *, axis: int | None) -> NDArray[np.float64]:
    """Return exponentials, the greatest being 1; 0 where the score is minus infinity."""
    scores = scores.astype(np.float64)
    allowed = scores > -np.inf
    near = np.maximum(scores - scores.max(axis, keepdims=axis is not None), LEAST)
    return np.where(allowed, np.exp(near), 0.0)
