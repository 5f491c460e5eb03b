"""A figure over seeds, drawn: its mean, its spread, and a dot a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiernlp.comparison.statistics import Sample
from hiernlp.training.tables import NOT_SHARES

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_sample(
    axes: Axes, sample: Sample, *, main: str, zero: float, row: float, colour: str, marker: str, gid: str
) -> None:
    """Draw a figure as far from 0 as it is above another, shares of one in points.

    Args:
        axes: where to.
        sample: the figure; its bar is one standard deviation to both sides.
        main: name of the figure.
        zero: what stands at 0.
        row: height of the points.
        colour: their colour.
        marker: the mark of the mean.
        gid: name of that mark in an SVG.
    """
    unit = 1.0 if main in NOT_SHARES else 100.0
    at = unit * (sample.mean - zero)
    if sample.deviation is not None:
        axes.errorbar(
            at, row, xerr=unit * sample.deviation, color=colour, linewidth=1.8, capsize=3.5, capthick=1.4, zorder=2
        )
        seeds = [unit * (value - zero) for value in sample.values]
        axes.scatter(seeds, [row] * len(seeds), s=16, color=colour, linewidths=0.8, edgecolors="white", zorder=3)
    axes.plot(at, row, marker=marker, markersize=7, color=colour, markeredgecolor="white", zorder=4, gid=gid)
