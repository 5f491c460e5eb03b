"""A picture of a comparison: every task's single and joint scores around the single-task mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.comparison._figures import plus_minus, signed, signed_percent
from hiernlp.comparison._points import draw_sample
from hiernlp.comparison.results import Comparison, TaskResult
from hiernlp.figures import FAINT, INK, MUTED, PALETTE, Fonts, check_path, save
from hiernlp.training.tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SINGLE_COLOUR, JOINT_COLOUR = PALETTE[7], PALETTE[0]
GAINED, LOST = PALETTE[2], PALETTE[1]
APART = 0.17
"""How far the two points of a row are from its middle."""


def draw_comparison(comparison: Comparison, path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Draw a comparison as PNG or SVG, by the path's suffix, and return the path.

    One row a task: the mean of the single runs at 0, that of the joint runs as many points away as it is better or
    worse, each with a bar of one standard deviation to both sides and a small dot a seed; beside it both means and the
    difference, in colour where it is beyond the seeds' spread.

    Raises:
        HierNLPError: the path's suffix or folder will not do.
    """
    check_path(path)
    return save(figure(comparison), path, resolution=resolution)


def figure(comparison: Comparison) -> Figure:
    """Return the picture as a matplotlib figure (see :func:`draw_comparison`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    names = list(comparison.tasks)
    fonts = Fonts(" ".join(names))
    rows = len(names)
    # In inches, so that rows, margins and columns of figures keep their sizes whatever there is to show.
    left = max(1.5, 0.3 + 0.1 * max(map(len, names)))
    width, height = left + 8.0, 1.7 + 0.55 * rows
    result = Figure(figsize=(width, height), facecolor="white")
    axes = result.add_axes((left / width, 0.62 / height, 4.5 / width, 0.55 * rows / height))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    for row, (name, task) in enumerate(comparison.tasks.items()):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.35, linewidth=0, zorder=0)
        for side, sample, at, colour, marker in (
            ("single", task.single, row - APART, SINGLE_COLOUR, "s"),
            ("joint", task.joint, row + APART, JOINT_COLOUR, "o"),
        ):
            place = {"zero": task.single.mean, "row": at, "gid": f"{side}:{name}"}
            draw_sample(axes, sample, main=task.main, colour=colour, marker=marker, **place)
        _words(axes, fonts, name, task, row=row)
    _columns(axes)
    axes.set_yticks([])
    axes.set_xlabel("points above the single-task mean", fontsize=9, color=MUTED)
    axes.margins(x=0.12)
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=8, length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
    _heading(result, comparison, width=width, height=height)
    return result


def _words(axes: Axes, fonts: Fonts, name: str, task: TaskResult, *, row: int) -> None:
    """Write what a row is and its figures beside it."""
    where = axes.get_yaxis_transform()
    look = {"transform": where, "va": "center", "clip_on": False}
    shown = fonts.drawable(name)
    axes.text(
        -0.02, row - 0.14, shown, ha="right", fontsize=10, color=INK, family=fonts.families, weight="bold", **look
    )
    axes.text(-0.02, row + 0.2, task.main.replace("_", " "), ha="right", fontsize=8, color=MUTED, **look)
    for at, sample in ((SINGLE_AT, task.single), (JOINT_AT, task.joint)):
        axes.text(at, row, number(task.main, sample.mean), ha="right", fontsize=9.5, color=INK, **look)
    colour = MUTED if not task.beyond else GAINED if (task.gain or 0) > 0 else LOST
    weight = "bold" if task.beyond else "normal"
    difference = signed(task.main, task.difference)
    axes.text(DIFFERENCE_AT, row, difference, ha="right", fontsize=9.5, color=colour, weight=weight, **look)
    axes.text(DIFFERENCE_AT, row, plus_minus(task.main, task.margin), ha="left", fontsize=8.5, color=MUTED, **look)


SINGLE_AT, JOINT_AT, DIFFERENCE_AT = 1.15, 1.33, 1.53
"""Right ends of the columns of figures, in widths of the plot."""


def _columns(axes: Axes) -> None:
    for at, text, colour in (
        (SINGLE_AT, "single", SINGLE_COLOUR),
        (JOINT_AT, "joint", JOINT_COLOUR),
        (DIFFERENCE_AT, "difference", INK),
    ):
        axes.annotate(
            text,
            (at, 1),
            xytext=(0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=colour,
            weight="bold",
        )


def _heading(result: Figure, comparison: Comparison, *, width: float, height: float) -> None:
    seeds = len(comparison.seeds)
    gain = signed_percent(comparison.mean_gain)
    result.text(
        0.18 / width, 1 - 0.3 / height, "Joint against single-task training", fontsize=12.5, color=INK, weight="bold"
    )
    below = f"mean relative gain {gain} over {len(comparison.tasks)} task{'s' * (len(comparison.tasks) > 1)}; "
    below += (
        f"{seeds} seeds, bars of one standard deviation; ± is a 95% confidence interval, colour where it leaves out 0"
        if seeds > 1
        else "one seed, so that nothing tells a difference from chance"
    )
    result.text(0.18 / width, 1 - 0.55 / height, below, fontsize=8.5, color=MUTED)
