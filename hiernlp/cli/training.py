"""The command ``train``: shows, logs and draws what the training loop yields."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hiernlp.cli._quiet import quiet

quiet()


from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402

from hiernlp.experiment import LOG, STATE, TRAINING, Run  # noqa: E402
from hiernlp.hub.folder import CONFIG, SCORES  # noqa: E402
from hiernlp.recipe import Recipe, load_recipe, single_task  # noqa: E402
from hiernlp.training.checkpoints import has_state  # noqa: E402
from hiernlp.training.curves import draw_curves  # noqa: E402
from hiernlp.training.loop import Ended, Evaluated, StepsDone  # noqa: E402
from hiernlp.training.reports import RunLog, read_log  # noqa: E402
from hiernlp.training.tables import number, scores_table  # noqa: E402

CURVES, SINGLE = "curves.png", "single"


def train_command(
    name: str, output: Path, *, overrides: list[str], resume: bool, quiet: bool, single_tasks: bool
) -> int:
    """Train by a recipe; return 0, or 128 + the signal's number where one ended training early."""
    console = Console(stderr=True)
    recipe = load_recipe(name, overrides=overrides)
    console.print(f"preparing {name}")
    if single_tasks and resume and (output / CONFIG).exists() and not has_state(output / TRAINING / STATE):
        console.print(f"the joint model in {output} is finished; going on with the single tasks")
    else:
        code = _train(recipe, output, console=console, resume=resume, quiet=quiet)
        if code:
            console.print(f"stopped and saved; go on with: hiernlp train {name} --output {output} --resume")
            return code
    single: dict[str, float] | None = None
    if single_tasks:
        single = {}
        for task in recipe.tasks:
            folder = output / TRAINING / SINGLE / task
            if not (folder / SCORES).exists() or has_state(folder / TRAINING / STATE):
                console.print(f"single task {task}")
                again = has_state(folder / TRAINING / STATE)
                code = _train(single_task(recipe, task), folder, console=console, resume=again, quiet=quiet)
                if code:
                    again = f"hiernlp train {name} --output {output} --resume --single-tasks"
                    console.print(f"stopped and saved; go on with: {again}")
                    return code
            found = _scores(folder).get(task)
            if found:
                single[task] = found["values"][found["main"]]
    results = _scores(output)
    if results:
        baselines = {task: found["baseline"] for task, found in results.items()}
        Console().print(scores_table(results, baselines=baselines, single=single))
    console.print(f"model in {output}; curves in {output / TRAINING / CURVES}")
    return 0


def _train(recipe: Recipe, output: Path, *, console: Console, resume: bool, quiet: bool) -> int:
    run = Run(recipe, output, resume=resume)
    main = run.accelerator.is_main_process
    model = run.experiment.bundle.model
    for corpus, split in run.experiment.train.items() if main else ():
        held = f", {len(run.experiment.dev[corpus])} for development" if corpus in run.experiment.dev else ""
        console.print(f"corpus {corpus}: {len(split)} sentences{held}; tasks {', '.join(split.tasks) or 'none'}")
    if main:
        places = ", ".join(f"{task} at {model.places[task].high}" for task in model.tasks)
        console.print(f"encoder of {model.scheme.depth} layers; {places}")
    caught: list[int] = []
    log = RunLog(output / TRAINING, from_step=run.trainer.progress.step, tensorboard=recipe.training.tensorboard)
    reason = "finished"
    with _signals(run, caught), _bar(console, hidden=quiet or not main) as bar, log if main else nullcontext():
        line = bar.add_task("", total=recipe.training.epochs, loss="", speed="")
        for event in run.events():
            if main:
                log.write(event)
            match event:
                case StepsDone():
                    speed = f"{event.words_per_second:,.0f} words/s"
                    bar.update(line, completed=event.epoch, loss=f"loss {event.loss:.3f}", speed=speed)
                case Evaluated():
                    figures = ", ".join(f"{t} {s.main} {number(s.main, s.main_value)}" for t, s in event.scores.items())
                    best = " (best so far, saved)" if event.is_best else ""
                    bar.console.print(f"epoch {event.epoch:.2f}: {figures}{best}")
                case Ended():
                    reason = event.reason
    if main:
        draw_curves(read_log(output / TRAINING / LOG), output / TRAINING / CURVES)
    if reason == "interrupted":
        return 128 + (caught[0] if caught else signal.SIGTERM)
    return 0


def _scores(folder: Path) -> dict[str, Any]:
    """Return the tasks' scores that a model folder holds; none if there was no development data."""
    path = folder / SCORES
    return json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}


@contextmanager
def _signals(run: Run, caught: list[int]) -> Iterator[None]:
    """On the first SIGINT or SIGTERM ask training to stop; a second one does what it always does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        run.trainer.ask_to_stop()
        signal.signal(number, before[signal.Signals(number)])

    for each in before:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
