"""What may predict, of each main task and helper, whether the helper helps: features for a predictor of gains.

Source: Bingel and Søgaard 2017 (arXiv 1702.08303), who train a logistic regression on such features of 90 pairs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import permutations

from hiernlp.insight.label_statistics import LabelStatistics
from hiernlp.insight.learning_curves import CurveFeatures

PairFeatures = dict[str, str | float | None]
"""The features of one ordered pair by name, the tasks' names among them: one row of a table."""


def divergence(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Return the Jensen-Shannon divergence of two texts' words, given the words' counts, in bits.

    0 where both use the same words equally often, 1 where they share none.

    Raises:
        ValueError: a text has no words.

    Example:
        >>> divergence({"a": 1, "b": 1}, {"a": 3, "b": 3}), divergence({"a": 1}, {"b": 5})
        (0.0, 1.0)
    """
    totals = sum(one.values()), sum(other.values())
    if not all(totals):
        raise ValueError("expected two texts with words, found one without")
    parts: list[float] = []
    for word in one.keys() | other.keys():
        p, q = one.get(word, 0) / totals[0], other.get(word, 0) / totals[1]
        parts += [share * math.log2(2 * share / (p + q)) for share in (p, q) if share]
    return min(max(math.fsum(parts) / 2, 0.0), 1.0)


def pair_features(
    statistics: Mapping[str, LabelStatistics],
    curves: Mapping[str, CurveFeatures] | None = None,
) -> list[PairFeatures]:
    """Return a row for each ordered pair of tasks, all with the same columns.

    A row holds ``main`` and ``helper``, the tasks; ``size``, the logarithm to base 2 of how many times as many
    annotated sentences the helper has; ``divergence``, of their words; and, once with ``main_`` and once with
    ``helper_`` before it, each task's ``labels``, ``entropy``, ``kurtosis``, ``out_of_vocabulary``,
    ``words_per_type``, and of its learning curve alone ``decrease_10`` to ``decrease_70`` and ``slope_10`` to
    ``slope_70`` (by percent of training) and the fit's ``a`` and ``c``. What is not known is None.

    Args:
        statistics: of each task's labels and data.
        curves: of the tasks alone, as far as there are any; columns of curves are left out where this is None.
    """
    own = {task: _features_of(found) for task, found in statistics.items()}
    if curves is not None:
        empty = next((dict.fromkeys(_of_curve(curve)) for curve in curves.values()), {})
        own = {task: found | (_of_curve(curves[task]) if task in curves else empty) for task, found in own.items()}
    known: dict[frozenset[str], float | None] = {}
    rows: list[PairFeatures] = []
    for main, helper in permutations(statistics, 2):
        pair = frozenset((main, helper))
        if pair not in known:
            words = statistics[main].word_counts, statistics[helper].word_counts
            known[pair] = divergence(*words) if all(words) else None
        sizes = statistics[helper].sentences, statistics[main].sentences
        row: PairFeatures = {"main": main, "helper": helper}
        row |= {"size": math.log2(sizes[0] / sizes[1]) if all(sizes) else None, "divergence": known[pair]}
        row |= {f"main_{name}": value for name, value in own[main].items()}
        row |= {f"helper_{name}": value for name, value in own[helper].items()}
        rows.append(row)
    return rows


def _features_of(found: LabelStatistics) -> dict[str, float | None]:
    words = found.word_counts
    return {
        "labels": float(found.labels),
        "entropy": found.entropy,
        "kurtosis": found.kurtosis,
        "out_of_vocabulary": found.out_of_vocabulary,
        "words_per_type": words.total() / len(words) if words else None,
    }


def _of_curve(curve: CurveFeatures) -> dict[str, float]:
    by_share = {"decrease": curve.decrease, "slope": curve.slope}
    found = {f"{name}_{100 * share:.0f}": v for name, values in by_share.items() for share, v in values.items()}
    return found | {"a": curve.a, "c": curve.c}
