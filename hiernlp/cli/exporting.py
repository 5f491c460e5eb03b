"""The command ``export``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from hiernlp.cli._runs import say  # noqa: E402
from hiernlp.cli._sentences import sample_sentences, text_sentences  # noqa: E402
from hiernlp.graphs.checking import TaskCheck  # noqa: E402
from hiernlp.graphs.folder import save_graphs  # noqa: E402
from hiernlp.hub import load_bundle  # noqa: E402


def export_command(model: str, output: Path, *, tasks: list[str] | None, text: Path | None) -> None:
    """Export a model, and tell how the graphs' answers compare with torch's."""
    bundle = load_bundle(model)
    sentences = sample_sentences() if text is None else text_sentences(text, language=bundle.language)
    console = Console()
    save_graphs(bundle, output, sentences=sentences, tasks=tasks, told=lambda found: console.print(_table(found)))
    size = sum(file.stat().st_size for file in output.iterdir()) / 1e6
    say(console, f"graphs in {output}, {size:.1f} MB")


def _table(checks: Mapping[str, TaskCheck]) -> Table:
    """Return one row a task: how its answers compare."""
    table = Table(title="onnxruntime against torch")
    for column in ("task", "layer", "answers", "equal, %", "largest difference"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for task, found in checks.items():
        table.add_row(
            task, str(found.depth), f"{found.answers:,}", f"{100 * found.share:.2f}", f"{found.difference:.1e}"
        )
    return table
