"""What the service says of its model's tasks, and which of them a request gets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hiernlp.server.messages import Limits, Task, Tasks

if TYPE_CHECKING:
    from hiernlp.inference.analyzer import Analyzer
    from hiernlp.kinds._base import Kind
    from hiernlp.server.settings import ServerSettings

MOST_LABELS = 1000
"""Most labels of a task that are listed; edit scripts of lemmas can be many more."""


def catalogue(analyzer: Analyzer, *, name: str, settings: ServerSettings) -> Tasks:
    """Return what there is to ask for."""
    return Tasks(
        model=name,
        language=analyzer.bundle.language,
        layers=analyzer.model.scheme.depth,
        tasks=[_task(analyzer, task) for task in analyzer.tasks],
        limits=Limits(characters=settings.max_characters, texts=settings.max_texts),
    )


def _task(analyzer: Analyzer, name: str) -> Task:
    model, record = analyzer.model, analyzer.bundle.tasks[name]
    head: Kind[Any, Any] = model.heads[name]  # pyright: ignore[reportAssignmentType]
    place = model.places[name]
    return Task(
        name=name,
        kind=record.kind,
        level=head.level,
        columns=list(head.columns(head.options)),
        layer=place.high,
        lowest_layer=place.low,
        depth=analyzer.depth([name]),
        pairs=model.reads_pairs(name),
        feeds=[feed.target or "encoder" for feed in model.feeds if feed.source == name],
        description=record.description,
        label_counts={role: len(labels) for role, labels in record.labels.items()},
        labels={role: labels[:MOST_LABELS] for role, labels in record.labels.items()},
    )


class Choice:
    """Which tasks a request gets, in the library's words where it asks for what there is not.

    Args:
        analyzer: the analyzer.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._chosen = lru_cache(maxsize=256)(self._choose)

    def __call__(self, tasks: Sequence[str] | None, *, pairs: bool) -> tuple[str, ...]:
        """Return the tasks, bottom-up.

        Raises:
            HierNLPError: there is no such task, or it reads pairs and sentences are given, or the other way round.
        """
        return self._chosen(None if tasks is None else frozenset(tasks), pairs)

    def _choose(self, tasks: frozenset[str] | None, pairs: bool) -> tuple[str, ...]:
        names = None if tasks is None else sorted(tasks)
        # Asked about nothing, the analyzer does no work but to check the tasks.
        if pairs:
            self._analyzer.pairs([], tasks=names)
        else:
            self._analyzer([], tasks=names)
        reads_pairs = self._analyzer.model.reads_pairs
        return tuple(t for t in self._analyzer.tasks if reads_pairs(t) == pairs and (tasks is None or t in tasks))
