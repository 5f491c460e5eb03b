"""What training tells its caller, as it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from hiernlp.kinds._base import Scores


@dataclass(frozen=True)
class StepsDone:
    """Some steps were done since the last such event.

    Attributes:
        step: steps done in all.
        epoch: epochs done, with fractions.
        loss: mean of the minimised loss a step.
        losses: mean of each task's own loss over the steps that trained it.
        learning_rate: highest learning rate of ``encoder`` and of ``heads``.
        words_per_second: words trained on a second of training, evaluation left out.
        seconds_left: what is left of training at this speed, evaluation left out.
        schedules: what changes over training, as it was in the last step: ``weight/<task>``, the factor of a scheduled
            task's weight, ``reversal/<task>``, the strength of an adversary's reversal, and ``gate/<task>``, how far a
            helper's gate is open, or ``gate/<task>/<layer>``, that of a layer.
    """

    step: int
    epoch: float
    loss: float
    losses: dict[str, float]
    learning_rate: dict[str, float]
    words_per_second: float
    seconds_left: float
    schedules: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluated:
    """The model was scored on development data.

    Attributes:
        step: steps done in all.
        epoch: epochs done, with fractions.
        scores: by task.
        figure: the figure that chooses checkpoints.
        is_best: whether it is the best so far; the caller saves the model.
        best_tasks: the tasks whose own score is their best so far.
        converged: the tasks that are converged, if tasks may rest.
    """

    step: int
    epoch: float
    scores: dict[str, Scores]
    figure: float
    is_best: bool
    best_tasks: tuple[str, ...] = ()
    converged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """Training ended.

    Attributes:
        step: steps done in all.
        reason: ``finished``, ``no improvement`` (the patience is used up), ``converged`` (no task is left to train) or
            ``interrupted``.
    """

    step: int
    reason: str


Event = StepsDone | Evaluated | Ended
