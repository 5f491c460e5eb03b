"""The command ``probe``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import StoppedError, on_signals, say, stop, tell_probe  # noqa: E402
from hiernlp.errors import ModelFolderError  # noqa: E402
from hiernlp.experiment import probe  # noqa: E402
from hiernlp.hub import load_bundle  # noqa: E402
from hiernlp.hub.folder import CONFIG, RECIPE  # noqa: E402
from hiernlp.probing.report import PICTURES, figures_table, notes, scores_table  # noqa: E402
from hiernlp.probing.results import ProbeResult  # noqa: E402
from hiernlp.recipe import available_recipes, load_recipe  # noqa: E402


def probe_command(
    source: str,
    output: Path,
    *,
    tasks: list[str] | None,
    overrides: list[str],
    as_json: bool,
    device: str | None,
) -> int:
    """Probe an encoder; return 0, or 128 + a signal's number where one ended it early."""
    console = Console(stderr=True)
    changes = [part for override in overrides for part in ("--set", override)]
    chosen = ["--tasks", ",".join(tasks)] if tasks else []
    command = shlex.join(["hiernlp", "probe", source, "--output", str(output), *chosen, *changes])
    say(console, f"preparing {source}")
    try:
        with on_signals(stop):
            result = _probe(source, output, tasks, overrides, command=command, device=device, console=console)
    except StoppedError as stopped:
        say(console, f"stopped; what is complete is kept; go on with: {command}")
        return 128 + stopped.number
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), indent=1) + "\n")
        sys.stdout.flush()
    else:
        shown = Console()
        shown.print(scores_table(result))
        shown.print(figures_table(result))
        for note in notes(result):
            shown.print(note, style="dim", markup=False, highlight=False)
    say(console, f"report in {output}; picture in {output / PICTURES[0]}")
    return 0


def _probe(
    source: str,
    output: Path,
    tasks: list[str] | None,
    overrides: list[str],
    *,
    command: str,
    device: str | None,
    console: Console,
) -> ProbeResult:
    folder = Path(source).expanduser()
    bundle = None
    if folder.is_dir() and ((folder / CONFIG).is_file() or source not in available_recipes()):
        bundle = load_bundle(folder)
        if not (folder / RECIPE).is_file():
            raise ModelFolderError(
                f"{folder / RECIPE}: expected the recipe that names the model's corpora, found none; train the model "
                "by `hiernlp train`, or probe a recipe"
            )
    recipe = load_recipe(source if bundle is None else folder / RECIPE, overrides=overrides)
    return probe(
        recipe,
        output,
        bundle=bundle,
        tasks=tasks,
        device=device,
        command=command,
        told=lambda event: tell_probe(console, event, share=recipe.probe.share),
    )
