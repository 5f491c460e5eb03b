"""Care for each task in joint training: one that has converged rests while the others go on, until it gets worse."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hiernlp.training.sampling import Piece
from hiernlp.training.settings import TrainingSettings

TaskStates = dict[str, dict[str, float]]
"""By task: its ``best`` score and the number of evaluations ``since_best``; plain, so that it is saved as it is."""

Steps = list[list[list[Piece]]]
"""For each step its rounds, for each round a piece a process."""


@dataclass(frozen=True)
class Care:
    """When a task has converged, and what that changes.

    A task is converged when ``after`` evaluations in a row were no better than its best by more than ``margin``; a
    slow creep counts, since the best stays where it is until it is passed by so much. A converged task that falls more
    than the margin below its best wakes up, and has ``after`` evaluations to be better.

    Attributes:
        after: evaluations without a better score.
        margin: how much a score must change to count.
        converged: ``stop`` leaves a converged task's loss out; ``slow`` takes it in one of ``every`` batches.
        every: for ``slow``.
    """

    after: int
    margin: float = 0.0
    converged: Literal["slow", "stop"] = "slow"
    every: int = 4

    @classmethod
    def of(cls, settings: TrainingSettings) -> Care | None:
        """Return what the settings say; None if no task ever rests."""
        if settings.converged_after is None:
            return None
        return cls(settings.converged_after, settings.converged_margin, settings.converged, settings.converged_every)

    def observe(self, states: TaskStates, scores: Mapping[str, float], *, trained: Collection[str]) -> None:
        """Note an evaluation in the states.

        Args:
            states: what was noted before; changed in place.
            scores: main scores by task, more being better.
            trained: the tasks trained since the evaluation before; another has not converged because it is no better.
        """
        for task, score in scores.items():
            state = states.get(task)
            if state is None:
                states[task] = {"best": score, "since_best": 0}
            elif score > state["best"] + self.margin:
                state["best"], state["since_best"] = score, 0
            elif self._rests(state) and score < state["best"] - self.margin:
                state["since_best"] = 0
            elif task in trained:
                state["since_best"] += 1

    def resting(self, states: TaskStates) -> frozenset[str]:
        """Return the tasks that are converged."""
        return frozenset(task for task, state in states.items() if self._rests(state))

    def _rests(self, state: Mapping[str, float]) -> bool:
        return state["since_best"] >= self.after

    def thin(self, steps: Steps, *, resting: frozenset[str], tasks_of: Callable[[str], Sequence[str]]) -> Steps:
        """Return an epoch's plan with the resting tasks left out.

        A round all of whose tasks rest is left out, so that a step may be empty; no step is, so that the learning rate
        and the count of steps are those of the whole plan. With ``slow`` the first of every ``every`` rounds of each
        corpus trains all its tasks. Depends on nothing but its arguments: the same on all processes and after a
        resume.

        Args:
            steps: the plan of a whole epoch.
            resting: the tasks that rest.
            tasks_of: which tasks a corpus trains.
        """
        seen: dict[str, int] = {}
        thinned: Steps = []
        for step in steps:
            kept: list[list[Piece]] = []
            for round_ in step:
                corpus = round_[0].corpus
                number = seen[corpus] = seen.get(corpus, -1) + 1
                if self.converged == "slow" and number % self.every == 0:
                    kept.append(round_)
                    continue
                tasks = tuple(task for task in round_[0].tasks or tasks_of(corpus) if task not in resting)
                if tasks:
                    kept.append([replace(piece, tasks=tasks) for piece in round_])
            thinned.append(kept)
        return thinned
