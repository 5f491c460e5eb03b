"""Scoring a model on a corpus, and the majority baselines that relative scores start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object

from hiernlp.encoding.corruption import Corruption, words_of
from hiernlp.kinds._base import Annotation, Kind, Row, Scores
from hiernlp.predictor import Predictor
from hiernlp.training.data import EncodedSplit, Seen, see

CHUNK = 4096
"""Sentences that are scored at a time, which bounds the subwords in memory."""


def evaluate(
    predictor: Predictor,
    splits: Mapping[str, EncodedSplit],
    *,
    heads: Mapping[str, Kind[Any, Any]],
    budget: int,
    process: int = 0,
    processes: int = 1,
    tasks: Sequence[str] | None = None,
    corruptions: Mapping[str, Corruption] | None = None,
) -> dict[str, Scores]:
    """Score every task on all corpora that have its annotation, taken together.

    With several processes each predicts its share of the sentences, and all return the same scores.

    Args:
        predictor: the model, or what answers in its place.
        splits: the split to score on by corpus.
        heads: its tasks, bottom-up; what they compute is not asked for here.
        budget: most subwords a batch, padding included.
        process: number of this process.
        processes: number of processes.
        tasks: the tasks to score, by default all that the corpora annotate.
        corruptions: how sentences are changed for tasks with a view of their own, the same each time.
    """
    corruptions = corruptions or {}
    gold: dict[str, list[Row]] = {}
    predicted: dict[str, list[Annotation]] = {}
    for split in splits.values():
        wanted = [t for t in heads if t in split.tasks and (tasks is None or t in tasks)]
        if not wanted:
            continue
        # What tasks with a view of their own see, for their predictions here and their gold answers below.
        seen = {t: _seen(heads[t], split, corruptions[t]) for t in wanted if t in corruptions}
        mine = list(range(process, len(split), processes))
        results: list[tuple[int, dict[str, Annotation]]] = []
        for at in range(0, len(mine), CHUNK):
            chunk = mine[at : at + CHUNK]
            words = split.words(chunk)
            plain = [task for task in wanted if task not in corruptions]
            annotations: list[dict[str, Annotation]] = [{} for _ in chunk]
            if plain:
                annotations = (
                    predictor.predict_pairs(split.pairs(chunk), words, tasks=plain, budget=budget)
                    if split.has_pairs
                    else predictor.predict(split.subwords(chunk), words, tasks=plain, budget=budget)
                )
            for task, view in seen.items():
                answers = predictor.predict([view.sentences[i] for i in chunk], words, tasks=[task], budget=budget)
                annotations = [found | more for found, more in zip(annotations, answers, strict=True)]
            results += zip(chunk, annotations, strict=True)
        if processes > 1:
            results = sorted(gather_object(results), key=lambda item: item[0])
        by_task = {task: columns_of(heads[task]) for task in wanted}
        names = sorted({"words", *(c for columns in by_task.values() for c in columns)})
        rows = list(split.rows(columns=names))
        for task in wanted:
            gold.setdefault(task, []).extend(seen[task].rows if task in seen else rows)
            predicted.setdefault(task, []).extend(annotation[task] for _, annotation in results)
    return {task: score(heads[task], gold[task], predicted[task]) for task in heads if task in gold}


def _seen(head: Kind[Any, Any], split: EncodedSplit, corruption: Corruption) -> Seen:
    """Return a split as a task sees it: drawn sentence by sentence, the same whatever the batches."""
    rows = split.rows(columns=["words", *columns_of(head)])
    sentences = split.subwords(range(len(split)))
    pool = words_of(sentences)
    found = [
        see([sentence], [row], corruption, head=head, seed=[i], pool=pool)
        for i, (sentence, row) in enumerate(zip(sentences, rows, strict=True))
    ]
    return Seen([s for seen in found for s in seen.sentences], [row for seen in found for row in seen.rows])


def columns_of(head: Kind[Any, Any]) -> tuple[str, ...]:
    """Return the annotation columns that a built task reads and writes."""
    return type(head).columns(head.options)


def score(head: Kind[Any, Any], gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
    """Return a built task's scores."""
    return type(head).score(head.options, gold, predicted)


def baselines(
    heads: Mapping[str, Kind[Any, Any]],
    train: Mapping[str, EncodedSplit],
    dev: Mapping[str, EncodedSplit],
    *,
    corruptions: Mapping[str, Corruption] | None = None,
) -> dict[str, Scores]:
    """Return the scores on development data of the majority baselines learnt from training data.

    Of a task with a view of its own the baseline sees the words as they are, and is scored where the task is.
    """
    found: dict[str, Scores] = {}
    for task, head in heads.items():
        columns = ["words", *columns_of(head)]
        learnt = [*columns, *type(head).hidden_columns(head.options)]
        rows = [row for split in train.values() if task in split.tasks for row in split.rows(columns=learnt)]
        corruption = (corruptions or {}).get(task)
        tested = [
            row
            for split in dev.values()
            if task in split.tasks
            for row in (split.rows(columns=columns) if corruption is None else _seen(head, split, corruption).rows)
        ]
        if not tested:
            continue
        guess = type(head).baseline(head.options, rows)
        found[task] = score(head, tested, [guess(row) for row in tested])
    return found


def relative(value: float, baseline: float) -> float:
    """Return how much of the way from a baseline to a perfect score is gone: (value - baseline) / (1 - baseline).

    Example:
        >>> relative(0.75, 0.5)
        0.5
    """
    room = 1.0 - baseline
    return (value - baseline) / room if room > 0 else value - baseline


def mean_relative(scores: Mapping[str, Scores], baseline: Mapping[str, Scores]) -> float:
    """Return the mean of the tasks' relative scores; a task without a baseline starts from 0."""
    values = [
        relative(s.main_value, baseline[task].main_value if task in baseline else 0.0) for task, s in scores.items()
    ]
    return sum(values) / len(values) if values else 0.0
