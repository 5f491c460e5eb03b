"""Any number of labels for a sentence: topics, emotions, dialogue acts.

Letters: B batch, N words, H hidden size, C labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hiernlp.decoding import multi_labels as decoding
from hiernlp.kinds._base import Annotation, Arrays, Kind, Labels, Row, Scores, Targets, class_weights, label_space
from hiernlp.kinds._pooling import PooledOptions, SentenceScorer
from hiernlp.kinds._scoring import confusions, label_report, macro_f1, precision_recall_f1

ABSENT = "absent"
"""Stands in confusions for a label that only gold or only the prediction has."""


class MultiLabelsOptions(PooledOptions):
    """Settings of a task that gives a sentence any number of labels."""

    threshold: float = Field(default=0.5, gt=0, lt=1)
    """Probability above which a label is said to hold."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each yes or no spread evenly over yes and no."""
    class_weights: dict[str, float] = Field(default={})
    """Weight of a label's loss in the sentences where it holds, 1 where none is given."""


class MultiLabels(Kind[MultiLabelsOptions, Tensor]):
    """A yes or no for each label of a sentence, from its words pooled into one vector.

    The output is the log-odds of the labels in float32, shape (B, C). One target is one label of one sentence. An empty
    list says that no label holds; a missing list says nothing.
    """

    Options = MultiLabelsOptions
    Decoder = decoding.MultiLabels
    level = "sentence"
    weights: Tensor | None

    def __init__(self, *, options: MultiLabelsOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.feedback_size = len(self.space)
        self.scorer = SentenceScorer(options, hidden_size=hidden_size, outputs=len(self.space))
        self.register_buffer("weights", class_weights(options.class_weights, self.space), persistent=False)

    @classmethod
    def columns(cls, options: MultiLabelsOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def fit(cls, options: MultiLabelsOptions, rows: Iterable[Row]) -> Labels:
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(_labels(row, options.column) or ())
        return {"labels": label_space(counts, column=options.column, what="label")}

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        return self.scorer(words, mask)

    def targets(self, row: Row) -> Arrays | None:
        labels = _labels(row, self.options.column)
        if labels is None:
            return None
        return {"holds": np.array([label in labels for label in self.space], dtype=np.float32)}

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:  # noqa: ARG002 - nothing here is padded to words
        missing = np.full(len(self.space), math.nan, dtype=np.float32)
        holds = torch.from_numpy(np.stack([missing if t is None else t["holds"] for t in targets]))
        return Targets({"holds": holds}, float(sum(t is not None for t in targets) * len(self.space)))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        holds = targets["holds"]
        missing = holds.isnan()
        smoothing = self.options.label_smoothing
        aim = holds.masked_fill(missing, 0.0) * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(output, aim, pos_weight=self.weights, reduction="none")
        return losses.masked_fill(missing, 0.0).sum()

    def arrays(
        self,
        output: Tensor,
        *,
        probabilities: bool = False,  # noqa: ARG002 - the labels depend on them
    ) -> dict[str, Tensor]:
        return {"shares": output.sigmoid()}

    def feedback(self, output: Tensor) -> Tensor:
        """Return the probability of each label, shape (B, 1, C); they need not sum to one."""
        return output.sigmoid().unsqueeze(1)

    def imitation(self, output: Tensor, lessons: Mapping[str, Tensor]) -> Tensor:
        """Return the binary cross-entropies of all labels with the teacher's probabilities."""
        aim = lessons["beliefs"].squeeze(1)
        losses = F.binary_cross_entropy_with_logits(output, aim.nan_to_num(), reduction="none")
        return losses.masked_fill(aim.isnan(), 0.0).sum()

    @classmethod
    def score(cls, options: MultiLabelsOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs: list[tuple[str, str]] = []
        sentences = exact = 0
        for row, annotation in zip(gold, predicted, strict=True):
            ours = _labels(row, options.column)
            if ours is None:
                continue
            theirs = _labels(annotation, options.column) or set()
            sentences += 1
            exact += ours == theirs
            pairs += [(label, label) for label in sorted(ours & theirs)]
            pairs += [(label, ABSENT) for label in sorted(ours - theirs)]
            pairs += [(ABSENT, label) for label in sorted(theirs - ours)]
        report = label_report(pairs)
        report.pop(ABSENT, None)
        micro = precision_recall_f1(
            correct=sum(g == p for g, p in pairs),
            predicted=sum(p != ABSENT for _, p in pairs),
            gold=sum(g != ABSENT for g, _ in pairs),
        )
        return Scores(
            main="micro_f1",
            values={
                "micro_f1": micro["f1"],
                "macro_f1": macro_f1(report),
                "precision": micro["precision"],
                "recall": micro["recall"],
                "exact_match": exact / sentences if sentences else 0.0,
                "sentences": float(sentences),
            },
            per_label=report,
            confusions=confusions(pairs),
            notes=("exact_match is the share of sentences whose labels are all right.",),
        )

    @classmethod
    def baseline(cls, options: MultiLabelsOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The labels that hold in more than half of the sentences."""
        annotated = [labels for row in rows if (labels := _labels(row, options.column)) is not None]
        counts = Counter(label for labels in annotated for label in labels)
        usual = sorted(label for label, count in counts.items() if 2 * count > len(annotated))
        return lambda _: {options.column: list(usual)}


def _labels(row: Row, column: str) -> set[str] | None:
    """Return the labels that hold, None if the row lacks the annotation."""
    labels = row.get(column)
    return None if labels is None else {str(label) for label in labels if label is not None}
