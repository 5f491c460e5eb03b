"""A picture of a model: its layers from the embeddings up, each task on its layer, and what is fed upward."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.figures import INK, MUTED, PALETTE, Fonts, save, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hiernlp.hub.folder import Bundle

ROW, GAP, BAR, CHARACTER, PAD, MARGIN = 0.46, 0.42, 1.55, 0.088, 0.3, 0.2
"""Inches: a layer, between tasks, the width of a layer, a character of a task's name, around it, around all."""
LOW, HIGH = 0.1, 0.5
"""Shares of the colour of the lowest and the highest layer."""


@dataclass(frozen=True)
class Placed:
    """A task's name and the layers that it reads, ``low`` to ``high``."""

    name: str
    low: int
    high: int


@dataclass(frozen=True)
class Fed:
    """Beliefs that go from a task to a task, or with None to the layers above it."""

    source: str
    target: str | None


def draw_layers(bundle: Bundle) -> bytes:
    """Return the picture of a model as PNG; the same model gives the same bytes."""
    placed = tuple(Placed(t, bundle.model.places[t].low, bundle.model.places[t].high) for t in bundle.model.tasks)
    fed = tuple(Fed(feed.source, feed.target) for feed in bundle.model.feeds)
    return _drawn(bundle.model.scheme.depth, placed, fed)


@lru_cache(maxsize=8)  # a run saves the model of one shape again and again
def _drawn(depth: int, tasks: tuple[Placed, ...], feeds: tuple[Fed, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return save(figure(depth, tasks, feeds), Path(folder) / "layers.png", resolution=110).read_bytes()


def figure(depth: int, tasks: Sequence[Placed], feeds: Sequence[Fed]) -> Figure:
    """Return the picture as a matplotlib figure.

    A task stands beside the highest layer that it reads; a bracket spans those that it mixes. A triangle on a task
    tells that its beliefs are added to the layers above, an arrow that another task reads them.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    fonts = Fonts(" ".join(task.name for task in tasks))
    shown = {task.name: fonts.drawable(task.name) for task in tasks}
    left = MARGIN + BAR + GAP
    places: dict[str, tuple[float, float]] = {}
    ends = dict.fromkeys(range(depth + 1), left)
    for task in tasks:
        # What reads a mix stands to the right of all that its bracket passes.
        start = (
            max(ends[layer] for layer in range(task.low, task.high + 1)) if task.low < task.high else ends[task.high]
        )
        width = CHARACTER * len(shown[task.name]) + PAD
        places[task.name] = (start, width)
        for layer in range(task.low, task.high + 1):
            ends[layer] = start + (width if layer == task.high else 0.0) + GAP
    wide = max([*ends.values(), left + 2.4]) + MARGIN - GAP / 2
    high = ROW * (depth + 1) + 2 * MARGIN
    drawn = Figure(figsize=(wide, high), facecolor="white")
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, wide)
    axes.set_ylim(0, high)
    for layer in range(depth + 1):
        colour = tint(PALETTE[0], LOW + (HIGH - LOW) * layer / max(depth, 1))
        _box(axes, MARGIN, _y(layer), BAR, colour=colour, edge="none")
        text = "embeddings" if layer == 0 else f"layer {layer}"
        axes.text(MARGIN + BAR / 2, _y(layer), text, ha="center", va="center_baseline", fontsize=9, color=INK)
    for task in tasks:
        start, width = places[task.name]
        y = _y(task.high)
        _box(axes, start, y, width, colour=tint(PALETTE[1], 0.18), edge=PALETTE[1])
        axes.text(
            start + width / 2, y, shown[task.name], ha="center", va="center_baseline", fontsize=9, color=INK,
            family=fonts.families, parse_math=False,
        )  # fmt: skip
        if task.low < task.high:
            x, bottom = start - 0.13, _y(task.low) - 0.12
            axes.plot([x - 0.07, x, x, start], [bottom, bottom, y, y], color=PALETTE[1], lw=1.2, zorder=1)
    for feed in feeds:
        _feed(axes, places, {task.name: task.high for task in tasks}, feed)
    return drawn


def _y(layer: int) -> float:
    return MARGIN + ROW * (layer + 0.5)


def _box(axes: Axes, x: float, y: float, width: float, *, colour: str, edge: str) -> None:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415 - slow to import

    shape = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch((x, y - 0.15), width, 0.3, boxstyle=shape, facecolor=colour, edgecolor=edge, lw=1.0, zorder=2)
    )


def _feed(axes: Axes, places: dict[str, tuple[float, float]], layers: dict[str, int], feed: Fed) -> None:
    x, width = places[feed.source]
    y = _y(layers[feed.source])
    if feed.target is None:
        axes.plot(x + width - 0.1, y + 0.15, marker="^", color=PALETTE[1], markersize=6, zorder=3, clip_on=False)
        return
    to_x, to_width = places[feed.target]
    to_y = _y(layers[feed.target])
    level = to_y == y
    axes.annotate(
        "",
        xy=(to_x + to_width / 2, to_y - 0.15),
        xytext=(x + width / 2, y - 0.15 if level else y + 0.15),
        arrowprops={
            "arrowstyle": "-|>", "color": MUTED, "lw": 1.0, "shrinkA": 0, "shrinkB": 0,
            "connectionstyle": f"arc3,rad={0.3 if level else -0.08}",
        },
        zorder=4,
    )  # fmt: skip
