"""A picture of an affinity measurement: who helps whom, gradients' cosines by layer, and affinity over training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from hiernlp.figures import FAINT, INK, MUTED, PALETTE, Fonts, check_path, save, tint
from hiernlp.insight.affinity_results import Affinity, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

HELPS, HURTS = PALETTE[0], PALETTE[1]
CELL = 0.66
"""Width of a matrix's cell in inches; its height is two thirds of it."""
LOW = 0.44
THIN = 0.25
"""Height of a row of the pairs' cosines."""
MOST_PAIRS = 28
"""So many pairs of tasks have a row of cosines; eight tasks have as many."""
TALLEST = 3.6
"""Greatest height of the lines over training."""
LETTER = 0.088
"""Width of a letter of a name."""
STYLES = ("-", "--", ":")
DARK = 0.8
"""Cells of more than this share of the deepest colour have white figures."""


@dataclass(frozen=True)
class _Box:
    """A panel's place on the page, in inches from the lower left."""

    left: float
    bottom: float
    width: float
    height: float


def draw_affinity(found: Affinity, path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Draw an affinity measurement as PNG or SVG, by the path's suffix, and return the path.

    Above, the mean affinity of each row's task for each column's, and the mean cosine of their gradients; what a task's
    own step does to its own loss stands in grey. Below, the cosine of every pair layer by layer, and over training the
    affinity for the main task of each of the others, or without a main task that of all others for each task.

    Raises:
        HierNLPError: the path's suffix or folder will not do.
    """
    check_path(path)
    return save(figure(found), path, resolution=resolution)


def figure(found: Affinity) -> Figure:
    """Return the picture as a matplotlib figure (see :func:`draw_affinity`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    fonts = Fonts(" ".join(found.tasks))
    size, pairs, layers = len(found.tasks), shown_pairs(found), found.layers
    name = LETTER * max(map(len, found.tasks)) + 0.15
    pair_name = LETTER * max(len(f"{i} · {j}") for i, j in pairs) + 0.15
    slant = 0.2 + 0.57 * name  # room for slanted names above a matrix
    matrix = (size * CELL, size * LOW)
    by_layer = (max(len(layers), 1) * CELL * 0.8, len(pairs) * THIN)
    left = 0.3 + max(name, pair_name)
    second = left + max(matrix[0], by_layer[0]) + 0.7 + slant
    below = max(by_layer[1], 2.2)
    width = max(second + name + matrix[0] + slant, second + 5.0)
    height = 1.0 + slant + matrix[1] + 1.15 + below + 0.7
    result = Figure(figsize=(width, height), facecolor="white")

    def panel(box: _Box, title: str, *, above: float) -> Axes:
        axes = result.add_axes((box.left / width, box.bottom / height, box.width / width, box.height / height))
        axes.set_title(title, fontsize=10, color=INK, weight="bold", loc="left", pad=72 * above + 5)
        axes.tick_params(colors=MUTED, labelsize=8, length=0)
        axes.spines[:].set_visible(False)
        return axes

    bottom = height - 1.0 - slant - matrix[1]
    power = found.power
    affinity = [[None if (s := found.affinity(i, j)) is None else s.mean for j in found.tasks] for i in found.tasks]
    cosine = [[None if (s := found.cosine(i, j)) is None else s.mean for j in found.tasks] for i in found.tasks]
    names = [fonts.drawable(task) for task in found.tasks]
    title = "Affinity" + (f" × 10{_superscript(power)}" if power else "") + ": the row's task for the column's"
    axes = panel(_Box(left, bottom, *matrix), title, above=slant)
    _matrix(axes, affinity, names, fonts, power=power)
    axes = panel(_Box(second + name, bottom, *matrix), "Cosine of gradients", above=slant)
    _matrix(axes, cosine, names, fonts, power=0)

    values = [
        [None if (s := found.cosine(i, j, layer=layer)) is None else s.mean for layer in layers] for i, j in pairs
    ]
    which = "" if len(pairs) == len(found.pairs) else f", the {len(pairs)} pairs with most of it"
    axes = panel(_Box(left, 0.7 + below - by_layer[1], *by_layer), f"Cosine of gradients by layer{which}", above=0)
    _layers(axes, values, [fonts.drawable(f"{i} · {j}") for i, j in pairs], layers, fonts)
    over = f"Affinity for {fonts.drawable(found.main)}" if found.main else "Mean affinity for each task"
    lines = _Box(second + 0.3, 0.7 + below - min(below, TALLEST), width - second - 0.55 - name, min(below, TALLEST))
    axes = panel(lines, f"{over} over training", above=0)
    _over_training(axes, found, fonts, power=power, apart=0.17 / lines.height)
    _heading(result, found, width=width, height=height)
    return result


def shown_pairs(found: Affinity) -> list[tuple[str, str]]:
    """Return the pairs of tasks whose cosines are shown by layer: all, or those whose cosine is farthest from 0."""
    pairs = list(found.pairs)
    if len(pairs) <= MOST_PAIRS:
        return pairs
    cosines = {pair: abs(s.mean) if (s := found.cosine(*pair)) else 0.0 for pair in pairs}
    kept = set(sorted(pairs, key=lambda pair: -cosines[pair])[:MOST_PAIRS])
    return [pair for pair in pairs if pair in kept]


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _colours() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - slow to import

    return LinearSegmentedColormap.from_list("help", [HURTS, tint(HURTS, 0.4), "#FFFFFF", tint(HELPS, 0.4), HELPS])


def _paint(axes: Axes, rows: Sequence[Sequence[float | None]], *, limit: float) -> None:
    """Colour the cells of a matrix, white at 0 and deepest at the limit."""
    import numpy as np  # noqa: PLC0415 - as matplotlib

    values = np.ma.masked_invalid([[np.nan if v is None else v for v in row] for row in rows])
    colours = _colours().with_extremes(bad=tint(FAINT, 0.45))
    axes.imshow(values, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(np.arange(len(rows[0]) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(which="minor", length=0)


def _matrix(
    axes: Axes,
    rows: Sequence[Sequence[float | None]],
    names: Sequence[str],
    fonts: Fonts,
    *,
    power: int,
) -> None:
    size = len(names)
    others = [abs(v) for i, row in enumerate(rows) for j, v in enumerate(row) if i != j and v is not None]
    limit = max(others, default=0.0) or 1.0
    _paint(axes, [[None if i == j else v for j, v in enumerate(row)] for i, row in enumerate(rows)], limit=limit)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            deep = i != j and value is not None and abs(value) > DARK * limit
            colour = "white" if deep else MUTED if i == j else INK
            axes.text(j, i, signed(value, power), ha="center", va="center", fontsize=8.5, color=colour)
    look = {"fontsize": 9, "color": INK, "family": fonts.families, "parse_math": False}
    axes.xaxis.tick_top()
    axes.set_xticks(range(size), names, rotation=35, ha="left", rotation_mode="anchor", **look)
    axes.set_yticks(range(size), names, **look)


def _layers(
    axes: Axes, rows: Sequence[Sequence[float | None]], pairs: Sequence[str], layers: Sequence[str], fonts: Fonts
) -> None:
    limit = max((abs(v) for row in rows for v in row if v is not None), default=0.0) or 1.0
    if layers:
        _paint(axes, rows, limit=limit)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if value is not None:
                colour = "white" if abs(value) > DARK * limit else INK
                axes.text(j, i, signed(value), ha="center", va="center", fontsize=7.5, color=colour)
    axes.set_xticks(range(len(layers)), layers)
    axes.set_yticks(range(len(pairs)), pairs, fontsize=8, color=INK, family=fonts.families, parse_math=False)
    axes.set_xlabel("layer, 0 being the embeddings", fontsize=8.5, color=MUTED)


def _over_training(axes: Axes, found: Affinity, fonts: Fonts, *, power: int, apart: float) -> None:
    """Draw a line a task: its affinity for the main task, or without one that of all others for it.

    Names are at least ``apart`` of the panel's height from each other.
    """
    axes.axhline(0, color=MUTED, linewidth=0.9)
    lines = [task for task in found.tasks if task != found.main]
    ends: list[tuple[float, float, str, str]] = []
    for number, task in enumerate(lines):
        points: list[tuple[int, float]] = []
        for m in found.measurements:
            if found.main is not None:
                values = [m.affinity.get(task, {}).get(found.main)]
            else:
                values = [m.affinity.get(other, {}).get(task) for other in found.tasks if other != task]
            known = [v for v in values if v is not None]
            if known:
                points.append((m.step, 10**power * fmean(known)))
        if not points:
            continue
        colour, style = PALETTE[number % len(PALETTE)], STYLES[number // len(PALETTE) % len(STYLES)]
        steps, raw = [step for step, _ in points], [value for _, value in points]
        smooth = _running_mean(raw, width=max(1, len(raw) // 8))
        axes.plot(steps, raw, color=colour, linewidth=0.8, alpha=0.3)
        axes.plot(steps, smooth, color=colour, linewidth=1.7, linestyle=style, gid=f"towards:{task}")
        ends.append((smooth[-1], steps[-1], fonts.drawable(task), colour))
    axes.grid(axis="y", color=FAINT, linewidth=0.7)
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_xlabel("steps of training", fontsize=8.5, color=MUTED)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
    axes.locator_params(axis="x", integer=True)
    low, high = axes.get_ylim()
    ends.sort()
    places = _spread([value for value, *_ in ends], gap=(high - low) * apart, most=high)
    for place, (_, step, name, colour) in zip(places, ends, strict=True):
        axes.annotate(
            name,
            (step, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=colour,
            family=fonts.families,
            parse_math=False,
            annotation_clip=False,
        )


def _spread(values: Sequence[float], *, gap: float, most: float) -> list[float]:
    """Return places near rising values, at least a gap apart and, as far as there is room, not above ``most``."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + gap) if places else value)
    for at in range(len(places) - 1, -1, -1):
        most = min(most, places[at])
        places[at] = most
        most -= gap
    return places


def _running_mean(values: Sequence[float], *, width: int) -> list[float]:
    """Return the means over as many values to both sides as there are, at most ``width``."""
    means = []
    for at in range(len(values)):
        reach = min(width, at, len(values) - 1 - at)
        means.append(fmean(values[at - reach : at + reach + 1]))
    return means


def _heading(result: Figure, found: Affinity, *, width: float, height: float) -> None:
    result.text(0.18 / width, 1 - 0.3 / height, "Which tasks help which", fontsize=12.5, color=INK, weight="bold")
    below = (
        f"{len(found.measurements)} measurements in {found.steps} steps of joint training; blue helps, orange hurts; "
        "grey: a task's own step"
    )
    result.text(0.18 / width, 1 - 0.55 / height, below, fontsize=8.5, color=MUTED)
