"""A picture of an ablation: the main task's score in every variant, around its score alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.comparison._figures import plus_minus, signed
from hiernlp.comparison._points import draw_sample
from hiernlp.figures import FAINT, INK, MUTED, PALETTE, Fonts, check_path, save
from hiernlp.insight.ablation import ALL
from hiernlp.insight.ablation_results import AblationResult, VariantResult
from hiernlp.training.tables import NOT_SHARES, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALONE_COLOUR, ALL_COLOUR, OTHER_COLOUR = PALETTE[7], PALETTE[0], PALETTE[6]
BETTER, WORSE = PALETTE[2], PALETTE[1]
SCORE_AT, DIFFERENCE_AT = 1.16, 1.38
"""Right ends of the columns of figures, in widths of the plot."""
ROW = 0.42
"""Height of a row in inches."""


def draw_ablation(found: AblationResult, path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Draw an ablation as PNG or SVG, by the path's suffix, and return the path.

    One row a variant: the mean score of the main task, as many points from 0 as it is above its mean alone, with a bar
    of one standard deviation to both sides and a small dot a seed; the dashed line is the mean with all tasks. Beside
    it the score and the difference from the variant that it is compared with, in colour where it is beyond the seeds'
    spread.

    Raises:
        HierNLPError: the path's suffix or folder will not do.
    """
    check_path(path)
    return save(figure(found), path, resolution=resolution)


def figure(found: AblationResult) -> Figure:
    """Return the picture as a matplotlib figure (see :func:`draw_ablation`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    fonts = Fonts(" ".join([found.main, *(variant.name for variant in found.variants)]))
    rows = len(found.variants)
    left = max(1.3, 0.3 + 0.09 * max(len(variant.name) for variant in found.variants))
    width, height = left + 8.0, 1.75 + ROW * rows
    result = Figure(figsize=(width, height), facecolor="white")
    axes = result.add_axes((left / width, 0.62 / height, 4.6 / width, ROW * rows / height))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    unit, zero = 1.0 if found.figure in NOT_SHARES else 100.0, found.alone.mean
    axes.axvline(
        unit * (found.variants[-1].score.mean - zero), color=ALL_COLOUR, linewidth=0.9, linestyle="--", zorder=1
    )
    for row, variant in enumerate(found.variants):
        if row % 2 == 0:
            axes.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.35, linewidth=0, zorder=0)
        colour = ALONE_COLOUR if variant.contrast is None else ALL_COLOUR if variant.name == ALL else OTHER_COLOUR
        marker = "s" if variant.contrast is None else "D" if variant.reference == ALL else "o"
        draw_sample(
            axes, variant.score, main=found.figure, zero=zero, row=row, colour=colour, marker=marker, gid=variant.name
        )
        _words(axes, fonts, found, variant, row=row)
    for at, text in ((SCORE_AT, "score"), (DIFFERENCE_AT, "difference")):
        axes.annotate(
            text,
            (at, 1),
            xytext=(0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=INK,
            weight="bold",
        )
    axes.set_yticks([])
    axes.set_xlabel("points above the main task alone", fontsize=9, color=MUTED)
    axes.margins(x=0.12)
    axes.grid(axis="x", color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=8, length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
    _heading(result, found, fonts, width=width, height=height)
    return result


def _words(axes: Axes, fonts: Fonts, found: AblationResult, variant: VariantResult, *, row: int) -> None:
    """Write what a row is and its figures beside it."""
    look = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    name, main = fonts.drawable(variant.name), found.figure
    axes.text(-0.02, row, name, ha="right", fontsize=10, color=INK, family=fonts.families, parse_math=False, **look)
    axes.text(SCORE_AT, row, number(main, variant.score.mean), ha="right", fontsize=9.5, color=INK, **look)
    contrast = variant.contrast
    if contrast is None:
        return
    colour = MUTED if not contrast.beyond else BETTER if contrast.difference > 0 else WORSE
    weight = "bold" if contrast.beyond else "normal"
    difference = signed(main, contrast.difference)
    axes.text(DIFFERENCE_AT, row, difference, ha="right", fontsize=9.5, color=colour, weight=weight, **look)
    beside = f"{plus_minus(main, contrast.margin)}  from {variant.reference}"
    axes.text(DIFFERENCE_AT, row, beside, ha="left", fontsize=8.5, color=MUTED, **look)


def _heading(result: Figure, found: AblationResult, fonts: Fonts, *, width: float, height: float) -> None:
    title = fonts.drawable(f"What the other tasks change for {found.main}")
    look = {"fontsize": 12.5, "color": INK, "weight": "bold", "family": fonts.families, "parse_math": False}
    result.text(0.18 / width, 1 - 0.3 / height, title, **look)
    below = f"{found.figure.replace('_', ' ')} on development data; dashed: with all tasks; "
    below += (
        f"{len(found.seeds)} seeds, bars of one standard deviation; ± is a 95% confidence interval, colour where it "
        "leaves out 0"
        if len(found.seeds) > 1
        else "one seed, so that nothing tells a difference from chance"
    )
    result.text(0.18 / width, 1 - 0.55 / height, below, fontsize=8.5, color=MUTED)
