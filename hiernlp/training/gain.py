"""What training tasks together gained or cost: joint scores against those of models trained for one task each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hiernlp.errors import RecipeError
from hiernlp.kinds._base import Scores

GAIN, NO_LOSS = "gain", "no_loss"
"""The two ways of choosing checkpoints that need single-task scores."""
COMPARISON = "comparison.json"


def relative_gain(joint: float, single: float) -> float | None:
    """Return (joint - single) / |single|, more being better of every task's main figure.

    One task's part of the multi-task performance of Vandenhende et al. 2021 (arXiv 2004.13379), which is
    the mean of these over the tasks; the bars are for scores below 0, such as correlations. None where the single-task
    score is 0, to which nothing is relative.

    Args:
        joint: the score of the model trained on several tasks.
        single: the score of the model trained on this task alone.

    Example:
        >>> relative_gain(0.75, 0.5), relative_gain(0.1, 0.0)
        (0.5, None)
    """
    if single == 0:
        return None
    return (joint - single) / abs(single)


def chosen_by_gain(gains: Sequence[float], *, no_loss: bool = False) -> float:
    """Return the figure that chooses checkpoints, of which more is better.

    The mean of the tasks' relative gains. With ``no_loss`` that only if no task lost, and then it is not negative; if
    one did, the worst task's gain, which is: so that any checkpoint without a loss goes before all with one.

    Example:
        >>> chosen_by_gain([0.5, -0.25]), chosen_by_gain([0.5, -0.25], no_loss=True)
        (0.125, -0.25)
        >>> chosen_by_gain([0.25, 0.0], no_loss=True)
        0.125
    """
    worst = min(gains)
    return worst if no_loss and worst < 0 else math.fsum(gains) / len(gains)


def gains_of(scores: Mapping[str, Scores], single: Mapping[str, float]) -> dict[str, float]:
    """Return each task's relative gain over its single-task score, where it has one that is not 0."""
    found = {task: relative_gain(s.main_value, single[task]) for task, s in scores.items() if task in single}
    return {task: gain for task, gain in found.items() if gain is not None}


def read_single_scores(folder: Path, tasks: Sequence[str]) -> dict[str, float]:
    """Return the single-task scores of some tasks, those that a folder has.

    Args:
        folder: one that ``hiernlp compare`` made (the means over its seeds), or the folder ``training/single`` of a
            model that was trained with ``--single-tasks``.
        tasks: the tasks wanted.

    Raises:
        RecipeError: the folder is neither, or a file in it is damaged.
    """
    where = f"training.single_scores: {folder}"
    found: dict[str, float] = {}
    try:
        if (folder / COMPARISON).is_file():
            table: dict[str, Any] = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))["tasks"]
            found = {t: float(table[t]["single"]["mean"]) for t in tasks if t in table and table[t]["single"]}
        else:
            for task in tasks:
                file = folder / task / "scores.json"
                if file.is_file():
                    scores = json.loads(file.read_text(encoding="utf-8"))["tasks"][task]
                    found[task] = float(scores["values"][scores["main"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise RecipeError(f"{where}: its scores cannot be read ({first}); make them again") from None
    if not found:
        raise RecipeError(
            f"{where}: expected a folder that `hiernlp compare` finished, or the folder training/single of a model "
            "trained with --single-tasks; found no score of any of the recipe's tasks"
        )
    return found
