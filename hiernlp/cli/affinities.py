"""The command ``affinity``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import StoppedError, on_signals, progress, say, stop  # noqa: E402
from hiernlp.insight.affinity import Measurement  # noqa: E402
from hiernlp.insight.affinity_report import (  # noqa: E402
    PICTURES,
    affinity_table,
    check_folder,
    curves_table,
    group_lines,
    helpers_table,
    notes,
    statistics_table,
    write_report,
)
from hiernlp.insight.affinity_results import GROUPS, Affinity, check_wishes, gather  # noqa: E402
from hiernlp.insight.affinity_run import AffinityRun  # noqa: E402
from hiernlp.insight.label_statistics import label_statistics  # noqa: E402
from hiernlp.insight.learning_curves import read_curves  # noqa: E402
from hiernlp.recipe import load_recipe  # noqa: E402


def affinity_command(
    name: str,
    output: Path,
    *,
    main: str | None,
    steps: int | None,
    share: float | None,
    every: int,
    rate: float | None,
    groups: int | None,
    curves: Path | None,
    overrides: list[str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Train a while, measure, and report; return 0, or 128 + a signal's number where one ended it early."""
    console = Console(stderr=True)
    recipe = load_recipe(name, overrides=overrides)
    check_wishes(recipe, main=main, groups=groups)
    check_folder(output)
    of_single = None if curves is None else read_curves(curves, recipe.tasks)
    given = {"main": main, "steps": steps, "share": share, "every": every, "rate": rate, "groups": groups}
    options = [part for key, value in given.items() if value is not None for part in (f"--{key}", str(value))]
    options += [] if curves is None else ["--curves", str(curves)]
    options += [part for override in overrides for part in ("--set", override)]
    command = shlex.join(["hiernlp", "affinity", name, "--output", str(output), *options])
    try:
        with on_signals(stop):
            say(console, f"preparing {name}")
            run = AffinityRun(recipe, steps=steps, share=share, every=every, rate=rate)
            statistics = label_statistics(run.experiment)
            say(console, f"measuring every {every} steps in {run.steps} of the recipe's {run.steps_of_recipe}")
            measurements = _measured(run, console, hidden=quiet)
    except StoppedError as stopped:
        say(console, "stopped; nothing is written before all is measured")
        return 128 + stopped.number
    found = gather(
        measurements,
        tasks=list(run.experiment.recipe.tasks),
        steps=run.steps,
        steps_of_recipe=run.steps_of_recipe,
        every=every,
        rate=run.rate,
        seed=recipe.training.seed,
        statistics=statistics,
        curves=of_single,
        main=main,
        groups=GROUPS if groups is None else groups,
        command=command,
    )
    write_report(found, output)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=1) + "\n")
        sys.stdout.flush()
    else:
        _show(found)
    say(console, f"affinity in {output}; picture in {output / PICTURES[0]}")
    return 0


def _measured(run: AffinityRun, console: Console, *, hidden: bool) -> list[Measurement]:
    found: list[Measurement] = []
    with progress("step {task.completed}/{task.total}", console, hidden=hidden) as bar:
        line = bar.add_task("", total=run.steps, loss="", speed="")
        for measurement in run.measurements():
            found.append(measurement)
            bar.update(line, completed=min(measurement.step + run.every, run.steps))
    return found


def _show(found: Affinity) -> None:
    shown = Console()
    shown.print(affinity_table(found))
    if found.main is not None:
        shown.print(helpers_table(found))
    for line in group_lines(found):
        shown.print(line, markup=False, highlight=False)
    shown.print()
    shown.print(statistics_table(found))
    if found.curves is not None:
        shown.print(curves_table(found))
    for note in notes(found):
        shown.print(note, style="dim", markup=False, highlight=False)
