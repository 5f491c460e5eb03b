"""A number for a sentence: relatedness, readability, intensity.

Letters: B batch, N words, H hidden size, K ordered classes.
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

from hiernlp.decoding import sentence_scores as decoding
from hiernlp.errors import DataError
from hiernlp.kinds._base import Annotation, Arrays, Kind, Labels, Row, Scores, Targets
from hiernlp.kinds._pooling import PooledOptions, SentenceScorer


class SentenceScoresOptions(PooledOptions):
    """Settings of a task that gives sentences a number."""

    minimum: float
    """Least number that the annotation can hold."""
    maximum: float
    """Greatest number that the annotation can hold."""
    classes: int | None = Field(default=None, ge=2)
    """Score by so many ordered classes, evenly spaced on the range: the number is their expectation (Tai et al. 2015).
    By default the number is regressed directly."""
    loss: Literal["mse", "huber", "kl"] | None = None
    """``mse``: squared error; ``huber`` (1964): grows only linearly with large errors; ``kl`` (classes only):
    divergence from a target that puts a number between two classes on both. By default ``kl`` with classes, else
    ``mse``."""
    huber_delta: float = Field(default=0.1, gt=0)
    """Error, as a share of the range, from which Huber's loss is linear (huber only)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not (math.isfinite(self.minimum) and math.isfinite(self.maximum) and self.minimum < self.maximum):
            raise ValueError(
                f"minimum must be a number below maximum, found minimum {self.minimum} and maximum {self.maximum}"
            )
        if self.loss == "kl" and self.classes is None:
            raise ValueError(
                "loss: `kl` compares probabilities of ordered classes; set `classes`, or choose mse or huber"
            )
        return self


class SentenceScores(Kind[SentenceScoresOptions, Tensor]):
    """A number on a declared range, from the words pooled into one vector.

    By regression, the output is the number as a share of the range in float32, shape (B,): 0 is ``minimum``, 1 is
    ``maximum``; predictions are clipped to the range. By ordered classes, it is the classes' scores in float32, shape
    (B, K); the number is ``sum_k p_k v_k`` over the classes' values v_k, and the soft target of a gold number y between
    two neighbouring values puts ``(y - v_k) / (v_(k+1) - v_k)`` on the upper and the rest on the lower one (Tai et al.
    2015, equation 15). Errors are taken on the share, so that the loss does not depend on the unit.
    """

    Options = SentenceScoresOptions
    Decoder = decoding.SentenceScores
    level = "sentence"
    range_options = ("minimum", "maximum", "classes")

    def __init__(self, *, options: SentenceScoresOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.feedback_size = options.classes or 2
        self.scorer = SentenceScorer(options, hidden_size=hidden_size, outputs=options.classes or 1)
        # Training begins in the middle of the range.
        self.middle = None if options.classes else nn.Parameter(torch.tensor(0.5))

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
        scores = self.scorer(words, mask)
        return scores if self.middle is None else scores.squeeze(-1) + self.middle.float()

    def share(self, output: Tensor) -> Tensor:
        """Return the number as a share of the range, shape (B,), given what ``forward`` returned."""
        if self.middle is not None:
            return output
        return output.softmax(-1) @ torch.linspace(0, 1, output.shape[-1], device=output.device)

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
        if self.middle is None and self.options.loss in (None, "kl"):
            # KL(target || p) is 0 where the target is 0 everywhere.
            soft = soft_targets(targets["share"].nan_to_num(), classes=output.shape[-1])
            soft = soft.masked_fill(missing.unsqueeze(-1), 0.0)
            return F.kl_div(output.log_softmax(-1), soft, reduction="sum")
        share = self.share(output)
        # Filled before the difference, since a gradient through NaN is NaN even where it is not used.
        gold = torch.where(missing, share.detach(), targets["share"])
        if self.options.loss == "huber":
            return F.huber_loss(share, gold, reduction="sum", delta=self.options.huber_delta)
        return F.mse_loss(share, gold, reduction="sum")

    def arrays(
        self,
        output: Tensor,
        *,
        probabilities: bool = False,  # noqa: ARG002 - a number has none
    ) -> dict[str, Tensor]:
        return {"share": self.share(output).float()}

    def feedback(self, output: Tensor) -> Tensor:
        """Return the classes' probabilities, or 1 - s and s for share s: an embedding for each end of the range.

        Shape: (B, 1, K) or (B, 1, 2).
        """
        if self.middle is None:
            return output.softmax(-1).unsqueeze(1)
        share = output.clamp(0, 1)
        return torch.stack([1 - share, share], -1).unsqueeze(1)

    def imitation(self, output: Tensor, lessons: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropy with the teacher's classes, or the squared error from the share that it gives."""
        if self.middle is None:
            return super().imitation(output, lessons)
        aim = lessons["beliefs"][:, 0, 1]
        return F.mse_loss(output, torch.where(aim.isnan(), output.detach(), aim), reduction="sum")

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


def soft_targets(shares: Tensor, *, classes: int) -> Tensor:
    """Return the distribution over ordered classes whose expectation is a number, on no more than two neighbours.

    Args:
        shares: the numbers as shares of the range, shape (B,), each from 0 to 1.
        classes: number of classes K, evenly spaced on the range.

    Returns:
        Probabilities, shape (B, K).

    Example:
        >>> soft_targets(torch.tensor([0.625]), classes=5)  # 3.5 on the range from 1 to 5
        tensor([[0.0000, 0.0000, 0.5000, 0.5000, 0.0000]])
    """
    places = torch.arange(classes, device=shares.device)
    return (1 - (shares.unsqueeze(-1) * (classes - 1) - places).abs()).clamp(min=0)


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
