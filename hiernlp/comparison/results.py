"""The figures of a comparison: each task alone and together, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from hiernlp.comparison.runs import joint_folder, single_folder
from hiernlp.comparison.statistics import RULE, Contrast, Sample
from hiernlp.errors import HierNLPError
from hiernlp.experiment import LOG, TRAINING, main_value, read_scores, today, versions
from hiernlp.training.reports import read_log


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
    def contrast(self) -> Contrast:
        """Joint against single training."""
        return Contrast(self.main, self.single, self.joint)

    @property
    def difference(self) -> float:
        """The mean of the joint runs minus the mean of the single ones."""
        return self.contrast.difference

    @property
    def margin(self) -> float | None:
        """Half the width of the difference's 95% confidence interval; None where there is one seed."""
        return self.contrast.margin

    @property
    def beyond(self) -> bool | None:
        """Whether the difference is beyond the seeds' spread; None where there is one seed."""
        return self.contrast.beyond

    @property
    def gain(self) -> float | None:
        """The difference relative to the single task, better being positive; None where that scored 0."""
        return self.contrast.gain


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
        return {
            "split": "dev",
            "seeds": list(self.seeds),
            "mean_gain": self.mean_gain,
            "tasks": {
                name: {
                    "main": task.main,
                    "single": task.single.as_json(),
                    "joint": task.joint.as_json(),
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
        date=today(),
        versions=versions(),
    )


def _sample(found: Sequence[dict[str, Any] | None]) -> Sample:
    return Sample(tuple(main_value(scores) for scores in found if scores is not None))


def _speed(folders: Sequence[Path]) -> float | None:
    """Return the mean over runs of the median over a log's lines, which a pause or a slow start does not move."""
    speeds: list[float] = []
    for folder in folders:
        lines = [line for line in read_log(folder / TRAINING / LOG) if line["event"] == "step"]
        if lines:
            speeds.append(median(line["words_per_second"] for line in lines))
    return fmean(speeds) if speeds else None
