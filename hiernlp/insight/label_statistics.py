"""What can be said of a task before any training: how much data it has, and how its labels are distributed.

Sources: Alonso and Plank 2017 (entropy and kurtosis of auxiliary tasks' labels); Bingel and Søgaard 2017 (features of
the data that may predict which task helps which).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from hiernlp.corpora import SECOND
from hiernlp.experiment import Experiment
from hiernlp.kinds._base import Kind, Row

OUTSIDE = "O"
"""Counted for each word that is in no span."""
NONE = "none"
"""Counted for each sentence that could have labels and has none."""
BINS = 10
"""Numbers are counted in so many bins of equal width, from the least to the greatest."""


@dataclass(frozen=True)
class LabelStatistics:
    """Figures of one task's training data.

    Attributes:
        sentences: sentences (or pairs of them) with the task's annotation.
        words: their words.
        labels: number of different labels; of numbers, of bins that are not empty.
        entropy: of the labels' distribution, in bits.
        kurtosis: excess kurtosis of the labels' relative frequencies; None where they are all alike.
        out_of_vocabulary: share of the development data's words that the task's training data lack; None where there
            are no development data.
        word_counts: how often each word occurs, second sentences of pairs included; not in ``affinity.json``.
    """

    sentences: int
    words: int
    labels: int
    entropy: float
    kurtosis: float | None
    out_of_vocabulary: float | None
    word_counts: Counter[str] = field(default_factory=Counter, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as ``affinity.json`` has them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "word_counts"}


def entropy(counts: Mapping[Any, int]) -> float:
    """Return the entropy H = -sum_c p_c log2 p_c of labels with these counts, in bits.

    Example:
        >>> entropy({"a": 1, "b": 1, "c": 1, "d": 1}), entropy({"a": 7})
        (2.0, 0.0)
    """
    total = sum(counts.values())
    shares = [count / total for count in counts.values() if count]
    return max(0.0, -math.fsum(p * math.log2(p) for p in shares))


def kurtosis(counts: Mapping[Any, int]) -> float | None:
    """Return the excess kurtosis m4 / m2^2 - 3 of the labels' relative frequencies.

    High where a few labels have nearly all the mass; m2 and m4 are the central moments over the labels. None where all
    labels are equally frequent, of which it is not defined.

    Example:
        >>> round(kurtosis({"O": 90, "a": 5, "b": 5}), 6), kurtosis({"a": 2, "b": 2})
        (-1.5, None)
    """
    if len(set(counts.values())) < 2:  # noqa: PLR2004 - alike, or none
        return None
    values = np.array(list(counts.values()), dtype=np.float64)
    away = values / values.sum()
    away -= away.mean()
    return float((away**4).mean() / (away**2).mean() ** 2 - 3)


def label_statistics(experiment: Experiment) -> dict[str, LabelStatistics]:
    """Return the figures of every task's training data, counted over all corpora that train it.

    What is counted depends on the annotation: one label a word, arc or sentence; each label of a sentence that may have
    several; each span and each word in no span; numbers in ten bins. Of lemmas the edit scripts are counted.
    """
    return {task: _statistics(experiment, task) for task in experiment.recipe.tasks}


def _statistics(experiment: Experiment, task: str) -> LabelStatistics:
    head: Kind[Any, Any] = experiment.bundle.model.heads[task]  # pyright: ignore[reportAssignmentType]
    columns = ["words", SECOND, *type(head).columns(head.options)]
    rows = [row for row in _rows(experiment.train, task, columns) if head.targets(row) is not None]
    found = [symbol for row in rows for symbol in symbols(head, row)]
    counts = Counter(_binned(found) if found and isinstance(found[0], float) else found)
    known = Counter(word for row in rows for word in _words(row))
    seen = [word for row in _rows(experiment.dev, task, ["words", SECOND]) for word in _words(row)]
    return LabelStatistics(
        sentences=len(rows),
        words=known.total(),
        labels=len(counts),
        entropy=entropy(counts),
        kurtosis=kurtosis(counts),
        out_of_vocabulary=sum(word not in known for word in seen) / len(seen) if seen else None,
        word_counts=known,
    )


def symbols(head: Kind[Any, Any], row: Row) -> Iterator[str | float]:
    """Yield the labels, or the number, that a row's annotation for a task holds.

    An array of targets that has the name of one of the kind's label spaces holds places in that space; of other tasks
    the annotation itself is read, by its type.
    """
    targets = head.targets(row) or {}
    named = [name for name in head.labels if name in targets]
    if named:
        for name in named:
            space = head.labels[name]
            yield from (space[i] for i in targets[name].tolist() if i >= 0)
        return
    for column in type(head).columns(head.options):
        value = row.get(column)
        if isinstance(value, str | float):
            yield value
        elif isinstance(value, int):
            yield float(value)
        elif value is not None and head.level == "spans":
            yield from _of_spans(value, words=len(row["words"]))
        elif value is not None:
            yield from (label for label in value if label is not None)
            if head.level == "sentence" and not value:
                yield NONE


def _of_spans(spans: Sequence[Mapping[str, Any]], *, words: int) -> Iterator[str]:
    inside: set[int] = set()
    for span in spans:
        inside |= set(range(span["start"], span["end"]))
        yield span["label"]
    yield from [OUTSIDE] * (words - len(inside))


def _binned(numbers: Sequence[Any]) -> list[int]:
    values = np.asarray(numbers, dtype=np.float64)
    low, high = values.min(), values.max()
    if low == high:
        return [0] * len(values)
    return np.minimum((values - low) / (high - low) * BINS, BINS - 1).astype(int).tolist()


def _rows(splits: Mapping[str, Any], task: str, columns: Sequence[str]) -> Iterator[Row]:
    for split in splits.values():
        if task in split.tasks:
            yield from split.rows(columns=columns)


def _words(row: Row) -> list[str]:
    return [*row["words"], *(row.get(SECOND) or ())]
