"""The figures of an ablation: the main task's score in every variant, and what each helper changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hiernlp.comparison.statistics import RULE, Contrast, Sample
from hiernlp.errors import HierNLPError
from hiernlp.experiment import main_value, read_scores, today, versions
from hiernlp.insight.ablation import Ablation


@dataclass(frozen=True)
class VariantResult:
    """One variant of an ablation.

    Attributes:
        name: what it is, such as ``with upos``.
        tasks: the tasks that were trained together.
        score: the main task's score.
        reference: name of the variant that it is compared with; None for the main task alone.
        helper: the task that makes the difference; None where several do.
        contrast: this variant against that one; None for the main task alone.
    """

    name: str
    tasks: tuple[str, ...]
    score: Sample
    reference: str | None
    helper: str | None
    contrast: Contrast | None


@dataclass(frozen=True)
class AblationResult:
    """What each helper changed in the main task's score.

    Attributes:
        main: the main task.
        figure: name of its main figure, of which more is better.
        variants: alone first, all last.
        seeds: the seeds.
        command: the command that makes it.
        date: when, as YYYY-MM-DD.
        versions: of what it was made with.
    """

    main: str
    figure: str
    variants: tuple[VariantResult, ...]
    seeds: tuple[int, ...]
    command: str
    date: str
    versions: dict[str, str]

    @property
    def alone(self) -> Sample:
        """The main task's score when trained alone."""
        return self.variants[0].score

    def as_json(self) -> dict[str, Any]:
        """Return all figures as ``ablation.json`` has them; scores are shares of one."""
        return {
            "split": "dev",
            "main": self.main,
            "figure": self.figure,
            "seeds": list(self.seeds),
            "variants": {
                variant.name: {
                    "tasks": list(variant.tasks),
                    "score": variant.score.as_json(),
                    "helper": variant.helper,
                    "against": variant.reference,
                    **(
                        {}
                        if variant.contrast is None
                        else {
                            "difference": variant.contrast.difference,
                            "margin": variant.contrast.margin,
                            "beyond_spread": variant.contrast.beyond,
                            "gain": variant.contrast.gain,
                        }
                    ),
                }
                for variant in self.variants
            },
            "rule": RULE,
            "command": self.command,
            "date": self.date,
            "versions": self.versions,
        }


def collect(ablation: Ablation, *, seeds: Sequence[int], command: str) -> AblationResult:
    """Return the figures that the finished runs of an ablation make.

    Args:
        ablation: the ablation.
        seeds: the seeds to take.
        command: the command that makes it, for the record.

    Raises:
        HierNLPError: a run has no score of the main task.
    """
    figures: set[str] = set()
    scores: dict[str, Sample] = {}
    for variant in ablation.variants:
        values: list[float] = []
        for seed in seeds:
            folder = variant.folder(ablation.folder, seed=seed)
            found = read_scores(folder).get(ablation.main)
            if found is None:
                raise HierNLPError(f"{folder}: expected a finished run with a score of {ablation.main!r}, found none")
            figures.add(found["main"])
            values.append(main_value(found))
        scores[variant.name] = Sample(tuple(values))
    [figure] = figures
    return AblationResult(
        main=ablation.main,
        figure=figure,
        variants=tuple(
            VariantResult(
                variant.name,
                variant.tasks,
                scores[variant.name],
                variant.reference,
                variant.helper,
                None
                if variant.reference is None
                else Contrast(figure, scores[variant.reference], scores[variant.name]),
            )
            for variant in ablation.variants
        ),
        seeds=tuple(seeds),
        command=command,
        date=today(),
        versions=versions(),
    )
