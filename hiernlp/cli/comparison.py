"""The command ``compare``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import StoppedError, finish_all, numbers, on_signals, say, stop, tell_probe  # noqa: E402
from hiernlp.comparison.report import PICTURE, comparison_table, notes, write_report  # noqa: E402
from hiernlp.comparison.results import collect  # noqa: E402
from hiernlp.comparison.runs import begin, planned  # noqa: E402
from hiernlp.recipe import Recipe, load_recipe  # noqa: E402


def compare_command(
    name: str, output: Path, *, seeds: str | None, overrides: list[str], as_json: bool, quiet: bool
) -> int:
    """Train what is not yet trained and compare; return 0, or 128 + a signal's number where one ended it early."""
    console = Console(stderr=True)
    recipe = load_recipe(name, overrides=overrides)
    chosen_seeds = numbers(seeds) if seeds is not None else [recipe.training.seed]
    changes = [part for override in overrides for part in ("--set", override)]
    chosen = ["--seeds", seeds] if seeds is not None else []
    command = shlex.join(["hiernlp", "compare", name, "--output", str(output), *chosen, *changes])
    try:
        with on_signals(stop):
            code = _train(recipe, output, seeds=chosen_seeds, console=console, quiet=quiet, name=name)
    except StoppedError as stopped:
        code = 128 + stopped.number
    if code:
        say(console, f"stopped and saved; go on with: {command}")
        return code
    comparison = collect(output, tasks=recipe.main_tasks, seeds=chosen_seeds, command=command)
    write_report(comparison, output)
    if as_json:
        sys.stdout.write(json.dumps(comparison.as_json(), indent=1) + "\n")
        sys.stdout.flush()
    else:
        shown = Console()
        shown.print(comparison_table(comparison))
        for note in notes(comparison):
            shown.print(note, style="dim", markup=False, highlight=False)
    say(console, f"comparison in {output}; picture in {output / PICTURE}")
    return 0


def _train(recipe: Recipe, output: Path, *, seeds: list[int], console: Console, quiet: bool, name: str) -> int:
    say(console, f"preparing {name}")
    recipe = begin(recipe, output, told=lambda event: tell_probe(console, event, share=recipe.probe.share))
    return finish_all(planned(recipe, output, seeds=seeds), console=console, quiet=quiet)
