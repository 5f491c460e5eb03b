"""Counting shared by the kinds' scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def precision_recall_f1(*, correct: float, predicted: float, gold: float) -> dict[str, float]:
    """Return precision, recall and F1 as shares of one; 0 where undefined.

    Example:
        >>> precision_recall_f1(correct=1, predicted=2, gold=1)["f1"]
        0.6666666666666666
    """
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * correct / (predicted + gold) if predicted + gold else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": float(gold)}


def label_report(pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and support of each label of (gold, predicted) pairs."""
    gold = Counter(g for g, _ in pairs)
    predicted = Counter(p for _, p in pairs)
    correct = Counter(g for g, p in pairs if g == p)
    return {
        label: precision_recall_f1(correct=correct[label], predicted=predicted[label], gold=gold[label])
        for label in sorted(gold | predicted)
    }


def confusions(pairs: Sequence[tuple[str, str]], *, most: int = 20) -> list[tuple[str, str, int]]:
    """Return the most frequent (gold, predicted, count) with gold unlike predicted."""
    counts = Counter(pair for pair in pairs if pair[0] != pair[1])
    return [(g, p, n) for (g, p), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]]


def macro_f1(report: dict[str, dict[str, float]]) -> float:
    """Return the mean F1 over the labels that gold or prediction uses."""
    return sum(values["f1"] for values in report.values()) / len(report) if report else 0.0
