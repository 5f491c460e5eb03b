"""Scores as tables for the terminal; nothing here prints, the caller does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hiernlp.errors import HierNLPError, did_you_mean

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

COUNTS = frozenset({"words", "tokens", "sentences", "spans", "arcs", "pairs", "labels", "count", "support"})
"""Figures that say on how much was scored."""

NOT_SHARES = COUNTS | {"mse", "mae", "rmse", "loss"}
"""Figures that are counts or errors; all others are shares of one and shown in per cent."""

MISSING = "–"


def percent(value: float | None) -> str:
    """Return a share of one in per cent, with two decimals.

    Example:
        >>> percent(0.95123), percent(None)
        ('95.12', '–')
    """
    return MISSING if value is None else f"{100 * value:.2f}"


def number(name: str, value: float | None) -> str:
    """Return a figure: counts as whole numbers, errors with four decimals, shares in per cent.

    Example:
        >>> number("words", 25147.0), number("mse", 0.25), number("accuracy", 0.5)
        ('25,147', '0.2500', '50.00')
    """
    if value is None:
        return MISSING
    if name not in NOT_SHARES:
        return percent(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def scores_table(
    results: Mapping[str, Mapping[str, Any]],
    *,
    baselines: Mapping[str, float] | None = None,
    single: Mapping[str, float] | None = None,
    title: str | None = None,
) -> Table:
    """Return one row a task: its main score, what it is compared with, and its other figures.

    Args:
        results: by task, ``{"main": ..., "values": {...}}`` as the kinds score them.
        baselines: main scores of the majority baselines, by task.
        single: main scores of models trained for one task, by task; the table shows how many points more or fewer.
        title: stands above the table.

    Raises:
        HierNLPError: ``baselines`` or ``single`` has a task that was not scored.

    Example:
        >>> table = scores_table({"upos": {"main": "accuracy", "values": {"accuracy": 0.9}}}, baselines={"upos": 0.8})
        >>> [str(column.header) for column in table.columns]
        ['task', 'figure', 'score', 'baseline', 'other figures']
    """
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    table = _table(title)
    table.add_column("task", style="bold", overflow="fold")
    table.add_column("figure")
    table.add_column("score", justify="right", style="bold")
    for name, column in (("baselines", baselines), ("single", single)):
        for task in column or {}:
            if task not in results:
                raise HierNLPError(f"{name} has the task {task!r}, which was not scored{did_you_mean(task, results)}")
    if baselines is not None:
        table.add_column("baseline", justify="right", style="dim")
    if single is not None:
        table.add_column("single task", justify="right")
        table.add_column("difference", justify="right")
    table.add_column("other figures", style="dim", overflow="fold")
    for task, result in results.items():
        main, values = result["main"], result["values"]
        cells = [Text(task), Text(_words(main)), Text(number(main, values[main]))]
        if baselines is not None:
            cells.append(Text(number(main, baselines.get(task))))
        if single is not None:
            cells += [Text(number(main, single.get(task))), _difference(main, values[main], single.get(task))]
        others = [f"{_words(name)} {number(name, value)}" for name, value in values.items() if name != main]
        cells.append(Text(", ".join(others)))
        table.add_row(*cells)
    return table


def labels_table(
    per_label: Mapping[str, Mapping[str, float]], *, most: int | None = None, title: str | None = None
) -> Table:
    """Return one row a label with its figures, the most frequent label first.

    Args:
        per_label: figures by label, such as ``{"NOUN": {"precision": 0.9, ..., "support": 12.0}}``.
        most: how many labels to show; all by default.
        title: stands above the table.

    Example:
        >>> labels_table({"NOUN": {"f1": 0.5, "support": 2.0}}).row_count
        1
    """
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    names = list(dict.fromkeys(name for figures in per_label.values() for name in figures))
    table = _table(title)
    table.add_column("label", style="bold", overflow="fold")
    for name in names:
        table.add_column(_words(name), justify="right")
    order = sorted(per_label, key=lambda label: (-per_label[label].get("support", 0.0), label))
    for label in order[:most]:
        table.add_row(Text(label), *(Text(number(name, per_label[label].get(name))) for name in names))
    return table


def confusions_table(
    confusions: Sequence[Sequence[Any]], *, most: int | None = None, title: str | None = None
) -> Table:
    """Return the most frequent confusions, as they are given.

    Args:
        confusions: (gold, predicted, count), most frequent first.
        most: how many to show; all by default.
        title: stands above the table.

    Example:
        >>> confusions_table([("NOUN", "PROPN", 7)]).row_count
        1
    """
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    table = _table(title)
    table.add_column("gold", overflow="fold")
    table.add_column("predicted", overflow="fold")
    table.add_column("count", justify="right", style="bold")
    for gold, predicted, count in confusions[:most]:
        table.add_row(Text(str(gold)), Text(str(predicted)), Text(f"{count:,}"))
    return table


def _table(title: str | None) -> Table:
    from rich import box  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    # Names of tasks and labels are the user's: as Text, brackets in them are not read as markup.
    return Table(title=None if title is None else Text(title), title_justify="left", box=box.SIMPLE_HEAD)


def _difference(name: str, value: float, other: float | None) -> Text:
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    if other is None:
        return Text(MISSING)
    points = value - other if name in NOT_SHARES else 100 * (value - other)
    shown = f"{points:+.2f}"
    if float(shown) == 0:
        return Text("0.00", style="dim")
    return Text(shown, style="green" if points > 0 else "red")


def _words(name: str) -> str:
    return name.replace("_", " ")
