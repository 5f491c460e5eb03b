"""Figures that say where in the layers a task's information lies.

Source: Tenney, Das and Pavlick 2019, "BERT Rediscovers the Classical NLP Pipeline" (arXiv 1905.05950), section 3.

Letters: L layers, so that there are L + 1 scores or weights, of layers 0 (embeddings) to L.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

NOTHING_GAINED = 5e-3
"""A cumulative score that rises by no more than this from layer 0 to L, half a point, has no expected layer: it
would be a ratio of chances."""


def gains(cumulative: Sequence[float]) -> list[float]:
    """Return what each layer adds to the layers below it: Delta(l) = Score(l) - Score(l - 1), for l = 1 to L.

    Example:
        >>> gains([0.5, 0.75, 1.0])
        [0.25, 0.25]
    """
    return [above - below for below, above in pairwise(cumulative)]


def expected_layer(cumulative: Sequence[float]) -> float | None:
    """Return the layer at which, in expectation, a task's examples are first answered right.

    E_Delta = sum_l l * Delta(l) / sum_l Delta(l), for l = 1 to L (equation 4 of the source). Losses count as they are,
    so that it is an expectation in name only and may lie outside of 1 to L.

    Args:
        cumulative: the score of a probe that may use the layers 0 to l, for l = 0 to L.

    Returns:
        The layer, or None where it is undefined because the layers above 0 add nothing.

    Example:
        >>> expected_layer([0.5, 0.5, 0.9]), expected_layer([0.9, 0.9, 0.9])
        (2.0, None)
    """
    found = gains(cumulative)
    total = sum(found)
    if total <= NOTHING_GAINED:
        return None
    return sum(layer * gain for layer, gain in enumerate(found, start=1)) / total


def centre_of_gravity(weights: Sequence[float]) -> float:
    """Return the mean layer that a scalar mix reads: sum_l l * s(l), for l = 0 to L (equation 2 of the source).

    Args:
        weights: the mix's weights after their softmax; they sum to 1.

    Example:
        >>> centre_of_gravity([0.25, 0.25, 0.5])
        1.25
    """
    return sum(layer * weight for layer, weight in enumerate(weights))


def localisation(amounts: Sequence[float]) -> float | None:
    """Return how far amounts are from being spread evenly: K = KL(amounts || uniform), in nats.

    0 for equal amounts, log(n) where one of n has all. Negative amounts count as none and the rest is brought to sum 1.

    Returns:
        The divergence, or None where no amount is positive.

    Example:
        >>> localisation([0.5, 0.5]), round(localisation([1.0, 0.0]), 4), localisation([0.0, -1.0])
        (0.0, 0.6931, None)
    """
    positive = [max(amount, 0.0) for amount in amounts]
    total = sum(positive)
    if total <= 0:
        return None
    shares = [amount / total for amount in positive if amount > 0]
    return max(0.0, math.log(len(amounts)) + sum(share * math.log(share) for share in shares))


def stretched(layers: Mapping[str, float], *, depth: int) -> dict[str, int]:
    """Return layers in the same proportions, the highest of which is ``depth``; halves are rounded up.

    Args:
        layers: of each task, or a place between two layers.
        depth: number of layers L.

    Example:
        >>> stretched({"upos": 2, "entities": 2, "dependencies": 3}, depth=6)
        {'upos': 4, 'entities': 4, 'dependencies': 6}
    """
    highest = max(layers.values())
    if not highest:  # the embeddings, however far they are stretched
        return dict.fromkeys(layers, 0)
    return {name: int((2 * layer * depth + highest) // (2 * highest)) for name, layer in layers.items()}


def smallest_layer(scores: Sequence[float], *, share: float) -> int:
    """Return the smallest layer that scores at least ``share`` of the best; the best itself where that is not positive.

    Example:
        >>> smallest_layer([0.5, 0.89, 0.9, 0.8], share=0.98)
        1
    """
    best = max(scores)
    enough = share * best if best > 0 else best
    return next(layer for layer, score in enumerate(scores) if score >= enough)
