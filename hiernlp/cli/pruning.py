"""The command ``prune``."""

from __future__ import annotations

import sys
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.hub import load_bundle, save_bundle  # noqa: E402
from hiernlp.hub.folder import WEIGHTS  # noqa: E402
from hiernlp.hub.pruning import prune  # noqa: E402


def prune_command(model: str, output: Path, *, tasks: list[str]) -> None:
    """Save a model cut to some of its tasks, and tell what was kept."""
    if output.is_file():
        raise HierNLPError(f"--output {output}: expected a folder to make, found a file")
    if output.is_dir() and Path(model).is_dir() and output.samefile(model):
        raise HierNLPError(f"--output {output}: this is the model itself; choose another folder")
    bundle = load_bundle(model)
    pruned = prune(bundle, tasks)
    save_bundle(pruned.bundle, output)
    before, after = bundle.model, pruned.bundle.model
    numbers = [sum(p.numel() for p in m.parameters()) / 1e6 for m in (before, after)]
    size = (output / WEIGHTS).stat().st_size / 1e6
    fed = f" (needed by the others: {', '.join(pruned.feeding)})" if pruned.feeding else ""
    sys.stdout.write(
        f"kept {', '.join(after.tasks)}{fed}: {after.scheme.depth} of {before.scheme.depth} layers, "
        f"{numbers[1]:.1f} of {numbers[0]:.1f} million parameters, weights of {size:.1f} MB\n"
    )
