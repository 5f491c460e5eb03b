"""The figures of an affinity measurement: means over training, helpers of a task, suggested groups."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

from hiernlp.errors import HierNLPError, RecipeError, did_you_mean
from hiernlp.experiment import today, versions
from hiernlp.insight.affinity import Matrix, Measurement
from hiernlp.insight.grouping import MOST_TASKS, Grouping, best_grouping
from hiernlp.insight.label_statistics import LabelStatistics
from hiernlp.insight.learning_curves import CurveFeatures
from hiernlp.insight.pair_features import PairFeatures, pair_features
from hiernlp.recipe import Recipe
from hiernlp.training.tables import MISSING

GROUPS = 2
"""Groups that are suggested by default."""


@dataclass(frozen=True)
class Spread:
    """One figure over the measurements.

    Attributes:
        mean: the mean.
        deviation: the sample standard deviation; None where there is one value.
        positive: share of the values above 0.
        count: number of values.
    """

    mean: float
    deviation: float | None
    positive: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the figure; None where there is no value."""
        if not values:
            return None
        deviation = stdev(values) if len(values) > 1 else None
        return cls(fmean(values), deviation, sum(value > 0 for value in values) / len(values), len(values))

    def as_json(self) -> dict[str, Any]:
        """Return the figure as ``affinity.json`` has it."""
        return {"mean": self.mean, "deviation": self.deviation, "positive": self.positive, "count": self.count}


@dataclass(frozen=True)
class Helper:
    """One task as a helper of a main task.

    Attributes:
        task: its name.
        affinity: Z_{task->main} over training, if it could be measured.
        of_own: the mean affinity as a share of Z_{main->main}, what the main task's own step does; None where that is
            not positive.
        cosine: the mean cosine of the two gradients.
    """

    task: str
    affinity: Spread | None
    of_own: float | None
    cosine: float | None


@dataclass(frozen=True)
class Affinity:
    """What was measured.

    Attributes:
        tasks: names of the tasks.
        measurements: in the order of training.
        steps: steps trained.
        steps_of_recipe: steps that the recipe's whole training has.
        every: steps from one measurement to the next.
        rate: length of a lookahead step, in gradients; None for the optimizer's own steps.
        statistics: of the tasks' labels and data.
        curves: features of single-task learning curves, by task; None where no folder of them was given.
        features: of each ordered pair of tasks, what may predict whether one helps the other.
        main: the task whose helpers are wanted, if any.
        grouping: suggested groups; None with more tasks than can be searched.
        most_groups: most groups that were allowed.
        seed: the seed.
        command: the command that makes it.
        date: when, as YYYY-MM-DD.
        versions: of what it was made with.
    """

    tasks: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    steps: int
    steps_of_recipe: int
    every: int
    rate: float | None
    statistics: dict[str, LabelStatistics]
    curves: dict[str, CurveFeatures] | None
    features: list[PairFeatures]
    main: str | None
    grouping: Grouping | None
    most_groups: int
    seed: int
    command: str
    date: str
    versions: dict[str, str]

    def affinity(self, source: str, target: str) -> Spread | None:
        """Return Z_{source->target} over training; None where it was never defined."""
        return Spread.of(
            [v for found in self.measurements if (v := _entry(found.affinity, source, target)) is not None]
        )

    def cosine(self, one: str, other: str, *, layer: str | None = None) -> Spread | None:
        """Return the cosine of two tasks' gradients over training, over all layers that both reach or in one."""
        matrices = (found.cosine if layer is None else found.cosine_by_layer[layer] for found in self.measurements)
        return Spread.of([v for matrix in matrices if (v := _entry(matrix, one, other)) is not None])

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that some pair of tasks both reach, bottom-up."""
        return tuple(
            layer
            for layer in self.measurements[0].cosine_by_layer
            if any(self.cosine(one, other, layer=layer) for one, other in self.pairs)
        )

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All pairs of tasks, each once."""
        return tuple(combinations(self.tasks, 2))

    @property
    def power(self) -> int:
        """The power of ten by which affinities are multiplied to be read; the largest is then 1 to 10."""
        pairs = ((i, j) for i in self.tasks for j in self.tasks if i != j)
        means = [abs(s.mean) for i, j in pairs if (s := self.affinity(i, j)) is not None]
        largest = max(means, default=0.0)
        return max(0, -math.floor(math.log10(largest))) if largest else 0

    def helpers(self, main: str) -> list[Helper]:
        """Return all other tasks as helpers of one, the most helpful first; equals in the order of the tasks."""
        own = self.affinity(main, main)
        found: list[Helper] = []
        for task in self.tasks:
            if task != main:
                z, cosine = self.affinity(task, main), self.cosine(task, main)
                share = z.mean / own.mean if z is not None and own is not None and own.mean > 0 else None
                found.append(Helper(task, z, share, None if cosine is None else cosine.mean))
        return sorted(found, key=lambda helper: -(helper.affinity.mean if helper.affinity else float("-inf")))

    def as_json(self) -> dict[str, Any]:
        """Return all figures as ``affinity.json`` has them."""

        def table(figure: Any) -> dict[str, Any]:  # noqa: ANN401 - any of the methods above
            found = {i: {j: figure(i, j) for j in self.tasks} for i in self.tasks}
            return {i: {j: s and s.as_json() for j, s in row.items()} for i, row in found.items()}

        def by_layer(layer: str) -> Any:  # noqa: ANN401 - a closure
            return lambda i, j: self.cosine(i, j, layer=layer)

        groups = self.grouping
        return {
            "tasks": list(self.tasks),
            "steps": self.steps,
            "steps_of_recipe": self.steps_of_recipe,
            "every": self.every,
            "rate": self.rate,
            "seed": self.seed,
            "affinity": table(self.affinity),
            "cosine": table(self.cosine),
            "cosine_by_layer": {layer: table(by_layer(layer)) for layer in self.layers},
            "over_training": [
                {"step": m.step, "losses": m.losses, "affinity": m.affinity, "cosine": m.cosine}
                for m in self.measurements
            ],
            "main": self.main,
            "helpers": None if self.main is None else [self._helper_as_json(h) for h in self.helpers(self.main)],
            "groups": None
            if groups is None
            else {
                "most": self.most_groups,
                "score": groups.score,
                "groups": [list(group) for group in groups.groups],
                "best": groups.best,
            },
            "label_statistics": {task: found.as_json() for task, found in self.statistics.items()},
            "learning_curves": None
            if self.curves is None
            else {task: curve.as_json() for task, curve in self.curves.items()},
            "pair_features": self.features,
            "command": self.command,
            "date": self.date,
            "versions": self.versions,
        }

    @staticmethod
    def _helper_as_json(helper: Helper) -> dict[str, Any]:
        return {
            "task": helper.task,
            "affinity": helper.affinity and helper.affinity.as_json(),
            "of_own": helper.of_own,
            "cosine": helper.cosine,
        }


def signed(value: float | None, power: int = 0, *, digits: int = 2) -> str:
    """Return a figure times a power of ten with its sign; what is rounded to 0 has none.

    Example:
        >>> signed(0.00123, 3), signed(-0.001), signed(None)
        ('+1.23', '0.00', '–')
    """
    if value is None:
        return MISSING
    shown = f"{value * 10**power:+.{digits}f}"
    return shown if float(shown) else shown[1:]


def check_wishes(recipe: Recipe, *, main: str | None, groups: int | None) -> None:
    """Refuse, before any training, a main task that there is not and groups that cannot be found.

    Raises:
        RecipeError: the recipe lacks the main task.
        HierNLPError: groups are asked for and there are too many tasks, or none is allowed.
    """
    if main is not None and main not in recipe.tasks:
        raise RecipeError(f"--main: there is no task {main!r} in the recipe{did_you_mean(main, recipe.tasks)}")
    if groups is not None and groups < 1:
        raise HierNLPError(f"--groups: expected 1 or more, found {groups}")
    if groups is not None and len(recipe.tasks) > MOST_TASKS:
        raise HierNLPError(
            f"--groups: the best groups are found exactly for up to {MOST_TASKS} tasks, found {len(recipe.tasks)}; "
            "leave --groups out, or take tasks out by --set tasks.NAME=null"
        )


def gather(
    measurements: Sequence[Measurement],
    *,
    tasks: Sequence[str],
    steps: int,
    steps_of_recipe: int,
    every: int,
    rate: float | None,
    seed: int,
    statistics: Mapping[str, LabelStatistics],
    curves: Mapping[str, CurveFeatures] | None = None,
    main: str | None = None,
    groups: int = GROUPS,
    command: str,
) -> Affinity:
    """Return the figures of a finished measurement; for the arguments see :class:`Affinity`.

    Raises:
        HierNLPError: nothing was measured.
    """
    if not measurements:
        raise HierNLPError(
            "training: no affinity could be measured, since no layer that tasks share learns in these steps; train "
            "longer, or leave out training.frozen_layers and training.unfreeze_epochs"
        )
    found = Affinity(
        tasks=tuple(tasks),
        measurements=tuple(measurements),
        steps=steps,
        steps_of_recipe=steps_of_recipe,
        every=every,
        rate=rate,
        statistics=dict(statistics),
        curves=None if curves is None else dict(curves),
        features=pair_features(statistics, curves),
        main=main,
        grouping=None,
        most_groups=groups,
        seed=seed,
        command=command,
        date=today(),
        versions=versions(),
    )
    if len(tasks) > MOST_TASKS:
        return found
    means = {i: {j: s.mean if (s := found.affinity(i, j)) else 0.0 for j in tasks} for i in tasks}
    return replace(found, grouping=best_grouping(means, groups=groups))


def _entry(matrix: Matrix, one: str, other: str) -> float | None:
    return matrix.get(one, {}).get(other)
