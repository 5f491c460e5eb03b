"""What the service says of its model's tasks, and which of them a request gets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from hiernlp.registry import decoders
from hiernlp.server.messages import Limits, Task, Tasks

if TYPE_CHECKING:
    from hiernlp.inference.base import BaseAnalyzer
    from hiernlp.server.settings import ServerSettings

MOST_LABELS = 1000
"""Most labels of a task that are listed; edit scripts of lemmas can be many more."""


def catalogue(analyzer: BaseAnalyzer, *, name: str, settings: ServerSettings) -> Tasks:
    """Return what there is to ask for."""
    return Tasks(
        model=name,
        language=analyzer.language,
        layers=analyzer.layers,
        tasks=[_task(analyzer, task) for task in analyzer.tasks if task != analyzer.segmenting],
        limits=Limits(characters=settings.max_characters, texts=settings.max_texts),
    )


def _task(analyzer: BaseAnalyzer, name: str) -> Task:
    info = analyzer.about(name)
    aids = decoders.load(info.kind).aids
    spaces = {role: labels for role, labels in info.labels.items() if role not in aids}
    return Task(
        name=name,
        kind=info.kind,
        level=info.level,
        columns=list(info.columns),
        layer=info.high,
        lowest_layer=info.low,
        depth=info.depth,
        pairs=info.pairs,
        feeds=list(info.feeds),
        description=info.description,
        label_counts={role: len(labels) for role, labels in spaces.items()},
        labels={role: labels[:MOST_LABELS] for role, labels in spaces.items()},
    )


class Choice:
    """Which tasks a request gets, in the library's words where it asks for what there is not.

    Args:
        analyzer: the analyzer.
    """

    def __init__(self, analyzer: BaseAnalyzer) -> None:
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
        fitting = (t for t in self._analyzer.tasks if self._analyzer.reads_pairs(t) == pairs)
        return tuple(t for t in fitting if t != self._analyzer.segmenting and (tasks is None or t in tasks))
