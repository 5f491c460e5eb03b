"""A comparison in words: Markdown for a file, a table for the terminal; nothing here prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.comparison._figures import plus_minus, signed, signed_percent, with_spread
from hiernlp.comparison.picture import draw_comparison
from hiernlp.comparison.results import Comparison, TaskResult
from hiernlp.comparison.statistics import RULE
from hiernlp.files import replaced_file
from hiernlp.training.gain import COMPARISON
from hiernlp.training.tables import MISSING

if TYPE_CHECKING:
    from rich.table import Table

MARKDOWN, PICTURE = "comparison.md", "comparison.png"
COLUMNS = ("task", "figure", "single", "joint", "difference", "beyond spread", "relative gain")
TEXTS = 2
"""So many columns hold text, the others figures."""


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.json``, ``comparison.md`` and ``comparison.png`` into a folder."""
    with replaced_file(folder / COMPARISON) as new:
        new.write_text(json.dumps(comparison.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replaced_file(folder / MARKDOWN) as new:
        new.write_text(markdown(comparison), encoding="utf-8")
    draw_comparison(comparison, folder / PICTURE)


def markdown(comparison: Comparison) -> str:
    """Return a Markdown page: the table, what its figures mean, and how to make them again."""
    rows = [COLUMNS, ["---"] * TEXTS + ["---:"] * (len(COLUMNS) - TEXTS)]
    rows += [cells(name, task) for name, task in comparison.tasks.items()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    facts = "\n".join(f"- {note}" for note in notes(comparison))
    return (
        f"# What joining the tasks cost or gained\n\n{table}\n\n{facts}\n\n"
        f"Made on {comparison.date} with {', '.join(f'{k} {v}' for k, v in comparison.versions.items())} by\n\n"
        f"```\n{comparison.command}\n```\n"
    )


def notes(comparison: Comparison) -> list[str]:
    """Return what the figures mean, in one sentence each."""
    seeds = comparison.seeds
    spread = "; ± is the sample standard deviation over seeds" if len(seeds) > 1 else ", so that there is no spread"
    found = [
        f"Mean relative gain, mean over tasks of (joint - single) / single: {signed_percent(comparison.mean_gain)}.",
        f"Scores on development data, n = {len(seeds)} (seed {', '.join(map(str, seeds))}){spread}.",
        f"{RULE} The ± of a difference is half that interval's width.",
    ]
    if comparison.words_per_second is not None:
        alone = ", ".join(
            f"{name} {MISSING if task.words_per_second is None else f'{task.words_per_second:,.0f}'}"
            for name, task in comparison.tasks.items()
        )
        found.append(f"Words/s of training: all tasks in one pass {comparison.words_per_second:,.0f}; alone {alone}.")
    if comparison.unscored:
        found.append(f"Without development data, hence not compared: {', '.join(comparison.unscored)}.")
    return found


def cells(name: str, task: TaskResult) -> list[str]:
    """Return a task's row."""
    beyond = {None: "not known", True: "yes", False: "no"}[task.beyond]
    return [
        name,
        task.main.replace("_", " "),
        with_spread(task.main, task.single),
        with_spread(task.main, task.joint),
        signed(task.main, task.difference) + plus_minus(task.main, task.margin),
        beyond,
        signed_percent(task.gain),
    ]


def comparison_table(comparison: Comparison) -> Table:
    """Return one row a task for the terminal."""
    from rich import box  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # What a row is stands in two lines, so that a row fits into 80 characters.
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("task")
    for column in COLUMNS[TEXTS:]:
        table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    for name, task in comparison.tasks.items():
        row = cells(name, task)
        figures = [Text(cell) for cell in row[TEXTS:]]
        if task.beyond and task.gain:
            figures[COLUMNS.index("difference") - TEXTS].stylize("green" if task.gain > 0 else "red")
        table.add_row(Text.assemble((row[0], "bold"), "\n", (row[1], "dim")), *figures)
    return table
