"""One label of an ordered scale for a sentence: a rating, a level, a grade.

Letters: B batch, N words, H hidden size, K labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.decoding import ordinal_labels as decoding
from hiernlp.errors import DataError, did_you_mean
from hiernlp.kinds._base import IGNORE, Annotation, Arrays, Kind, Labels, Row, Scores, Targets, label_space, pad
from hiernlp.kinds._pooling import PooledOptions, SentenceScorer
from hiernlp.kinds.sentence_labels import SentenceLabels, SentenceLabelsOptions


class OrdinalLabelsOptions(PooledOptions):
    """Settings of a task that gives sentences a label of a scale."""

    order: list[str] = Field(min_length=2)
    """The labels from the lowest to the highest."""

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: list[str]) -> list[str]:
        if len(set(order)) < len(order):
            raise ValueError(f"expected each label once, found {', '.join(order)}")
        return order


class OrdinalLabels(Kind[OrdinalLabelsOptions, Tensor]):
    """Consistent rank logits (CORAL: Cao, Mirjalili and Raschka 2020, arXiv 1901.07884).

    For the thresholds k = 1 to K - 1: P(label is above the k-th) = sigmoid(w h + b_k), one w for all, each learnt as a
    question of its own; the loss of a sentence is the sum of the K - 1 binary cross-entropies. The paper shows that the
    b_k are in order where the loss is least; here b_(k+1) = b_k - softplus(d_k), so that they are from the start and
    the probabilities never rise with k. The output is the thresholds' scores in float32, shape (B, K - 1).
    """

    Options = OrdinalLabelsOptions
    Decoder = decoding.OrdinalLabels
    level = "sentence"

    def __init__(self, *, options: OrdinalLabelsOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.feedback_size = len(self.space)
        self.scorer = SentenceScorer(options, hidden_size=hidden_size, outputs=1)
        self.first = nn.Parameter(torch.tensor(0.5 * (len(self.space) - 2)))
        self.steps = nn.Parameter(torch.full((len(self.space) - 2,), 0.5413))  # softplus gives 1

    @classmethod
    def columns(cls, options: OrdinalLabelsOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def fit(cls, options: OrdinalLabelsOptions, rows: Iterable[Row]) -> Labels:
        """Return the labels in their order.

        Raises:
            DataError: no sentence has a label, or one has another than the order names.
        """
        found = False
        for row in rows:
            label = row.get(options.column)
            found = found or label is not None
            if label is not None and str(label) not in options.order:
                raise DataError(
                    f"{options.column!r}: expected a label of `order`, found {str(label)!r}"
                    f"{did_you_mean(str(label), options.order)}",
                    file=row.get("file"),
                    line=row.get("line"),
                )
        if not found:
            label_space(Counter(), column=options.column, what="label")
        return {"labels": list(options.order)}

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        biases = self.first - torch.cat([self.first.new_zeros(1), F.softplus(self.steps).cumsum(0)])
        return self.scorer(words, mask) + biases.float()

    def targets(self, row: Row) -> Arrays | None:
        label = row.get(self.options.column)
        return None if label is None else {"label": np.array([self.index.get(str(label), IGNORE)], dtype=np.int64)}

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:  # noqa: ARG002 - nothing here is padded to words
        labels = pad([None if t is None else t["label"] for t in targets], 1).squeeze(1)
        return Targets({"label": labels}, float((labels != IGNORE).sum()))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        labels = targets["label"].unsqueeze(-1)
        above = (labels > torch.arange(output.shape[-1], device=output.device)).float()
        each = F.binary_cross_entropy_with_logits(output, above, reduction="none")
        return each.masked_fill(labels == IGNORE, 0.0).sum()

    def arrays(self, output: Tensor, *, probabilities: bool = False) -> dict[str, Tensor]:
        """Return the label above as many thresholds as are likelier passed than not, and the labels' shares."""
        return {"best": (output > 0).sum(-1)} | ({"shares": self.shares(output)} if probabilities else {})

    def shares(self, output: Tensor) -> Tensor:
        """Return the labels' probabilities (B, K), given what ``forward`` returned."""
        above = output.sigmoid()
        ends = torch.ones_like(above[:, :1])
        return torch.cat([ends, above], -1) - torch.cat([above, 0 * ends], -1)

    def feedback(self, output: Tensor) -> Tensor:
        return self.shares(output).unsqueeze(1)

    @classmethod
    def score(cls, options: OrdinalLabelsOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        """Return what ``sentence_labels`` scores, and the mean absolute error in steps of the scale."""
        found = SentenceLabels.score(SentenceLabelsOptions(column=options.column), gold, predicted)
        place = {label: i for i, label in enumerate(options.order)}
        errors = [
            abs(place[str(row[options.column])] - place[str(annotation[options.column])])
            for row, annotation in zip(gold, predicted, strict=True)
            if row.get(options.column) is not None and str(row[options.column]) in place
        ]
        values = found.values | {"mae": sum(errors) / len(errors) if errors else 0.0}
        return replace(found, values=values, notes=("mae is in steps of the scale.",))

    @classmethod
    def baseline(cls, options: OrdinalLabelsOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The most frequent label."""
        return SentenceLabels.baseline(SentenceLabelsOptions(column=options.column), rows)
