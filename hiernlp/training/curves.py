"""A picture of a training run: losses over steps, scores on development data, what schedules and gates changed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from hiernlp.figures import FAINT, INK, MUTED, PALETTE, Fonts, check_path, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":")
"""Line styles, the next one for every round of the palette."""

LOOKS = {"weight": "-", "reversal": "--", "gate": "-."}
"""The line of what changed over training, by what it is."""

Points = list[tuple[float, float]]


@dataclass
class Curves:
    """What a log says, by task, as (step, value).

    Attributes:
        losses: training losses.
        scores: main scores on the development data.
        mains: which figure the main score is, by task.
        figure: the figure that chooses checkpoints.
        schedules: what changed over training, by name: factors of tasks' weights, strengths of reversals, gates.
    """

    losses: dict[str, Points] = field(default_factory=dict)
    scores: dict[str, Points] = field(default_factory=dict)
    mains: dict[str, str] = field(default_factory=dict)
    figure: Points = field(default_factory=list)
    schedules: dict[str, Points] = field(default_factory=dict)

    @classmethod
    def of(cls, log: Iterable[Mapping[str, Any]]) -> Curves:
        """Gather the curves of a log; lines of other events, and numbers that are not finite, are passed over.

        Example:
            >>> Curves.of([{"event": "step", "step": 10, "losses": {"upos": 0.5}}]).losses
            {'upos': [(10, 0.5)]}
        """
        curves = cls()
        for line in log:
            step, event = line.get("step"), line.get("event")
            if step is None:
                continue
            if event == "step":
                losses = line.get("losses") or ({} if line.get("loss") is None else {"loss": line["loss"]})
                for task, loss in losses.items():
                    _add(curves.losses, task, step, loss)
                for name, value in (line.get("schedules") or {}).items():
                    _add(curves.schedules, name, step, value)
            elif event == "evaluation":
                for task, scores in (line.get("scores") or {}).items():
                    curves.mains[task] = scores["main"]
                    _add(curves.scores, task, step, scores["values"].get(scores["main"]))
                if _finite(figure := line.get("figure")):
                    curves.figure.append((step, figure))
        return curves

    @property
    def tasks(self) -> list[str]:
        """All tasks in the order in which the log names them."""
        return list(dict.fromkeys([*self.losses, *self.scores]))


def draw_curves(log: Iterable[Mapping[str, Any]], path: str | os.PathLike[str], *, resolution: float = 150) -> Path:
    """Draw a training log as PNG or SVG, by the path's suffix, and return the path.

    The left panel shows each task's training loss over the steps (faint), with a running mean over it (strong); the
    right one each task's main score at every evaluation. A log without any step or evaluation gives an empty panel.
    Where weights or reversals were scheduled, or gates learnt, a third panel below shows them.

    Args:
        log: the lines of a run's log, such as ``{"event": "step", "step": 10, "losses": {"upos": 0.5}}`` and
            ``{"event": "evaluation", "step": 100, "scores": {"upos": {"main": "accuracy", "values": {...}}}}``.
        path: the file, ending in ``.png`` or ``.svg``.
        resolution: dots an inch of a PNG.

    Raises:
        HierNLPError: the path's suffix or folder will not do.

    Example:
        >>> import json
        >>> lines = Path("runs/first/log.jsonl").read_text().splitlines()  # doctest: +SKIP
        >>> draw_curves([json.loads(line) for line in lines], "curves.png")  # doctest: +SKIP
    """
    check_path(path)
    return save(figure(log), path, resolution=resolution)


def figure(log: Iterable[Mapping[str, Any]]) -> Figure:
    """Return the picture of a log as a matplotlib figure (see :func:`draw_curves`)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    curves = Curves.of(log)
    fonts = Fonts(" ".join([*curves.tasks, *curves.mains.values()]))
    height = 7.6 if curves.schedules else 4.8
    result = Figure(figsize=(13, height), facecolor="white", layout="constrained")
    layout = result.get_layout_engine()
    if layout is not None:
        layout.set(w_pad=0.15, h_pad=0.15)  # type: ignore[call-arg] - the constrained layout has both
    grid = result.add_gridspec(2 if curves.schedules else 1, 2, height_ratios=(4.8, 2.8) if curves.schedules else None)
    left, right = result.add_subplot(grid[0, 0]), result.add_subplot(grid[0, 1])
    panels = [left, right]
    _panel(left, title="Training loss (running mean)", empty="no steps yet" if not curves.losses else None)
    _panel(right, title="Main score on development data", empty="no evaluation yet" if not curves.scores else None)
    looks: dict[str, dict[str, Any]] = {
        task: {"color": PALETTE[i % len(PALETTE)], "linestyle": STYLES[i // len(PALETTE) % len(STYLES)]}
        for i, task in enumerate(curves.tasks)
    }
    for task, points in curves.losses.items():
        steps, values = _columns(points)
        left.plot(steps, values, color=looks[task]["color"], linewidth=0.6, alpha=0.25)
        left.plot(steps, smooth(values), linewidth=1.7, label=_label(fonts, task), gid=f"loss:{task}", **looks[task])
    if curves.losses and _wide(curves.losses):
        left.set_yscale("log")
    elif curves.losses:
        left.set_ylim(bottom=min(0.0, *(value for points in curves.losses.values() for _, value in points)))
    for task, points in curves.scores.items():
        steps, values = _columns(points)
        name = _label(fonts, f"{task} ({curves.mains[task].replace('_', ' ')})")
        right.plot(
            steps, values, marker="o", markersize=3.5, linewidth=1.6, label=name, gid=f"score:{task}", **looks[task]
        )
    if curves.figure:
        steps, values = _columns(curves.figure)
        right.plot(steps, values, color=INK, linewidth=2.4, alpha=0.55, label="chooses checkpoints", gid="figure")
    if curves.schedules:
        panels.append(below := result.add_subplot(grid[1, :]))
        _panel(below, title="Factors of weights, strengths of reversals, gates", empty=None)
        for number, (name, points) in enumerate(curves.schedules.items()):
            steps, values = _columns(points)
            # The colour says which task, the line what of it, and the strength which of its layers.
            what, _, task = name.partition("/")
            label, strength = f"{what} of {task}", 1.0
            if task not in looks and task.rpartition("/")[0] in looks:
                task, _, layer = task.rpartition("/")
                label = f"{what} of {task}, layer {layer}"
                layers = [other for other in curves.schedules if other.rpartition("/")[0] == f"{what}/{task}"]
                strength = 0.3 + 0.7 * (1 + layers.index(name)) / len(layers)
            color = looks.get(task, {}).get("color", PALETTE[number % len(PALETTE)])
            below.plot(
                steps,
                values,
                color=color,
                alpha=strength,
                linestyle=LOOKS.get(what, "-"),
                linewidth=1.7,
                label=_label(fonts, label),
                gid=name,
            )
        below.set_ylim(bottom=0)
    for axes in panels:
        if axes.get_lines():
            # Beside the lines, so that it never covers one.
            legend = axes.legend(
                loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=8, borderaxespad=0
            )
            for text in legend.get_texts():
                text.set_family(fonts.families)  # pyright: ignore[reportAttributeAccessIssue] - set by matplotlib
                text.set_color(INK)
    return result


def smooth(values: Sequence[float], *, span: float | None = None) -> list[float]:
    """Return the running mean of values, each weighing less the longer ago it was.

    The exponential moving average with alpha = 2 / (span + 1), corrected for its start as in Adam (Kingma & Ba 2015),
    so that the first value stays and constant values stay constant.

    Args:
        values: the values.
        span: how many values count in effect; by default a twentieth of them, at least 1 and at most 200.

    Example:
        >>> smooth([1.0, 1.0, 1.0], span=3)
        [1.0, 1.0, 1.0]
    """
    size = min(max(len(values) / 20, 1.0), 200.0) if span is None else span
    alpha = 2 / (size + 1)
    total, weight, found = 0.0, 0.0, []
    for value in values:
        total = (1 - alpha) * total + alpha * value
        weight = (1 - alpha) * weight + alpha
        found.append(total / weight)
    return found


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _add(curves: dict[str, Points], task: str, step: float, value: float | None) -> None:
    if _finite(value):
        curves.setdefault(task, []).append((step, value))


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [step for step, _ in points], [value for _, value in points]


def _wide(losses: Mapping[str, Points]) -> bool:
    """Return whether losses are all positive and so far apart that only a logarithmic axis shows the small ones."""
    values = [value for points in losses.values() for value in smooth(_columns(points)[1])]
    return min(values) > 0 and max(values) > 50 * min(values)


def _label(fonts: Fonts, text: str) -> str:
    # A label that begins with an underscore is left out of a legend, and dollars mean formulas.
    shown = fonts.drawable(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _panel(axes: Axes, *, title: str, empty: str | None) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel("step", fontsize=9, color=MUTED)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=MUTED, labelsize=8, length=0)
    if empty is not None:
        axes.text(0.5, 0.5, empty, transform=axes.transAxes, ha="center", va="center", color=MUTED)
        axes.set_xticks([])
        axes.set_yticks([])
