"""The training loop: a generator that yields what happened; its caller logs, shows and saves models.

A step of training looks at no value on the device: losses are summed there and read back only when a line is logged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hiernlp.balancing._base import Balancer
from hiernlp.kinds._base import Scores
from hiernlp.model import HierarchicalModel
from hiernlp.processor import plain_attention
from hiernlp.training.averaging import WeightAverage
from hiernlp.training.care import Care
from hiernlp.training.checkpoints import Progress, load_state, save_state
from hiernlp.training.data import BatchBuilder, TrainingBatch
from hiernlp.training.events import Ended, Evaluated, Event, StepsDone
from hiernlp.training.gates import Gates
from hiernlp.training.meters import Sums, Watch
from hiernlp.training.optimizer import build_optimizer, freeze, frozen_layers, learning_rate_factor, set_learning_rates
from hiernlp.training.perturbation import Perturbation
from hiernlp.training.sampling import EpochPlanner, Piece
from hiernlp.training.schedules import Reversal, WeightSchedule
from hiernlp.training.settings import TrainingSettings
from hiernlp.training.successive import Successive
from hiernlp.training.teaching import teachers_share


class Trainer:
    """Trains a model by accelerate.

    Args:
        model: the model.
        balancer: from the tasks' losses to one.
        builder: builds batches.
        planner: plans which batches.
        settings: how to train.
        rates: learning rates of tasks that have one of their own.
        schedules: how some tasks' weights change over training.
        reversals: how strongly what adversaries read is worked against.
        gates: how much of what some helpers teach is let through.
        evaluate: scores the model as it is and returns the scores and the figure that chooses checkpoints; None for no
            evaluation.
        state_folder: where states to go on from are kept; None for none.
        accelerator: how processes, devices and number formats are handled.
        before_step: called before each step with its number, counted from 0, and its batches; it may look at the model
            and must leave it as it was.
    """

    def __init__(
        self,
        model: HierarchicalModel,
        *,
        balancer: Balancer,
        builder: BatchBuilder,
        planner: EpochPlanner,
        settings: TrainingSettings,
        accelerator: Accelerator,
        rates: Mapping[str, float] | None = None,
        schedules: Mapping[str, WeightSchedule] | None = None,
        reversals: Mapping[str, Reversal] | None = None,
        gates: Gates | None = None,
        evaluate: Callable[[], tuple[dict[str, Scores], float]] | None = None,
        state_folder: Path | None = None,
        before_step: Callable[[int, Sequence[TrainingBatch]], None] | None = None,
    ) -> None:
        self.model = model
        self.builder = builder
        self.planner = planner
        self.settings = settings
        self.accelerator = accelerator
        self.evaluate = evaluate
        self.state_folder = state_folder
        self.before_step = before_step
        self.progress = Progress()
        self.care = Care.of(settings)
        self.schedules = dict(schedules or {})
        self.reversals = dict(reversals or {})
        self.gates = gates
        self._factors: dict[str, float] = {}
        self.stop_asked = False
        optimizer = build_optimizer(model, settings, extra=balancer.parameters(), rates=rates)
        self._wrapped, self._optimizer = accelerator.prepare(model, optimizer)
        self._balancer = balancer.to(accelerator.device)
        if balancer.state_dict():
            accelerator.register_for_checkpointing(balancer)
        if gates is not None:
            accelerator.register_for_checkpointing(gates)
        self._perturbation: Perturbation | None = None
        if settings.adversarial_norm is not None:
            self._perturbation = Perturbation(model, norm=settings.adversarial_norm)
        self._average: WeightAverage | None = None
        if settings.average is not None:
            self._average = WeightAverage(model.parameters(), decay=settings.average)
            accelerator.register_for_checkpointing(self._average)
        self._successive: Successive | None = None
        if settings.successive is not None:
            order = [task for task in planner.order if any(task in split.tasks for split in builder.splits.values())]
            self._successive = Successive(model, settings.successive, order=order)
            accelerator.register_for_checkpointing(self._successive)

    @property
    def optimizer(self) -> torch.optim.AdamW:
        """The optimizer itself, without what accelerate puts around it."""
        return self._optimizer.optimizer  # pyright: ignore[reportReturnType]

    def resume(self) -> None:
        """Go on from the state that was saved last, exactly as if training had not stopped."""
        assert self.state_folder is not None
        self.progress = load_state(self.accelerator, self.state_folder)

    def ask_to_stop(self) -> None:
        """Save and end after the step under way (safe to call from a signal handler)."""
        self.stop_asked = True

    def run(self) -> Iterator[Event]:
        """Train until the end, yielding what happens.

        With ``average`` among the settings the model has the mean weights while its caller handles that it was scored
        or that training ended.
        """
        settings, progress = self.settings, self.progress
        self._wrapped.train()
        sums = Sums()
        watch = Watch()
        ended: str | None = None
        while progress.epoch < settings.epochs and not progress.finished:
            resting = self._resting()
            steps = self._plan(resting)
            for planned in self._batches(steps[progress.step_in_epoch :]):
                rates = self._set_rates(len(steps))
                with watch.paused():
                    batches = self._readied(planned, len(steps))
                if batches:  # none where all of the step's tasks rest, or have had their time
                    self.step(batches, sums)
                progress.step += 1
                progress.step_in_epoch += 1
                progress.trained += sorted({t for b in batches for t in b.targets}.difference(progress.trained))
                words = sum(sum(batch.words.lengths) for batch in batches) * self.accelerator.num_processes
                progress.words += words
                watch.add(words)
                at_end = progress.step_in_epoch == len(steps)
                done = progress.epoch + progress.step_in_epoch / len(steps)
                if sums.steps and (progress.step % settings.log_every == 0 or at_end):
                    yield self._log(sums, rates, done, watch)
                    sums = Sums()
                if at_end:
                    progress.epoch, progress.step_in_epoch = progress.epoch + 1, 0
                every = settings.evaluate_every
                if self.evaluate is not None and (at_end if every == "epoch" else progress.step % every == 0):
                    with watch.paused():
                        yield from self._with_means(partial(self._evaluated, done))
                    ended = self._reason_to_end()
                    progress.finished = ended is not None
                    self._save()
                elif settings.checkpoint_every and progress.step % settings.checkpoint_every == 0:
                    with watch.paused():
                        self._save()
                if ended is not None:
                    yield from self._with_means(partial(Ended, progress.step, ended))
                    return
                if self._must_stop():
                    self._save()
                    yield Ended(progress.step, "interrupted")
                    return
                if self._resting() != resting:
                    break  # the rest of the epoch is planned anew, as after a resume
        progress.finished = True
        if every_step_evaluated(settings, progress) and self.evaluate is not None:
            yield from self._with_means(partial(self._evaluated, float(settings.epochs)))
        self._save()
        yield from self._with_means(partial(Ended, progress.step, "finished"))

    def step(self, batches: list[TrainingBatch], sums: Sums) -> None:
        """Do one step: every loss is a mean over all its targets in the step's batches, on all processes."""
        if self.gates is not None:
            self.gates.measure(self.progress.step, ended=[t for t, factor in self._factors.items() if not factor])
        if self._successive is not None:
            # In the sequential order all batches of a step train one task.
            (task,) = {task for batch in batches for task in batch.targets}
            self._successive.enter(self.progress.epoch, task)
        counts = self._counts(batches)
        sums.add(*self._backward(batches, counts))
        if self._perturbation is not None and self._perturbation.learns:
            with self._perturbation.applied():
                self._backward(batches, counts, penalized=False)
        if self.gates is not None:
            self.gates.end_step(self.accelerator)
        if self._successive is not None:
            self._successive.add_gradient()
        if self.settings.clip is not None:
            self.accelerator.clip_grad_norm_(self._wrapped.parameters(), self.settings.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.update()

    def _backward(
        self, batches: list[TrainingBatch], counts: Mapping[str, Tensor | float], *, penalized: bool = True
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Add the gradients of a step's batches to those that there are; return the loss and each task's own.

        What the sharing scheme asks of its parameters, whatever the batches, is part of it if ``penalized``.
        """
        processes = self.accelerator.num_processes
        step_losses: dict[str, Tensor] = {}
        step_total: Tensor | None = None
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            with (
                attention_for(self.accelerator),
                contextlib.nullcontext() if last else self.accelerator.no_sync(self._wrapped),
            ):
                summed = self._wrapped(
                    batch.words, tasks=tuple(batch.targets), targets=batch.targets, views=batch.views
                )
                # Gradients are averaged over processes, losses are not: hence the factor.
                losses = {task: loss / counts[task] * processes for task, loss in summed.items()}
                total = self._balancer.combine({t: loss * self._factors.get(t, 1.0) for t, loss in losses.items()})
                penalty = self.model.scheme.penalty() if penalized else None
                if penalty is not None:
                    total = total + penalty / len(batches)
                holds_back = any(task in batch.targets for task in self.model.held_back)
                self.accelerator.backward(total, retain_graph=holds_back)
            if holds_back and self.gates is not None:
                self.gates.let_through(self.accelerator)
            step_total = total.detach() if step_total is None else step_total + total.detach()
            for task, loss in losses.items():
                step_losses[task] = step_losses[task] + loss.detach() if task in step_losses else loss.detach()
            del summed, losses, total  # with them goes the graph, if it was retained
        assert step_total is not None
        return step_total, step_losses

    def _with_means(self, event: Callable[[], Event]) -> Iterator[Event]:
        """Yield an event that is made and handled while the model has its mean weights, if they are kept."""
        with contextlib.nullcontext() if self._average is None else self._average.applied():
            yield event()

    def _counts(self, batches: list[TrainingBatch]) -> dict[str, Tensor | float]:
        """Return the number of targets of each task in the step, at least 1."""
        counts: dict[str, float] = {}
        for batch in batches:
            for task, targets in batch.targets.items():
                counts[task] = counts.get(task, 0.0) + targets.count
        if self.accelerator.num_processes == 1:
            return {task: max(count, 1.0) for task, count in counts.items()}
        mine = torch.tensor(list(counts.values())).to(self.accelerator.device, non_blocking=True)
        everywhere: Tensor = self.accelerator.reduce(mine, "sum")  # pyright: ignore[reportAssignmentType]
        return dict(zip(counts, everywhere.clamp(min=1.0).unbind(), strict=True))

    def _set_rates(self, steps: int) -> dict[str, float]:
        """Freeze layers and set learning rates for the step under way of an epoch of ``steps``; return the rates."""
        settings, progress = self.settings, self.progress
        if settings.frozen_layers or settings.unfreeze_epochs:
            done = progress.epoch + progress.step_in_epoch / steps
            freeze(self.model, frozen_layers(done, settings, depth=self.model.scheme.depth))
        # The middle of the step stands for the whole, so that neither end of the schedule wastes one.
        share = (progress.epoch + (progress.step_in_epoch + 0.5) / steps) / settings.epochs
        return set_learning_rates(self._optimizer, learning_rate_factor(share, settings))

    def _readied(self, batches: list[TrainingBatch], steps: int) -> list[TrainingBatch]:
        """Show the batches of the step under way to who watches; set what the schedules say for it.

        Returns what is to be trained, given the number of steps of the epoch.
        """
        step = self.progress.step
        if self.before_step is not None:
            self.before_step(step, batches)
        share = (self.progress.epoch + self.progress.step_in_epoch / steps) / self.settings.epochs
        if self.builder.lessons:
            self.model.taught = teachers_share(share, self.settings)
        if not (self.schedules or self.reversals):
            return batches
        self._factors = {t: schedule.factor(step=step, share=share) for t, schedule in self.schedules.items()}
        self.model.reversal |= {task: reversal.at(share) for task, reversal in self.reversals.items()}
        ended = {task for task, factor in self._factors.items() if not factor}
        kept = [
            replace(batch, targets={task: t for task, t in batch.targets.items() if task not in ended})
            for batch in batches
        ]
        return [batch for batch in kept if batch.targets]

    def _plan(self, resting: frozenset[str]) -> list[list[list[Piece]]]:
        """Return the steps of the epoch under way, without the tasks that rest."""
        steps = self.planner.plan(self.progress.epoch)
        if self.care is None or not resting:
            return steps
        return self.care.thin(steps, resting=resting, tasks_of=self._tasks_of)

    def _batches(self, steps: list[list[list[Piece]]]) -> Iterator[list[TrainingBatch]]:
        """Yield each step's batches of this process, on its device."""
        mine = [round_[self.accelerator.process_index] for step in steps for round_ in step]
        loader = DataLoader(
            _Pieces(mine, self.builder),
            batch_size=None,
            num_workers=self.settings.workers,
            pin_memory=self.accelerator.device.type == "cuda",
            # Its own generator: a loader draws a seed when it begins, which a resumed run does once more.
            generator=torch.Generator(),
        )
        batches = iter(loader)
        for step in steps:
            yield [next(batches).to(self.accelerator.device, non_blocking=True) for _ in step]

    def _log(self, sums: Sums, rates: dict[str, float], done: float, watch: Watch) -> StepsDone:
        assert sums.total is not None
        names = list(sums.losses)
        values = torch.stack([sums.total, *sums.losses.values()]).tolist()
        speed = watch.words_per_second()
        left = (self.settings.epochs - done) / done * self.progress.words / speed if done and speed else 0.0
        return StepsDone(
            step=self.progress.step,
            epoch=done,
            loss=values[0] / max(sums.steps, 1),
            losses={t: v / max(sums.counts[t], 1) for t, v in zip(names, values[1:], strict=True)},
            learning_rate=rates,
            words_per_second=speed,
            seconds_left=left,
            schedules={f"weight/{task}": factor for task, factor in self._factors.items()}
            | {f"reversal/{task}": self.model.reversal[task] for task in self.reversals}
            | {f"gate/{task}": value for task, value in (self.gates.values if self.gates else {}).items()}
            | ({"teaching": self.model.taught} if self.builder.lessons else {}),
        )

    def _evaluated(self, done: float) -> Evaluated:
        assert self.evaluate is not None
        scores, figure = self.evaluate()
        self._wrapped.train()
        is_best = self.progress.best is None or figure > self.progress.best
        if is_best:
            self.progress.best, self.progress.best_step, self.progress.since_best = figure, self.progress.step, 0
        else:
            self.progress.since_best += 1
        bests = self.progress.task_bests
        better = tuple(task for task, s in scores.items() if task not in bests or s.main_value > bests[task])
        bests.update({task: scores[task].main_value for task in better})
        if self.care is not None:
            main = {task: s.main_value for task, s in scores.items()}
            self.care.observe(self.progress.care, main, trained=self.progress.trained)
        self.progress.trained.clear()
        converged = tuple(sorted(self._resting()))
        return Evaluated(self.progress.step, done, scores, figure, is_best, better, converged)

    def _resting(self) -> frozenset[str]:
        return frozenset() if self.care is None else self.care.resting(self.progress.care)

    def _tasks_of(self, corpus: str) -> tuple[str, ...]:
        return self.builder.splits[corpus].tasks

    def _reason_to_end(self) -> str | None:
        """Return why training ends after an evaluation, if it does."""
        patience = self.settings.patience
        if patience is not None and self.progress.since_best >= patience:
            return "no improvement"
        trained = {task for corpus in self.planner.sizes for task in self._tasks_of(corpus)}
        if self.care is not None and self.care.converged == "stop" and self._resting() >= trained:
            return "converged"  # nothing would change any more, so that no task could wake up either
        return None

    def _must_stop(self) -> bool:
        if self.accelerator.num_processes == 1:
            return self.stop_asked
        if self.progress.step % self.settings.log_every:
            return False
        asked: Tensor = self.accelerator.reduce(  # pyright: ignore[reportAssignmentType]
            torch.tensor(float(self.stop_asked), device=self.accelerator.device), "sum"
        )
        return bool(asked.item())

    def _save(self) -> None:
        if self.state_folder is not None:
            save_state(self.accelerator, self.state_folder, self.progress)


def attention_for(accelerator: Accelerator) -> contextlib.AbstractContextManager[None]:
    """Return the context in which a model's attention is computed in training's number format."""
    halves = accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16"
    return plain_attention() if halves else contextlib.nullcontext()


def every_step_evaluated(settings: TrainingSettings, progress: Progress) -> bool:
    """Tell whether the last steps, after the last evaluation by steps, still want one."""
    return settings.evaluate_every != "epoch" and progress.step % settings.evaluate_every != 0


class _Pieces(Dataset[TrainingBatch]):
    """The batches of the rest of an epoch, built when asked for."""

    def __init__(self, pieces: list[Piece], builder: BatchBuilder) -> None:
        self.pieces = pieces
        self.builder = builder

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> TrainingBatch:
        piece = self.pieces[index]
        return self.builder(piece.corpus, piece.indices, tasks=piece.tasks)
