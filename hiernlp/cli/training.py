"""The command ``train``: shows, logs and draws what the training loop yields."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: E402

from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.experiment import BEGUN_WITH, LOG, STATE, TRAINING, Run  # noqa: E402
from hiernlp.hub.folder import SCORES  # noqa: E402
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
    # Of several processes, which their launcher numbers, only the first speaks.
    silent = os.environ.get("RANK", "0") != "0"
    console = Console(stderr=True, quiet=silent)
    recipe = load_recipe(name, overrides=overrides)
    _say(console, f"preparing {name}")
    if single_tasks and resume and _is_finished(output):
        _check_recipe(recipe, output)
        _say(console, f"the joint model in {output} is finished; going on with the single tasks")
        code = 0
    else:
        code = _train(recipe, output, console=console, resume=resume, quiet=quiet)
    if single_tasks and not code:
        code = _train_single_tasks(recipe, output, console=console, quiet=quiet)
    if code:
        changes = [part for override in overrides for part in ("--set", override)]
        again = ["hiernlp", "train", name, "--output", str(output), *changes, "--resume"]
        _say(console, f"stopped and saved; go on with: {shlex.join(again + ['--single-tasks'] * single_tasks)}")
        return code
    results = _scores(output)
    if results:
        baselines = {task: found["baseline"] for task, found in results.items()}
        single = None
        if single_tasks:
            alone = {task: _scores(output / TRAINING / SINGLE / task).get(task) for task in results}
            single = {task: found["values"][found["main"]] for task, found in alone.items() if found}
        Console(quiet=silent).print(scores_table(results, baselines=baselines, single=single))
    _say(console, f"model in {output}; curves in {output / TRAINING / CURVES}")
    return 0


def _train_single_tasks(recipe: Recipe, output: Path, *, console: Console, quiet: bool) -> int:
    """Train each task alone, but for those that are done; return 0, or a signal's code as ``train_command``."""
    for task in recipe.tasks:
        folder = output / TRAINING / SINGLE / task
        if _is_finished(folder):
            continue
        _say(console, f"single task {task}")
        resume = has_state(folder / TRAINING / STATE)
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)  # cut off before there was a state to go on from
        code = _train(single_task(recipe, task), folder, console=console, resume=resume, quiet=quiet)
        if code:
            return code
    return 0


def _train(recipe: Recipe, output: Path, *, console: Console, resume: bool, quiet: bool) -> int:
    run = Run(recipe, output, resume=resume)
    main = run.accelerator.is_main_process
    model = run.experiment.bundle.model
    for corpus, split in run.experiment.train.items() if main else ():
        held = f", {len(run.experiment.dev[corpus])} for development" if corpus in run.experiment.dev else ""
        _say(console, f"corpus {corpus}: {len(split)} sentences{held}; tasks {', '.join(split.tasks) or 'none'}")
    if main:
        places = ", ".join(f"{task} at {model.places[task].high}" for task in model.tasks)
        _say(console, f"encoder of {model.scheme.depth} layers; {places}")
    caught: list[int] = []
    step = run.trainer.progress.step
    log = RunLog(output / TRAINING, from_step=step, tensorboard=recipe.training.tensorboard) if main else None
    reason = "finished"
    with _signals(run, caught), _bar(console, hidden=quiet or not main) as bar, log or nullcontext():
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
                    _say(bar.console, f"epoch {event.epoch:.2f}: {figures}{best}")
                case Ended():
                    reason = event.reason
    if main:
        draw_curves(read_log(output / TRAINING / LOG), output / TRAINING / CURVES)
    if reason == "interrupted":
        return 128 + (caught[0] if caught else signal.SIGTERM)
    return 0


def _is_finished(folder: Path) -> bool:
    """Tell whether a run in this folder came to its end."""
    last: dict[str, Any] = {}
    for last in read_log(folder / TRAINING / LOG):  # noqa: B007 - the last one counts
        pass
    return last.get("event") == "end" and last["reason"] != "interrupted"


def _check_recipe(recipe: Recipe, output: Path) -> None:
    """Refuse to compare single tasks with a joint model of another recipe."""
    begun = json.loads((output / TRAINING / BEGUN_WITH).read_text(encoding="utf-8"))
    if begun != recipe.model_dump(mode="json", by_alias=True):
        raise HierNLPError(f"{output}: was trained by another recipe; train single tasks by that one, unchanged")


def _scores(folder: Path) -> dict[str, Any]:
    """Return the tasks' scores that a model folder holds; none if there was no development data."""
    path = folder / SCORES
    return json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}


def _say(console: Console, text: str) -> None:
    """Print a line as it is, however long: paths and commands in it can be copied."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


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
