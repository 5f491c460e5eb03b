"""A number for a sentence: relatedness, readability, intensity.

Letters: B batch, N words, H hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.errors import DataError
from hiernlp.kinds._base import Annotation, Arrays, Kind, Labels, Row, Scores, Targets
from hiernlp.kinds._pooling import PooledOptions, SentenceScorer


class SentenceScoresOptions(PooledOptions):
    """Settings of a task that gives sentences a number."""

    minimum: float
    """Least number that the annotation can hold."""
    maximum: float
    """Greatest number that the annotation can hold."""
    loss: Literal["mse", "huber"] = "mse"
    """Squared error, or Huber's (1964), which grows only linearly with large errors."""
    huber_delta: float = Field(default=0.1, gt=0)
    """Error, as a share of the range, from which Huber's loss is linear (huber only)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not (math.isfinite(self.minimum) and math.isfinite(self.maximum) and self.minimum < self.maximum):
            raise ValueError(
                f"minimum must be a number below maximum, found minimum {self.minimum} and maximum {self.maximum}"
            )
        return self


class SentenceScores(Kind[SentenceScoresOptions, Tensor]):
    """Regression on a declared range, from the words pooled into one vector.

    The output is the number as a share of the range in float32, shape (B,): 0 is ``minimum``, 1 is ``maximum``. The
    loss is taken on that share, so that its size does not depend on the unit; predictions are clipped to the range.
    """

    Options = SentenceScoresOptions
    level = "sentence"

    def __init__(self, *, options: SentenceScoresOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.feedback_size = 2
        self.scorer = SentenceScorer(options, hidden_size=hidden_size, outputs=1)
        # Training begins in the middle of the range.
        self.middle = nn.Parameter(torch.tensor(0.5))

    @classmethod
    def columns(cls, options: SentenceScoresOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def fit(cls, options: SentenceScoresOptions, rows: Iterable[Row]) -> Labels:
        """Return no labels, after a look at every number.

        Raises:
            DataError: no sentence has a number, or one is outside the range.
        """
        _numbers(options, rows)
        return {}

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        return self.scorer(words, mask).squeeze(-1) + self.middle.float()

    def targets(self, row: Row) -> Arrays | None:
        number = _number(self.options, row)
        if number is None:
            return None
        share = (number - self.options.minimum) / (self.options.maximum - self.options.minimum)
        return {"share": np.array(share, dtype=np.float32)}

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:  # noqa: ARG002 - nothing here is padded to words
        shares = torch.tensor([math.nan if t is None else float(t["share"]) for t in targets])
        return Targets({"share": shares}, float(sum(t is not None for t in targets)))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        missing = targets["share"].isnan()
        # Filled before the difference, since a gradient through NaN is NaN even where it is not used.
        gold = torch.where(missing, output.detach(), targets["share"])
        if self.options.loss == "huber":
            return F.huber_loss(output, gold, reduction="sum", delta=self.options.huber_delta)
        return F.mse_loss(output, gold, reduction="sum")

    def decode(
        self,
        output: Tensor,
        words: Sequence[Sequence[str]],
        *,
        probabilities: bool = False,  # noqa: ARG002 - a number has none
    ) -> list[Annotation]:
        """Return the numbers, clipped to the range; a number has no probability, so ``probabilities`` adds nothing."""
        least, span = self.options.minimum, self.options.maximum - self.options.minimum
        numbers = (output.double().clamp(0, 1) * span + least).tolist()
        return [{self.options.column: number} for number, _ in zip(numbers, words, strict=True)]

    def feedback(self, output: Tensor) -> Tensor:
        """Return the weights of two embeddings, one for each end of the range: 1 - s and s for share s.

        Shape: (B, 1, 2).
        """
        share = output.clamp(0, 1)
        return torch.stack([1 - share, share], -1).unsqueeze(1)

    @classmethod
    def score(cls, options: SentenceScoresOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs = [
            (number, float(annotation[options.column]))
            for row, annotation in zip(gold, predicted, strict=True)
            if (number := _number(options, row)) is not None
        ]
        ours, theirs = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
        values = {"pearson": 0.0, "spearman": 0.0, "mse": 0.0, "sentences": float(len(pairs))}
        notes: tuple[str, ...] = ("mse is in the square of the annotation's unit.",)
        if pairs:
            values["mse"] = float(((ours - theirs) ** 2).mean())
        if len(pairs) > 1 and np.ptp(ours) > 0 and np.ptp(theirs) > 0:
            from scipy.stats import pearsonr, spearmanr  # noqa: PLC0415 - slow to import, needed here only

            values["pearson"] = _finite(pearsonr(ours, theirs))
            values["spearman"] = _finite(spearmanr(ours, theirs))
        else:
            notes += ("Correlations are undefined where gold or prediction does not vary, and count as 0.",)
        return Scores(main="pearson", values=values, notes=notes)

    @classmethod
    def baseline(cls, options: SentenceScoresOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The mean of all numbers."""
        mean = float(np.mean(_numbers(options, rows)))
        return lambda _: {options.column: mean}


def _number(options: SentenceScoresOptions, row: Row) -> float | None:
    """Return a row's number, None if it lacks it.

    Raises:
        DataError: it is no number, or outside the range.
    """
    value = row.get(options.column)
    if value is None:
        return None
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not options.minimum <= number <= options.maximum:
        raise DataError(
            f"{options.column!r} must be a number from {options.minimum:g} to {options.maximum:g} (the task's minimum "
            f"and maximum), found {value!r} in the sentence that begins {' '.join(row['words'][:5])!r}; correct the "
            "number or the range",
            file=row.get("file"),
            line=row.get("line"),
        )
    return number


def _numbers(options: SentenceScoresOptions, rows: Iterable[Row]) -> list[float]:
    numbers = [number for row in rows if (number := _number(options, row)) is not None]
    if not numbers:
        raise DataError(
            f"no training sentence has the annotation {options.column!r}, so that there is no number to learn; check "
            "the task's column and the corpus's reader"
        )
    return numbers


def _finite(result: Any) -> float:  # noqa: ANN401 - scipy's result types differ by version
    """Return a correlation; 0 where numbers vary too little for it to be computed."""
    value = float(result.statistic)
    return value if math.isfinite(value) else 0.0
