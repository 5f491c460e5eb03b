"""Training runs on the terminal, as the commands that train show them."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from hiernlp.cli._memory import freed_memory_kept
from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402

from hiernlp.comparison.planning import PlannedRun  # noqa: E402
from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.experiment import LOG, STATE, TRAINING, Run, is_finished  # noqa: E402
from hiernlp.probing.prober import ProbeEvent, StatesCached, TaskProbed  # noqa: E402
from hiernlp.recipe import Recipe, unplaced_tasks  # noqa: E402
from hiernlp.training.checkpoints import has_state  # noqa: E402
from hiernlp.training.curves import draw_curves  # noqa: E402
from hiernlp.training.events import Ended, Evaluated, StepsDone  # noqa: E402
from hiernlp.training.reports import RunLog, read_log  # noqa: E402
from hiernlp.training.tables import number  # noqa: E402

CURVES = "curves.png"


class StoppedError(Exception):
    """A signal came while nothing could save: everything before is saved already."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def train(recipe: Recipe, output: Path, *, console: Console, resume: bool, quiet: bool) -> int:
    """Train one model; return 0, or 128 + the signal's number where one ended training early."""
    try:
        with on_signals(stop) if unplaced_tasks(recipe) else nullcontext():
            run = Run(
                recipe, output, resume=resume, told=lambda event: tell_probe(console, event, share=recipe.probe.share)
            )
    except StoppedError as stopped:
        return 128 + stopped.number
    main = run.accelerator.is_main_process
    model = run.experiment.bundle.model
    for corpus, split in run.experiment.train.items() if main else ():
        held = f", {len(run.experiment.dev[corpus])} for development" if corpus in run.experiment.dev else ""
        say(console, f"corpus {corpus}: {len(split)} sentences{held}; tasks {', '.join(split.tasks) or 'none'}")
    if main:
        places = ", ".join(f"{task} at {model.places[task].high}" for task in model.tasks)
        say(console, f"encoder of {model.scheme.depth} layers; {places}")
    caught: list[int] = []
    step = run.trainer.progress.step
    log = RunLog(output / TRAINING, from_step=step, tensorboard=recipe.training.tensorboard) if main else None
    reason = "finished"
    with (
        freed_memory_kept(),
        on_signals(lambda number: (caught.append(number), run.trainer.ask_to_stop())),
        progress("epoch {task.completed:.2f}/{task.total}", console, hidden=quiet or not main) as bar,
        log or nullcontext(),
    ):
        line = bar.add_task("", total=recipe.training.epochs, loss="", speed="")
        for event in run.events():
            if log is not None:
                log.write(event)
            match event:
                case StepsDone():
                    speed = f"{event.words_per_second:,.0f} words/s"
                    bar.update(line, completed=event.epoch, loss=f"loss {event.loss:.3f}", speed=speed)
                case Evaluated():
                    figures = ", ".join(f"{t} {s.main} {number(s.main, s.main_value)}" for t, s in event.scores.items())
                    best = " (best so far, saved)" if event.is_best else ""
                    resting = f"; converged: {', '.join(event.converged)}" if event.converged else ""
                    say(bar.console, f"epoch {event.epoch:.2f}: {figures}{best}{resting}")
                case Ended():
                    reason = event.reason
    if main:
        draw_curves(read_log(output / TRAINING / LOG), output / TRAINING / CURVES)
    if reason == "interrupted":
        return 128 + (caught[0] if caught else signal.SIGTERM)
    return 0


def finish(recipe: Recipe, output: Path, *, title: str, console: Console, quiet: bool) -> int:
    """Train a model, or go on with it, or leave it be where it is finished; return 0 or a code as :func:`train`."""
    if is_finished(output):
        return 0
    say(console, title)
    resume = has_state(output / TRAINING / STATE)
    if not resume:
        shutil.rmtree(output, ignore_errors=True)  # cut off before there was a state to go on from
    return train(recipe, output, console=console, resume=resume, quiet=quiet)


def finish_all(runs: Iterable[PlannedRun], *, console: Console, quiet: bool) -> int:
    """Finish planned runs one after another; return 0, or the code of the one that was ended early."""
    for run in runs:
        code = finish(run.recipe, run.folder, title=run.title, console=console, quiet=quiet)
        if code:
            return code
    return 0


def stop(number: int) -> None:
    """Raise :class:`StoppedError` for a signal."""
    raise StoppedError(number)


def numbers(seeds: str) -> list[int]:
    """Return the seeds that ``--seeds`` gives.

    Raises:
        HierNLPError: they are not whole numbers separated by commas, or one is there twice.
    """
    parts = [part.strip() for part in seeds.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise HierNLPError(f"--seeds: expected whole numbers separated by commas, such as 1,2,3, found {seeds!r}")
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise HierNLPError(f"--seeds: expected each seed once, found {seeds!r}")
    return found


def tell_probe(console: Console, event: ProbeEvent, *, share: float) -> None:
    """Print what a probe has done."""
    match event:
        case StatesCached():
            say(
                console,
                f"{event.name}: states of {event.words:,} words in {event.sentences:,} sentences "
                f"({event.seconds:.0f} s)",
            )
        case TaskProbed():
            found, main = event.result, event.result.main
            say(
                console,
                f"probed {event.task}: layer {found.place(share)} ({main} "
                f"{number(main, found.layers[found.place(share)])}), best is layer {found.best_layer} "
                f"({number(main, found.layers[found.best_layer])}), centre of gravity {found.centre_of_gravity:.2f} "
                f"({found.seconds:.0f} s)"
                + ("" if found.beats_majority else "; no better than the majority, give the probe more sentences"),
            )


def say(console: Console, text: str) -> None:
    """Print a line as it is, however long: paths and commands in it can be copied."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def on_signals(do: Callable[[int], object]) -> Iterator[None]:
    """On the first SIGINT or SIGTERM in the block do something; a second one does what it did before the block."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        do(number)

    for each in before:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def progress(counted: str, console: Console, *, hidden: bool) -> Progress:
    """Return a progress bar whose tasks have the fields ``loss`` and ``speed``; ``counted`` stands before it."""
    return Progress(
        TextColumn(counted),
        BarColumn(),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=hidden,
    )
