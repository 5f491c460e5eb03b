"""What an analyzer can tell of a task. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiernlp.inference.document import Level


@dataclass(frozen=True)
class TaskInfo:
    """One task of a model.

    Attributes:
        kind: name of its kind.
        options: all of its options as plain values.
        labels: its label spaces by role.
        level: what its columns are said of.
        columns: the annotation columns that it writes.
        low: the lowest layer that it reads; below ``high`` if it reads a mix of layers.
        high: the highest layer that it reads.
        depth: number of layers that a request for it alone computes.
        pairs: whether it reads pairs of sentences.
        feeds: what its beliefs are fed to: other tasks, or ``encoder``.
        description: what it is, in a sentence.
    """

    kind: str
    options: Mapping[str, Any]
    labels: Mapping[str, list[str]]
    level: Level
    columns: Sequence[str]
    low: int
    high: int
    depth: int
    pairs: bool = False
    feeds: Sequence[str] = ()
    description: str = ""
