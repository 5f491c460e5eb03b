"""The command ``ablate``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import cast

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import StoppedError, finish_all, numbers, on_signals, say, stop, tell_probe  # noqa: E402
from hiernlp.insight.ablation import Ablation, Design, begin  # noqa: E402
from hiernlp.insight.ablation_report import PICTURE, ablation_table, notes, write_report  # noqa: E402
from hiernlp.insight.ablation_results import collect  # noqa: E402
from hiernlp.recipe import load_recipe  # noqa: E402


def ablate_command(
    name: str,
    output: Path,
    *,
    task: str,
    seeds: str | None,
    helpers: list[str] | None,
    design: str,
    overrides: list[str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Train what is not yet trained and compare; return 0, or 128 + a signal's number where one ended it early."""
    console = Console(stderr=True)
    recipe = load_recipe(name, overrides=overrides)
    chosen = numbers(seeds) if seeds is not None else [recipe.training.seed]
    options = ["--seeds", seeds] if seeds is not None else []
    options += ["--helpers", ",".join(helpers)] if helpers is not None else []
    options += ["--design", design] if design != "add" else []
    options += [part for override in overrides for part in ("--set", override)]
    command = shlex.join(["hiernlp", "ablate", name, "--task", task, "--output", str(output), *options])
    ablation: Ablation | None = None
    try:
        with on_signals(stop):
            say(console, f"preparing {name}")
            ablation = begin(
                recipe,
                output,
                main=task,
                helpers=helpers,
                design=cast(Design, design),
                told=lambda event: tell_probe(console, event, share=recipe.probe.share),
            )
            code = finish_all(ablation.planned(seeds=chosen), console=console, quiet=quiet)
    except StoppedError as stopped:
        code = 128 + stopped.number
    if code or ablation is None:
        say(console, f"stopped and saved; go on with: {command}")
        return code
    found = collect(ablation, seeds=chosen, command=command)
    write_report(found, output)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=1) + "\n")
        sys.stdout.flush()
    else:
        shown = Console()
        shown.print(ablation_table(found))
        for note in notes(found):
            shown.print(note, style="dim", markup=False, highlight=False)
    say(console, f"ablation in {output}; picture in {output / PICTURE}")
    return 0
