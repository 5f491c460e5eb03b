"""An affinity measurement in words: Markdown for a file, tables for the terminal; nothing here prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.errors import HierNLPError
from hiernlp.files import replaced_file
from hiernlp.insight.affinity_picture import draw_affinity
from hiernlp.insight.affinity_results import Affinity, Helper, Spread, signed
from hiernlp.insight.grouping import MOST_TASKS
from hiernlp.training.tables import MISSING, percent

if TYPE_CHECKING:
    from rich.table import Table

JSON, MARKDOWN, PICTURES = "affinity.json", "affinity.md", ("affinity.png", "affinity.svg")
STATISTICS = ("task", "sentences", "words", "labels", "entropy, bits", "kurtosis", "unknown dev words")
CURVES = ("task", "slope at 10%", "20%", "30%", "50%", "70%", "a", "c")


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything else than an earlier measurement.

    Raises:
        HierNLPError: it does.
    """
    if folder.is_file() or (folder.is_dir() and {f.name for f in folder.iterdir()} - {JSON, MARKDOWN, *PICTURES}):
        raise HierNLPError(
            f"{folder}: expected a new or empty folder, or one of `hiernlp affinity`; give another folder"
        )


def write_report(found: Affinity, folder: Path) -> None:
    """Write ``affinity.json``, ``affinity.md``, ``affinity.png`` and ``affinity.svg`` into a folder."""
    with replaced_file(folder / JSON) as new:
        new.write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replaced_file(folder / MARKDOWN) as new:
        new.write_text(markdown(found), encoding="utf-8")
    for name in PICTURES:
        draw_affinity(found, folder / name)


def markdown(found: Affinity) -> str:
    """Return a Markdown page: the matrix, helpers, groups, statistics, and how to make it again."""
    power = found.power
    parts = [
        "# Which tasks help which",
        f"Affinity Z of the row's task for the column's, {scaled(power)}: above 0 where a step for the row's makes the "
        "loss of the column's smaller.",
        _markdown_table(["", *found.tasks], matrix_rows(found, power)),
    ]
    if found.main is not None:
        parts += [f"## Helpers of {found.main}", _markdown_table(helper_columns(power), helper_rows(found, power))]
    if found.grouping is not None:
        lines = [f"- {', '.join(group)}{_served(found, n)}" for n, group in enumerate(found.grouping.groups)]
        parts += ["## Suggested groups", "\n".join(lines)]
    parts += ["## Labels and data", _markdown_table(STATISTICS, statistics_rows(found))]
    if found.curves is not None:
        parts += ["## Learning curves of the tasks alone", _markdown_table(CURVES, curve_rows(found))]
    parts += [
        "\n".join(f"- {note}" for note in notes(found)),
        f"Made on {found.date} with {', '.join(f'{k} {v}' for k, v in found.versions.items())} by",
        f"```\n{found.command}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def notes(found: Affinity) -> list[str]:
    """Return what the figures mean, in one sentence each."""
    times = len(found.measurements)
    steps = "the optimizer's own steps for one task" if found.rate is None else f"steps of {found.rate:g} gradients"
    said = [
        f"Measured {times} times, every {found.every} steps, in the first {found.steps} of the {found.steps_of_recipe} "
        f"steps of joint training (seed {found.seed}), looking ahead by {steps}.",
        "Shown are means over the measurements, ± being their standard deviation.",
        "Z = 1 - (loss after a step for the other task) / (loss before), only shared parameters taking the step; "
        "of own is Z as a share of what the task's own step does.",
    ]
    if found.grouping is not None:
        said.append(
            f"Groups, at most {found.most_groups}, maximise the sum over tasks of the mean Z from the other members of "
            "the task's best group; a task alone gets 0."
        )
    else:
        said.append(f"No groups: they are found exactly for up to {MOST_TASKS} tasks, and here are {len(found.tasks)}.")
    if found.curves is None:
        said.append("Learning curves of the tasks alone are left out; --curves names a folder of single-task runs.")
    elif missing := [task for task in found.tasks if task not in found.curves]:
        said.append(f"Without a single-task run to draw a learning curve from: {', '.join(missing)}.")
    return said


def scaled(power: int) -> str:
    """Return how affinities are scaled, in words."""
    return f"times 10^{power}" if power else "as it is"


def matrix_rows(found: Affinity, power: int) -> list[list[str]]:
    """Return a row for each task that acts: its name and its mean affinity for every task."""
    return [[i, *(_mean(found.affinity(i, j), power) for j in found.tasks)] for i in found.tasks]


def helper_columns(power: int) -> tuple[str, ...]:
    """Return what the columns of :func:`helper_rows` are."""
    return ("helper", f"Z, {scaled(power)}", "above 0", "of own", "cosine")


def helper_rows(found: Affinity, power: int) -> list[list[str]]:
    """Return a row for each helper of the main task, the most helpful first."""
    assert found.main is not None
    return [_helper_row(helper, power) for helper in found.helpers(found.main)]


def _helper_row(helper: Helper, power: int) -> list[str]:
    z = helper.affinity
    spread = "" if z is None or z.deviation is None else f" ± {z.deviation * 10**power:.2f}"
    return [
        helper.task,
        _mean(z, power) + spread,
        MISSING if z is None else f"{100 * z.positive:.0f}%",
        MISSING if helper.of_own is None else f"{signed(helper.of_own, 2, digits=0)}%",
        signed(helper.cosine),
    ]


def statistics_rows(found: Affinity) -> list[list[str]]:
    """Return a row for each task: its data and its labels."""
    return [
        [
            task,
            f"{s.sentences:,}",
            f"{s.words:,}",
            f"{s.labels:,}",
            f"{s.entropy:.2f}",
            MISSING if s.kurtosis is None else f"{s.kurtosis:.2f}",
            MISSING if s.out_of_vocabulary is None else f"{percent(s.out_of_vocabulary)}%",
        ]
        for task, s in found.statistics.items()
    ]


def curve_rows(found: Affinity) -> list[list[str]]:
    """Return a row for each task that has a learning curve: slopes, and the bend of the fit."""
    return [
        [task, *(f"{slope:+.3f}" for slope in curve.slope.values()), f"{curve.a:.3f}", f"{curve.c:.3g}"]
        for task, curve in (found.curves or {}).items()
    ]


def affinity_table(found: Affinity) -> Table:
    """Return the matrix for the terminal, in green where a task helps and in red where it hurts."""
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    power = found.power
    table = _table(f"affinity Z of the row's task for the column's, {scaled(power)}", ["", *found.tasks])
    for row in matrix_rows(found, power):
        cells = [Text(cell, style={"+": "green", "-": "red"}.get(cell[0], "")) for cell in row[1:]]
        table.add_row(Text(row[0], style="bold"), *cells)
    return table


def helpers_table(found: Affinity) -> Table:
    """Return the ranked helpers of the main task for the terminal."""
    power = found.power
    return _filled(f"helpers of {found.main}", helper_columns(power), helper_rows(found, power))


def statistics_table(found: Affinity) -> Table:
    """Return the figures of data and labels for the terminal."""
    return _filled("labels and data", STATISTICS, statistics_rows(found))


def curves_table(found: Affinity) -> Table:
    """Return the features of the learning curves for the terminal."""
    return _filled("learning curves of the tasks alone", CURVES, curve_rows(found))


def group_lines(found: Affinity) -> list[str]:
    """Return one line a suggested group."""
    groups = found.grouping.groups if found.grouping is not None else ()
    return [f"group {n + 1}: {', '.join(group)}{_served(found, n)}" for n, group in enumerate(groups)]


def _served(found: Affinity, number: int) -> str:
    """Return the end of a line that says for which tasks a group is the best, where that is not all of it."""
    assert found.grouping is not None
    served = [task for task, best in found.grouping.best.items() if best == number]
    return "" if len(served) == len(found.grouping.groups[number]) else f" (for {', '.join(served)})"


def _mean(spread: Spread | None, power: int) -> str:
    return signed(None if spread is None else spread.mean, power)


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _table(title: str, columns: Sequence[str]) -> Table:
    from rich import box  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number else "left", overflow="fold", no_wrap=not number)
    return table


def _filled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    table = _table(title, columns)
    for row in rows:
        table.add_row(Text(row[0], style="bold"), *(Text(cell) for cell in row[1:]))
    return table
