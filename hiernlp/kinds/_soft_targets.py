"""Targets that say more than one label: the votes behind it, or how near it the others are (quantization smoothing).

Source: Caruana (1998), as surveyed by Ruder (2017), section 8: a label is often a rounded number, and what was rounded
off helps to learn it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiernlp.errors import DataError, did_you_mean

Positions = list[str] | dict[str, float]
"""Labels on a scale: in their order, a step apart, or each with its position."""


Votes = Sequence[str] | Sequence[Mapping[str, Any]]
"""All annotators' labels, some more than once, or labels that have a ``share`` of the votes each."""


def positions_of(scale: Positions) -> dict[str, float]:
    """Return the position of each label.

    Example:
        >>> positions_of(["low", "middle", "high"])
        {'low': 0.0, 'middle': 1.0, 'high': 2.0}
    """
    return dict(scale) if isinstance(scale, Mapping) else {label: float(i) for i, label in enumerate(scale)}


def check_positions(scale: Positions, labels: Mapping[str, Mapping[str, Any]], *, column: str) -> None:
    """Refuse a scale that leaves out a label of the data; each label comes with a sentence that has it.

    Raises:
        DataError: it does.
    """
    known = positions_of(scale)
    for label, row in labels.items():
        if label not in known:
            raise DataError(
                f"{column!r}: expected a position for every label, found none for "
                f"{label!r}{did_you_mean(label, known)}",
                file=row.get("file"),
                line=row.get("line"),
            )


def ordinal_targets(scale: Positions, labels: Sequence[str], *, spread: float) -> np.ndarray:
    """Return for each gold label y the target q_c ∝ exp(-|c - y| / spread), c and y being positions.

    Returns:
        A row for each label, shape (C, C), each of which sums to one.

    Example:
        >>> ordinal_targets(["low", "high"], ["low", "high"], spread=1.0).round(3).tolist()
        [[0.731, 0.269], [0.269, 0.731]]
    """
    places = np.array([positions_of(scale)[label] for label in labels])
    # The nearest label, which is the gold one, has distance 0: no row can vanish, however small the spread.
    weights = np.exp(-np.abs(places[:, None] - places) / spread)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def weights_of(votes: Votes) -> dict[str, float]:
    """Return what each label has of the votes: how often it stands there, or its share or count.

    Example:
        >>> weights_of(["b", "a", "b"]), weights_of([{"label": "b", "share": 0.4}])
        ({'b': 2.0, 'a': 1.0}, {'b': 0.4})
    """
    weights: dict[str, float] = {}
    for vote in votes:
        label, weight = (vote["label"], vote["share"]) if isinstance(vote, Mapping) else (str(vote), 1.0)
        weights[label] = weights.get(label, 0.0) + weight
    return weights


def vote_shares(votes: Votes, index: Mapping[str, int]) -> np.ndarray | None:
    """Return each label's share of the votes, shape (C,); None where no vote is for a known label.

    Example:
        >>> vote_shares(["b", "a", "b", "b"], {"a": 0, "b": 1}).tolist()
        [0.25, 0.75]
    """
    weights = {index[label]: weight for label, weight in weights_of(votes).items() if label in index}
    total = sum(weights.values())
    if not total:
        return None
    shares = np.zeros(len(index), dtype=np.float32)
    for place, weight in weights.items():
        shares[place] = weight / total
    return shares
