"""What is summed and timed between two lines of the training log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Sums:
    """What was summed on the device since the last line of the log."""

    total: Tensor | None = None
    steps: int = 0
    losses: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, total: Tensor, losses: Mapping[str, Tensor]) -> None:
        self.total = total if self.total is None else self.total + total
        self.steps += 1
        for task, loss in losses.items():
            self.losses[task] = self.losses[task] + loss if task in self.losses else loss
            self.counts[task] = self.counts.get(task, 0) + 1


class Watch:
    """Words a second of training, with pauses left out, over the time since the last reading."""

    def __init__(self) -> None:
        self.words = 0
        self.since = time.perf_counter()

    def add(self, words: int) -> None:
        self.words += words

    def words_per_second(self) -> float:
        now = time.perf_counter()
        speed = self.words / max(now - self.since, 1e-9)
        self.words, self.since = 0, now
        return speed

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        before = time.perf_counter()
        yield
        self.since += time.perf_counter() - before
