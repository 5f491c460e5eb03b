"""The figures of a comparison: means and spreads over seeds, differences, and whether they are more than chance."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

import torch
import transformers

from hiernlp.comparison.runs import joint_folder, single_folder
from hiernlp.errors import HierNLPError
from hiernlp.experiment import LOG, TRAINING, read_scores
from hiernlp.hub.folder import library_version
from hiernlp.training.gain import relative_gain
from hiernlp.training.reports import read_log

RULE = (
    "A difference is beyond the seeds' spread if the 95% confidence interval of the difference of the two means "
    "(Welch's t, unequal variances) leaves out 0; with one seed that is not known."
)


@dataclass(frozen=True)
class Sample:
    """One figure over the seeds.

    Attributes:
        values: by seed, in the comparison's order.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over the seeds (divisor n - 1); None where there is one seed."""
        return stdev(self.values) if len(self.values) > 1 else None


def margin(one: Sample, other: Sample) -> float | None:
    """Return how far the difference of two means must be from 0 to be beyond chance; None where there is one seed.

    t(0.975, v) * sqrt(a + b) with a = s1^2 / n1, b = s2^2 / n2 and v = (a + b)^2 / (a^2 / (n1 - 1) + b^2 / (n2 - 1))
    (Welch 1947). Seeds that all score the same leave no room for chance.

    Example:
        >>> round(margin(Sample((0.0, 2.0)), Sample((0.0, 2.0))), 2)
        6.09
        >>> margin(Sample((1.0,)), Sample((1.0,))) is None
        True
    """
    from scipy.stats import t  # noqa: PLC0415 - slow to import

    if one.deviation is None or other.deviation is None:
        return None
    sizes = len(one.values), len(other.values)
    a, b = one.deviation**2 / sizes[0], other.deviation**2 / sizes[1]
    if a + b == 0:
        return 0.0
    freedom = 1 / ((a / (a + b)) ** 2 / (sizes[0] - 1) + (b / (a + b)) ** 2 / (sizes[1] - 1))
    return float(t.ppf(0.975, freedom)) * math.sqrt(a + b)


@dataclass(frozen=True)
class TaskResult:
    """One task of a comparison.

    Attributes:
        main: name of its main figure.
        single: that figure when trained alone.
        joint: the same when trained with all others.
        words_per_second: words that training it alone took a second, the mean over the seeds.
    """

    main: str
    single: Sample
    joint: Sample
    words_per_second: float | None

    @property
    def difference(self) -> float:
        """The mean of the joint runs minus the mean of the single ones."""
        return self.joint.mean - self.single.mean

    @property
    def margin(self) -> float | None:
        """Half the width of the difference's 95% confidence interval; None where there is one seed."""
        return margin(self.single, self.joint)

    @property
    def beyond(self) -> bool | None:
        """Whether the difference is beyond the seeds' spread; None where there is one seed."""
        return None if self.margin is None else abs(self.difference) > self.margin

    @property
    def gain(self) -> float | None:
        """The difference relative to the single task, better being positive; None where that scored 0."""
        return relative_gain(self.joint.mean, self.single.mean)


@dataclass(frozen=True)
class Comparison:
    """What joining the tasks cost or gained.

    Attributes:
        tasks: by name.
        unscored: tasks without development data.
        seeds: the seeds.
        words_per_second: words that joint training took a second, the mean over the seeds.
        command: the command that makes the comparison.
        date: when, as YYYY-MM-DD.
        versions: of what it was made with.
    """

    tasks: dict[str, TaskResult]
    unscored: tuple[str, ...]
    seeds: tuple[int, ...]
    words_per_second: float | None
    command: str
    date: str
    versions: dict[str, str]

    @property
    def mean_gain(self) -> float | None:
        """The mean of the tasks' relative gains (Delta_m of Vandenhende et al. 2021), if any task has one."""
        gains = [task.gain for task in self.tasks.values() if task.gain is not None]
        return fmean(gains) if gains else None

    def as_json(self) -> dict[str, Any]:
        """Return all figures as ``comparison.json`` has them; scores are shares of one."""

        def sample(found: Sample) -> dict[str, Any]:
            return {"mean": found.mean, "deviation": found.deviation, "values": list(found.values)}

        return {
            "split": "dev",
            "seeds": list(self.seeds),
            "mean_gain": self.mean_gain,
            "tasks": {
                name: {
                    "main": task.main,
                    "single": sample(task.single),
                    "joint": sample(task.joint),
                    "difference": task.difference,
                    "margin": task.margin,
                    "beyond_spread": task.beyond,
                    "gain": task.gain,
                    "single_words_per_second": task.words_per_second,
                }
                for name, task in self.tasks.items()
            },
            "unscored": list(self.unscored),
            "joint_words_per_second": self.words_per_second,
            "rule": RULE,
            "command": self.command,
            "date": self.date,
            "versions": self.versions,
        }


def collect(folder: Path, *, tasks: Sequence[str], seeds: Sequence[int], command: str) -> Comparison:
    """Return the comparison that the finished runs of a folder make.

    Args:
        folder: the comparison's folder.
        tasks: the recipe's tasks.
        seeds: the seeds to take.
        command: the command that makes it, for the record.

    Raises:
        HierNLPError: no task was scored.
    """
    joint = [read_scores(joint_folder(folder, seed=seed)) for seed in seeds]
    results: dict[str, TaskResult] = {}
    for task in tasks:
        folders = [single_folder(folder, task=task, seed=seed) for seed in seeds]
        alone = [read_scores(each).get(task) for each in folders]
        together = [scores.get(task) for scores in joint]
        if None in alone or None in together:
            continue
        first = together[0]
        assert first is not None
        results[task] = TaskResult(first["main"], _sample(alone), _sample(together), _speed(folders))
    if not results:
        raise HierNLPError(f"{folder}: no task was scored, so that there is nothing to compare")
    return Comparison(
        tasks=results,
        unscored=tuple(task for task in tasks if task not in results),
        seeds=tuple(seeds),
        words_per_second=_speed([joint_folder(folder, seed=seed) for seed in seeds]),
        command=command,
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        versions={
            "hiernlp": library_version(),
            "torch": str(torch.__version__),
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        },
    )


def _sample(found: Sequence[dict[str, Any] | None]) -> Sample:
    return Sample(tuple(float(scores["values"][scores["main"]]) for scores in found if scores is not None))


def _speed(folders: Sequence[Path]) -> float | None:
    """Return the mean over runs of the median over a log's lines, which a pause or a slow start does not move."""
    speeds: list[float] = []
    for folder in folders:
        lines = [line for line in read_log(folder / TRAINING / LOG) if line["event"] == "step"]
        if lines:
            speeds.append(median(line["words_per_second"] for line in lines))
    return fmean(speeds) if speeds else None
