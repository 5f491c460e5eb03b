"""A picture of a probe: a heat map of tasks by layers, with each task's place and expected layer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.figures import INK, MUTED, PALETTE, Fonts, check_path, save, tint
from hiernlp.probing.results import ProbeResult, TaskResult
from hiernlp.training.tables import NOT_SHARES, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLD, WARM = 0.05, 0.95
"""Shares of the colour of the worst and the best layer of a task."""
DARK = 0.6
"""From this share on figures are written in white."""
CELL, ROW = 0.68, 0.62
"""Size of a cell, in inches."""
GAP = 0.1
"""Between cells and what stands beside them, in inches."""


def draw_probe(result: ProbeResult, path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Draw a probe as PNG or SVG, by the path's suffix, and return the path.

    One row a task, lowest first, one column a layer: the score of a probe there, the darker the nearer to the task's
    best layer, from its worst one. A frame is around the task's place; a triangle from below points at the expected
    layer, one from above at the centre of gravity.

    Raises:
        HierNLPError: the path's suffix or folder will not do.
    """
    check_path(path)
    return save(figure(result), path, resolution=resolution)


def figure(result: ProbeResult) -> Figure:
    """Return the picture as a matplotlib figure (see :func:`draw_probe`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    names = result.bottom_up
    fonts = Fonts(" ".join([*names, result.probed]))
    layers, rows = result.depth + 1, len(names)
    # In inches, so that cells keep their size however many there are.
    left = max(1.3, 0.3 + 0.1 * max(map(len, names)))
    shown = fonts.drawable(result.probed)
    width = max(left + CELL * layers + 1.35, 0.3 + 0.07 * len(shown) + 1.0, 6.6)
    height = ROW * rows + 1.75
    drawn = Figure(figsize=(width, height), facecolor="white")
    axes = drawn.add_axes((left / width, 0.85 / height, CELL * layers / width, ROW * rows / height))
    axes.set_xlim(-0.5, layers - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    for row, name in enumerate(names):
        _row(axes, fonts, name, result.tasks[name], row=row, place=result.places[name])
    axes.text(
        1 + GAP / (CELL * layers),
        -0.6,
        "best over\nmajority",
        transform=axes.get_yaxis_transform(),
        ha="left",
        va="bottom",
        fontsize=8,
        color=MUTED,
        clip_on=False,
    )
    axes.set_xticks(range(layers))
    axes.set_yticks([])
    axes.set_xlabel("layer (0: embeddings)", fontsize=9, color=MUTED)
    axes.spines[:].set_visible(False)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    drawn.text(
        0.18 / width,
        1 - 0.3 / height,
        "Which layer suits a task?",
        fontsize=12.5,
        color=INK,
        weight="bold",
        va="center",
    )
    drawn.text(0.18 / width, 1 - 0.56 / height, shown, fontsize=8.5, color=MUTED, va="center", family=fonts.families)
    _legend(drawn, result, width=width, height=height)
    return drawn


def _row(axes: Axes, fonts: Fonts, name: str, task: TaskResult, *, row: int, place: int) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - slow to import

    low, high = min(task.layers), max(task.layers)
    for layer, score in enumerate(task.layers):
        share = (score - low) / (high - low) if high > low else 1.0
        colour = tint(PALETTE[0], COLD + (WARM - COLD) * share)
        axes.add_patch(
            Rectangle((layer - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2, zorder=1)
        )
        axes.text(
            layer,
            row,
            number(task.main, score),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if share > DARK else INK,
            gid=f"score:{name}:{layer}",
            zorder=3,
        )
    axes.add_patch(
        Rectangle(
            (place - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=PALETTE[1], linewidth=2.2, zorder=4,
            gid=f"place:{name}",
        )
    )  # fmt: skip
    _marks(axes, name, task, row=row)
    look = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    axes.text(
        -GAP / (CELL * len(task.layers)),
        row - 0.12,
        fonts.drawable(name).replace("$", r"\$"),
        ha="right",
        fontsize=10,
        color=INK,
        weight="bold",
        family=fonts.families,
        **look,
    )
    axes.text(
        -GAP / (CELL * len(task.layers)),
        row + 0.2,
        task.main.replace("_", " "),
        ha="right",
        fontsize=8,
        color=MUTED,
        **look,
    )
    best = max(task.layers)
    gained = best - task.baseline
    told = f"{gained:+.4f}" if task.main in NOT_SHARES else f"{100 * gained:+.1f}"
    axes.text(1 + GAP / (CELL * len(task.layers)), row, told, ha="left", fontsize=8.5, color=MUTED, **look)


def _marks(axes: Axes, name: str, task: TaskResult, *, row: int) -> None:
    """Mark the expected layer and the centre of gravity; those outside of the layers at their edge."""
    top = len(task.layers) - 1
    look = {"linestyle": "none", "zorder": 5, "markersize": 7, "markeredgecolor": "white", "markeredgewidth": 0.7}
    if task.expected_layer is not None:
        at = min(max(task.expected_layer, 0.0), float(top))
        axes.plot(at, row + 0.36, marker="^", color=PALETTE[1], gid=f"expected:{name}", **look)
    axes.plot(task.centre_of_gravity, row - 0.37, marker="v", color=PALETTE[4], gid=f"centre:{name}", **look)


def _legend(drawn: Figure, result: ProbeResult, *, width: float, height: float) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - slow to import

    def mark(marker: str, colour: str, label: str, *, hollow: bool = False) -> Line2D:
        face = "none" if hollow else colour
        return Line2D(
            [], [], marker=marker, color=colour, markerfacecolor=face, markersize=7, linestyle="none", label=label,
            markeredgewidth=1.8 if hollow else 0,
        )  # fmt: skip

    drawn.legend(
        handles=[
            mark("s", PALETTE[1], f"smallest layer with {100 * result.share:g}% of the best score", hollow=True),
            mark("^", PALETTE[1], "expected layer"),
            mark("v", PALETTE[4], "centre of gravity"),
        ],
        loc="lower left",
        bbox_to_anchor=(0.1 / width, 0.06 / height),
        ncols=3,
        frameon=False,
        fontsize=8,
        labelcolor=MUTED,
        handletextpad=0.2,
        columnspacing=1.2,
        borderpad=0,
    )
