"""How a task's loss falls when it is trained alone, which predicts best whom it helps.

Source: Bingel and Søgaard 2017 (arXiv 1702.08303): auxiliary tasks help a main task most where the main task's curve is
flat early and theirs still falls.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from hiernlp.errors import HierNLPError
from hiernlp.experiment import LOG, TRAINING
from hiernlp.training.reports import read_log

SHARES = (0.1, 0.2, 0.3, 0.5, 0.7)
"""Moments of training at which the curve is looked at."""
WIDTH = 0.1
"""A slope is taken over so much of training before the moment."""
FEWEST = 3
"""Fewer points than this are no curve."""


@dataclass(frozen=True)
class CurveFeatures:
    """Features of one learning curve, none of which changes when all losses are multiplied by a number.

    Attributes:
        decrease: by share of training, how much of the first loss is gone by then.
        slope: by share of training, the change of the loss over the tenth of training before, in first losses; negative
            where it still falls.
        a: of the fit loss / first loss = a log(c x + 1) + b, x being the share of training; negative where it falls.
        b: the fit's value at the beginning.
        c: how early the fit bends.
    """

    decrease: dict[float, float]
    slope: dict[float, float]
    a: float
    b: float
    c: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures as ``affinity.json`` has them."""
        found = asdict(self)
        return found | {name: {f"{share:g}": v for share, v in found[name].items()} for name in ("decrease", "slope")}


def curve_features(steps: Sequence[float], losses: Sequence[float]) -> CurveFeatures:
    """Return the features of a curve of training losses.

    Between two points the curve is a line; before the first one it is as there. The published fit a log(c i + d) + b
    has one parameter more than a curve can tell (a log d is part of b once c is taken in units of d), hence d = 1.

    Args:
        steps: steps done, rising; the last one is the end of training.
        losses: the loss at each, positive.

    Raises:
        ValueError: there are fewer than three points, steps do not rise, or a loss is not a positive number.

    Example:
        >>> found = curve_features([1, 5, 10], [2.0, 1.0, 0.5])
        >>> round(found.decrease[0.5], 3), round(found.slope[0.5], 3)
        (0.5, -0.125)
    """
    x, y = np.asarray(steps, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if len(x) < FEWEST or len(x) != len(y) or (np.diff(x) <= 0).any() or x[0] < 0:
        raise ValueError(f"expected {FEWEST} points or more at rising steps, found {len(x)} and {len(y)}")
    if not np.isfinite(y).all() or (y <= 0).any():
        raise ValueError("expected positive losses")
    x, y = x / x[-1], y / y[0]
    at = {share: float(np.interp(share, x, y)) for share in SHARES}
    a, b, c = _fit(x, y)
    return CurveFeatures(
        decrease={share: 1 - value for share, value in at.items()},
        slope={share: value - float(np.interp(share - WIDTH, x, y)) for share, value in at.items()},
        a=a,
        b=b,
        c=c,
    )


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return a, b and c of the least-squares fit y = a log(c x + 1) + b: given c, a and b are linear regression."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - slow to import

    def linear(log_c: float) -> tuple[float, float, float]:
        bent = np.log1p(math.exp(log_c) * x)
        away = bent - bent.mean()
        a = float(away @ (y - y.mean()) / (away @ away))
        b = float(y.mean() - a * bent.mean())
        return a, b, float(((y - a * bent - b) ** 2).sum())

    # The error may have several valleys: the best of a coarse grid, then down to its bottom.
    grid = np.linspace(math.log(1e-3), math.log(1e6), 64)
    best = int(np.argmin([linear(value)[2] for value in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    log_c = float(minimize_scalar(lambda value: linear(value)[2], bounds=bounds, method="bounded").x)  # pyright: ignore[reportAttributeAccessIssue]
    a, b, _ = linear(log_c)
    return a, b, math.exp(log_c)


def read_curves(folder: Path, tasks: Iterable[str]) -> dict[str, CurveFeatures]:
    """Return the features of the tasks' single-task runs, those that a folder has; the means over its seeds.

    Args:
        folder: one that ``hiernlp compare`` made, or the folder ``training/single`` of a model that was trained with
            ``--single-tasks``.
        tasks: the tasks wanted.

    Raises:
        HierNLPError: the folder has no such run of any of the tasks.
    """
    wanted = list(tasks)
    found: dict[str, CurveFeatures] = {}
    for task in wanted:
        runs = [folder / task, *sorted((folder / "single" / task).glob("seed-*"))]
        curves = [_of_run(run / TRAINING / LOG, task) for run in runs]
        known = [curve for curve in curves if curve is not None]
        if known:
            found[task] = _mean(known)
    if not found:
        raise HierNLPError(
            f"--curves: {folder}: expected a folder that `hiernlp compare` made, or the folder training/single of a "
            f"model trained with --single-tasks; found no log of three lines or more of {', '.join(wanted)}"
        )
    return found


def _of_run(log: Path, task: str) -> CurveFeatures | None:
    lines = [line for line in read_log(log) if line["event"] == "step" and task in line["losses"]]
    try:
        return curve_features([line["step"] for line in lines], [line["losses"][task] for line in lines])
    except ValueError:  # too short, or not finite
        return None


def _mean(curves: Sequence[CurveFeatures]) -> CurveFeatures:
    def over(values: Sequence[Mapping[float, float]]) -> dict[float, float]:
        return {share: fmean(value[share] for value in values) for share in SHARES}

    return CurveFeatures(
        decrease=over([curve.decrease for curve in curves]),
        slope=over([curve.slope for curve in curves]),
        a=fmean(curve.a for curve in curves),
        b=fmean(curve.b for curve in curves),
        c=fmean(curve.c for curve in curves),
    )
