"""The command ``train``: shows, logs and draws what the training loop yields."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import CURVES, finish, say, train  # noqa: E402
from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.experiment import (  # noqa: E402
    ADVERSARIES,
    BEGUN_WITH,
    PROBE,
    STATE,
    TRAINING,
    dumped,
    is_finished,
    read_remains,
    read_scores,
    with_known_scores,
    with_probed_places,
)
from hiernlp.recipe import Recipe, load_recipe, single_task  # noqa: E402
from hiernlp.training.checkpoints import has_state  # noqa: E402
from hiernlp.training.tables import number, scores_table  # noqa: E402

SINGLE = "single"


def train_command(
    name: str, output: Path, *, overrides: list[str], resume: bool, quiet: bool, single_tasks: bool
) -> int:
    """Train by a recipe; return 0, or 128 + the signal's number where one ended training early."""
    # Of several processes, which their launcher numbers, only the first speaks.
    silent = os.environ.get("RANK", "0") != "0"
    console = Console(stderr=True, quiet=silent)
    recipe = load_recipe(name, overrides=overrides)
    say(console, f"preparing {name}")
    if single_tasks and resume and is_finished(output):
        _check_recipe(recipe, output)
        say(console, f"the joint model in {output} is finished; going on with the single tasks")
        code = 0
    else:
        code = train(recipe, output, console=console, resume=resume, quiet=quiet)
    if single_tasks and not code:
        placed = with_probed_places(recipe, output / TRAINING / PROBE)
        code = _train_single_tasks(placed, output, console=console, quiet=quiet)
    if code:
        changes = [part for override in overrides for part in ("--set", override)]
        # Cut off by the layer probe, there is no training to resume: what was probed is found again all the same.
        begun = has_state(output / TRAINING / STATE) or is_finished(output)
        again = ["hiernlp", "train", name, "--output", str(output), *changes, *["--resume"] * begun]
        say(console, f"stopped and saved; go on with: {shlex.join(again + ['--single-tasks'] * single_tasks)}")
        return code
    results = read_scores(output)
    if results:
        baselines = {task: found["baseline"] for task, found in results.items()}
        single = None
        if single_tasks:
            alone = {task: read_scores(output / TRAINING / SINGLE / task).get(task) for task in results}
            single = {task: found["values"][found["main"]] for task, found in alone.items() if found}
        helpers = {f"({task})": found for task, found in read_scores(output, of="auxiliary").items()}
        baselines |= {task: found["baseline"] for task, found in helpers.items()}
        Console(quiet=silent).print(scores_table(results | helpers, baselines=baselines, single=single))
    for task, layers in read_remains(output / TRAINING / ADVERSARIES).items():
        for found in layers:
            say(
                console,
                f"({task}) at layer {found.layer}: a fresh probe's {found.main} is {number(found.main, found.after)}, "
                f"before training {number(found.main, found.before)}, the majority's "
                f"{number(found.main, found.baseline)}",
            )
    say(console, f"model in {output}; curves in {output / TRAINING / CURVES}")
    return 0


def _train_single_tasks(recipe: Recipe, output: Path, *, console: Console, quiet: bool) -> int:
    """Train each task alone, but for those that are done; return 0, or a signal's code as ``train_command``."""
    for task in recipe.main_tasks:
        code = finish(
            single_task(recipe, task),
            output / TRAINING / SINGLE / task,
            title=f"single task {task}",
            console=console,
            quiet=quiet,
        )
        if code:
            return code
    return 0


def _check_recipe(recipe: Recipe, output: Path) -> None:
    """Refuse to compare single tasks with a joint model of another recipe."""
    begun = json.loads((output / TRAINING / BEGUN_WITH).read_text(encoding="utf-8"))
    if begun != dumped(with_known_scores(recipe)):
        raise HierNLPError(f"{output}: was trained by another recipe; train single tasks by that one, unchanged")
