"""What the hierarchy is made of: where tasks read, and which beliefs are fed upward."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hiernlp.errors import HierNLPError


@dataclass(frozen=True)
class Place:
    """Where a task reads: layer ``high``, or a learned mix of the layers ``low`` to ``high``."""

    low: int
    high: int

    @property
    def is_mix(self) -> bool:
        """Whether several layers are mixed."""
        return self.low != self.high


@dataclass(frozen=True)
class Feed:
    """One task's beliefs fed upward.

    Attributes:
        source: the task whose beliefs are fed.
        target: the task whose head reads them; None adds them to the encoder's states above the source's layer.
        detached: whether the gradient stops at the beliefs.
    """

    source: str
    target: str | None
    detached: bool

    @property
    def key(self) -> str:
        """Name of the feed's parameters, which may hold no dot."""
        return f"{self.source}->{self.target or 'encoder'}".replace(".", "_")

    def reaches(self, tasks: Collection[str], places: Mapping[str, Place]) -> bool:
        """Tell whether one of some tasks reads the beliefs, given the places of all."""
        if self.target is None:
            return any(places[task].high > places[self.source].high for task in tasks)
        return self.target in tasks


def bottom_up(places: Mapping[str, Place], feeds: Sequence[Feed]) -> tuple[str, ...]:
    """Order tasks by layer and, on one layer, a feeding task before the task it feeds.

    Raises:
        HierNLPError: feeds form a circle.
    """
    order: list[str] = []
    waiting = sorted(places, key=lambda task: places[task].high)
    while waiting:
        for task in waiting:
            if not any(feed.target == task and feed.source in waiting for feed in feeds):
                order.append(task)
                waiting.remove(task)
                break
        else:
            raise HierNLPError(f"feeds: the tasks {', '.join(waiting)} feed one another in a circle")
    return tuple(order)


def check_pairs(
    feeds: Sequence[Feed],
    *,
    apart: Collection[str],
    joined: Collection[str],
    symmetric: Collection[str],
    without_dropout: Collection[str],
) -> None:
    """Check that tasks on pairs can be computed: those read apart first, then those read together.

    Args:
        feeds: which beliefs are fed upward.
        apart: the tasks that read the two sentences of a pair apart.
        joined: the tasks that read them together.
        symmetric: those of both that answer alike if the sentences are swapped.
        without_dropout: those of both for which nothing is dropped out in the encoder.

    Raises:
        HierNLPError: they cannot.
    """
    for alike in (set(apart), set(joined)):
        chosen = alike & set(without_dropout)
        if chosen and chosen != alike:
            raise HierNLPError(
                f"pair.dropout: {min(chosen)!r} and {min(alike - chosen)!r} read pairs in one run of the encoder; "
                "set it alike for both"
            )
    pairs = {*apart, *joined}
    for feed in feeds:
        if feed.source not in pairs:
            continue
        if feed.target is None or feed.target not in pairs:
            raise HierNLPError(
                f"feeds: {feed.source!r} judges pairs of sentences, so that only the head of another task on pairs "
                f"can read its beliefs, not {repr(feed.target) if feed.target else 'the encoder'}"
            )
        if feed.target in symmetric and feed.target in joined and feed.source not in symmetric:
            raise HierNLPError(
                f"feeds: {feed.target!r} must not tell the two sentences apart, but {feed.source!r}, which feeds "
                "it, does; turn the feed round, or let `pair` of both be alike"
            )
        if feed.source in joined and feed.target not in joined:
            raise HierNLPError(
                f"feeds: {feed.source!r} reads pairs together and is computed after {feed.target!r}, which reads "
                "them apart; turn the feed round, or let both read alike"
            )
