"""The command ``train``: shows, logs and draws what the training loop yields."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()


from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402

from hiernlp.experiment import LOG, TRAINING, Run  # noqa: E402
from hiernlp.recipe import load_recipe  # noqa: E402
from hiernlp.training.curves import draw_curves  # noqa: E402
from hiernlp.training.loop import Ended, Evaluated, StepsDone  # noqa: E402
from hiernlp.training.reports import RunLog, read_log  # noqa: E402
from hiernlp.training.tables import scores_table  # noqa: E402

CURVES = "curves.png"


def train_command(recipe: str, output: Path, *, overrides: list[str], resume: bool, quiet: bool) -> int:
    """Train by a recipe; return 0, or 128 + the signal's number where one ended training early."""
    console = Console(stderr=True)
    loaded = load_recipe(recipe, overrides=overrides)
    console.print(f"preparing {recipe}")
    run = Run(loaded, output, resume=resume)
    main = run.accelerator.is_main_process
    model = run.experiment.bundle.model
    for corpus, split in run.experiment.train.items():
        held = f", {len(run.experiment.dev[corpus])} for development" if corpus in run.experiment.dev else ""
        console.print(f"corpus {corpus}: {len(split)} sentences{held}; tasks {', '.join(split.tasks) or 'none'}")
    places = ", ".join(f"{task} at {model.places[task].high}" for task in model.tasks)
    console.print(f"encoder of {model.scheme.depth} layers; {places}")
    caught: list[int] = []
    log = RunLog(output / TRAINING, from_step=run.trainer.progress.step, tensorboard=loaded.training.tensorboard)
    ended = "finished"
    with _signals(run, caught), _bar(console, hidden=quiet or not main) as bar, log if main else _nothing():
        line = bar.add_task("", total=loaded.training.epochs, loss="", speed="")
        for event in run.events():
            if main:
                log.write(event)
            match event:
                case StepsDone():
                    speed = f"{event.words_per_second:,.0f} words/s"
                    bar.update(line, completed=event.epoch, loss=f"loss {event.loss:.3f}", speed=speed)
                case Evaluated():
                    figures = ", ".join(f"{t} {s.main} {100 * s.main_value:.2f}" for t, s in event.scores.items())
                    best = " (best so far, saved)" if event.is_best else ""
                    bar.console.print(f"epoch {event.epoch:.2f}: {figures}{best}")
                case Ended():
                    ended = event.reason
    if not main:
        return 0
    draw_curves(read_log(output / TRAINING / LOG), output / TRAINING / CURVES)
    if ended == "interrupted":
        console.print(f"stopped and saved; go on with: hiernlp train {recipe} --output {output} --resume")
        return 128 + (caught[0] if caught else signal.SIGTERM)
    report = run.experiment.bundle.scores
    if report:
        found = report["tasks"]
        Console().print(scores_table(found, baselines={task: f["baseline"] for task, f in found.items()}))
    console.print(f"model in {output}; curves in {output / TRAINING / CURVES}")
    return 0


@contextmanager
def _signals(run: Run, caught: list[int]) -> Iterator[None]:
    """On the first SIGINT or SIGTERM ask training to stop; a second one does what it always does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        run.trainer.ask_to_stop()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bar(console: Console, *, hidden: bool) -> Progress:
    return Progress(
        TextColumn("epoch {task.completed:.2f}/{task.total}"),
        BarColumn(),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=hidden,
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


