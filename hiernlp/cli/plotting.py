"""The command ``plot``."""

from __future__ import annotations

from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.cli._runs import CURVES, say  # noqa: E402
from hiernlp.errors import HierNLPError  # noqa: E402
from hiernlp.experiment import LOG, TRAINING  # noqa: E402
from hiernlp.training.curves import draw_curves  # noqa: E402
from hiernlp.training.reports import read_log  # noqa: E402


def plot_command(run: Path, output: Path | None) -> None:
    """Draw the log of a run, finished or not."""
    log = run / TRAINING / LOG
    if not log.is_file():
        raise HierNLPError(f"{log}: expected the log of a run, found nothing; give the folder of `hiernlp train`")
    say(Console(stderr=True), f"curves in {draw_curves(read_log(log), output or run / TRAINING / CURVES)}")
