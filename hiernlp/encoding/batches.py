"""Batches by a budget of subwords: sentences of like length together, in another order each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL = 50
"""Batches' worth of sentences that are sorted by length at a time."""
PADDING = 1 / 16
"""Share of the budget that padding may take in analysis: beyond it, another batch costs less than padding does."""


def plan_batches(
    lengths: Sequence[int],
    *,
    budget: int,
    words: Sequence[int] | None = None,
    seed: int | None = None,
    epoch: int = 0,
) -> list[list[int]]:
    """Put sentences into batches whose size, padding included, stays within a budget.

    Sentences are shuffled, sorted by length in pools of about fifty batches, cut into batches and the batches
    shuffled; the same seed and epoch give the same batches. A sentence longer than the budget makes a batch by itself.

    Args:
        lengths: number of subwords of each sentence, special ones included.
        budget: most subwords a batch, padding included.
        words: number of words of each sentence, by which sentences of one length are sorted without a seed: what heads
            read is padded to those.
        seed: seed of the shuffling; None sorts all sentences by length, longest first, for evaluation and analysis, and
            begins another batch where padding would take more than :data:`PADDING`.
        epoch: epoch number; another one gives another shuffling.

    Returns:
        Indices of the sentences of each batch; each sentence is in exactly one.

    Example:
        >>> plan_batches([3, 9, 3, 3], budget=9)
        [[1], [0, 2, 3]]
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if len(sizes) == 0:
        return []
    if seed is None:
        order = np.lexsort((-np.asarray(sizes if words is None else words, dtype=np.int64), -sizes))
        return _cut(order, sizes, budget, padding=PADDING * budget)
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(sizes))
    pools = max(1, round(float(sizes.sum()) / (POOL * budget)))
    batches: list[list[int]] = []
    for pool in np.array_split(order, pools):
        batches += _cut(pool[np.argsort(-sizes[pool], kind="stable")], sizes, budget)
    return [batches[i] for i in generator.permutation(len(batches))]


def _cut(order: np.ndarray, sizes: np.ndarray, budget: int, *, padding: float = float("inf")) -> list[list[int]]:
    """Cut sentences, longest first, into batches: the first of a batch has its padded length."""
    batches: list[list[int]] = []
    longest = padded = 0
    for i, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        padded += longest - size
        if batches and padded <= padding and (len(batches[-1]) + 1) * longest <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
            longest, padded = size, 0
    return batches
