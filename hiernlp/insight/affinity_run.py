"""A short joint training during which the tasks' affinity is measured; it leaves no model behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.experiment import build_trainer, new_accelerator, prepare
from hiernlp.insight.affinity import Measurement
from hiernlp.insight.affinity_losses import AffinityMeter
from hiernlp.insight.affinity_steps import Lookahead, gradient_step, optimizer_step
from hiernlp.recipe import Recipe, with_training
from hiernlp.training.data import TrainingBatch

SHARE = 0.25
"""How much of the recipe's training is done by default."""
EVERY = 10
"""Steps from one measurement to the next by default."""


class AffinityRun:
    """The joint training of a recipe, cut short, with a measurement every so many steps.

    Learning rates are those that the recipe's whole training has in these steps. Measuring changes nothing: the weights
    are those of the same training without it, bit for bit. Nothing is evaluated, so that no task rests and no
    checkpoint is chosen.

    Args:
        recipe: the recipe.
        steps: steps to train; None for a share of the recipe's.
        share: that share, by default a quarter.
        every: steps from one measurement to the next; the first is before the first step.
        rate: length of a lookahead step along the task's own gradient, in gradients; None for the step that the
            optimizer would take for the task at that moment.
        base: the folder that relative paths of the recipe start from.

    Attributes:
        experiment: data and model.
        steps: steps that are trained.
        steps_of_recipe: steps that the recipe's whole training has.

    Raises:
        HierNLPError: the recipe or its data cannot be used, or a number is out of its range.

    Example:
        >>> run = AffinityRun(recipe, steps=50)  # doctest: +SKIP
        >>> [found.step for found in run.measurements()]  # doctest: +SKIP
        [0, 10, 20, 30, 40]
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        steps: int | None = None,
        share: float | None = None,
        every: int = EVERY,
        rate: float | None = None,
        base: Path | None = None,
    ) -> None:
        _check(steps=steps, share=share, every=every, rate=rate)
        if len(recipe.tasks) == 1:
            raise RecipeError(
                f"tasks: expected two tasks or more whose affinity can be measured, found only "
                f"{next(iter(recipe.tasks))!r}"
            )
        recipe = with_training(recipe, log_every=every)  # measurements are handed on when the loop yields a line
        self.every = every
        self.rate = rate
        accelerator = new_accelerator(recipe.training)
        if accelerator.num_processes > 1:
            raise HierNLPError(
                f"affinity is measured by one process, found {accelerator.num_processes}; start it without "
                "`accelerate launch`"
            )
        self.experiment = prepare(recipe, base=base)
        self._waiting: deque[Measurement] = deque()
        self._trainer = build_trainer(self.experiment, accelerator, before_step=self._before_step)
        planner, epochs = self._trainer.planner, recipe.training.epochs
        self.steps_of_recipe = sum(len(planner.plan(epoch)) for epoch in range(epochs))
        wanted = max(1, round((SHARE if share is None else share) * self.steps_of_recipe)) if steps is None else steps
        self.steps = min(wanted, self.steps_of_recipe)
        self._meter = AffinityMeter(
            self.experiment.bundle.model,
            self._trainer.builder,
            budget=recipe.training.batch_subwords,
            seed=recipe.training.seed,
            lookahead=self._lookahead(),
        )

    def measurements(self) -> Iterator[Measurement]:
        """Train, and yield what is measured on the way."""
        for _ in self._trainer.run():
            while self._waiting:
                yield self._waiting.popleft()

    def _lookahead(self) -> Lookahead:
        if self.rate is not None:
            return gradient_step(self.rate)
        return optimizer_step(self._trainer.optimizer, clip=self._trainer.settings.clip)

    def _before_step(self, step: int, batches: Sequence[TrainingBatch]) -> None:  # noqa: ARG002 - as the loop calls it
        if step % self.every == 0:
            found = self._meter.measure(step)
            if found is not None:
                self._waiting.append(found)
        if step == self.steps - 1:
            self._trainer.ask_to_stop()


def _check(*, steps: int | None, share: float | None, every: int, rate: float | None) -> None:
    if steps is not None and share is not None:
        raise HierNLPError("--steps and --share both say how long to train; leave one of them out")
    if steps is not None and steps < 1:
        raise HierNLPError(f"--steps: expected 1 or more, found {steps}")
    if share is not None and not 0 < share <= 1:
        raise HierNLPError(f"--share: expected a share of the recipe's steps, above 0 and at most 1, found {share:g}")
    if every < 1:
        raise HierNLPError(f"--every: expected 1 or more, found {every}")
    if rate is not None and not 0 < rate < float("inf"):
        raise HierNLPError(f"--rate: expected a number above 0, found {rate:g}")
