"""One label for a sentence: sentence type, sentiment, the topic of a text.

Letters: B batch, N words, H hidden size, C labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hiernlp.decoding import sentence_labels as decoding
from hiernlp.errors import DataError
from hiernlp.kinds._base import (
    IGNORE,
    Annotation,
    Arrays,
    Kind,
    Labels,
    Row,
    Scores,
    Targets,
    class_weights,
    label_space,
    pad,
)
from hiernlp.kinds._pooling import PooledOptions, SentenceScorer
from hiernlp.kinds._scoring import confusions, label_report, macro_f1
from hiernlp.kinds._soft_targets import check_positions, ordinal_targets, vote_shares, weights_of


class SentenceLabelsOptions(PooledOptions):
    """Settings of a task that labels sentences."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread evenly over all labels."""
    class_weights: dict[str, float] = Field(default={})
    """Weight of a label's loss, 1 where none is given."""

    votes: str | None = None
    """Annotation column with all annotators' labels of the sentence (``labels`` in a table, some of them more than
    once), or with labels that have a share or a count of the votes each (``distribution``): training's target is each
    label's share of them. Scores are those of the label itself."""
    scale: list[str] | dict[str, float] | None = None
    """The labels in their order, or each with its position: training's target then spreads over those nearby, where
    there are no votes."""
    spread: float = Field(default=0.5, gt=0)
    """With ``scale``: the distance in which a label's share of the target falls to 1/e of the right one's."""
    case_sensitive: bool = False
    """Take labels that differ in letter case only for different ones; otherwise they are refused as a mistake."""


class SentenceLabels(Kind[SentenceLabelsOptions, Tensor]):
    """Softmax over the labels of a sentence, from its words pooled into one vector.

    The target is the label itself or, by ``votes`` or ``scale``, a distribution q, with the loss -sum_c q_c log p_c.

    The output is the scores of the labels in float32, shape (B, C). Labels are strings: a column of numbers is read as
    the numbers are written.
    """

    Options = SentenceLabelsOptions
    Decoder = decoding.SentenceLabels
    level = "sentence"
    weights: Tensor | None

    def __init__(self, *, options: SentenceLabelsOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.feedback_size = len(self.space)
        self.scorer = SentenceScorer(options, hidden_size=hidden_size, outputs=len(self.space))
        self._near = (
            None if options.scale is None else ordinal_targets(options.scale, self.space, spread=options.spread)
        )
        self.register_buffer("weights", class_weights(options.class_weights, self.space), persistent=False)

    @classmethod
    def columns(cls, options: SentenceLabelsOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def hidden_columns(cls, options: SentenceLabelsOptions) -> tuple[str, ...]:
        return () if options.votes is None else (options.votes,)

    @classmethod
    def fit(cls, options: SentenceLabelsOptions, rows: Iterable[Row]) -> Labels:
        counts: Counter[str] = Counter()
        first: dict[str, Row] = {}
        voted = False
        for row in rows:
            votes = None if options.votes is None else row.get(options.votes)
            if votes and not isinstance(votes, list):
                raise DataError(
                    f"votes: expected labels or labels with shares as {options.votes!r}, found {votes!r}; give the "
                    "annotation the type `labels` or `distribution` in the corpus's `types`",
                    file=row.get("file"),
                    line=row.get("line"),
                )
            voted = voted or bool(votes)
            given = list(weights_of(votes or ()))
            counts.update(dict.fromkeys(given, 0))
            if row.get(options.column) is not None:
                label = str(row[options.column])
                counts[label] += 1
                given.append(label)
            for label in given:
                first.setdefault(label, row)
        space = label_space(counts, column=options.column, what="label")
        if options.votes is not None and not voted:
            raise DataError(
                f"votes: expected the annotation {options.votes!r}, labels or labels with shares, in a training "
                "sentence, found none; check the corpus's columns and types"
            )
        if options.scale is not None:
            check_positions(options.scale, first, column=options.column)
        known: dict[str, str] = {}
        for label in space if not options.case_sensitive else ():
            usual = known.setdefault(label.casefold(), label)
            if usual != label:
                raise _other_case(options.column, label, usual, first[label])
        return {"labels": space}

    def check(self, rows: Iterable[Row]) -> None:
        """Find labels that training has in another letter case."""
        if self.options.case_sensitive:
            return
        known = {label.casefold(): label for label in self.space}
        for row in rows:
            label = row.get(self.options.column)
            if label is not None and known.get(str(label).casefold(), label) != str(label):
                raise _other_case(self.options.column, str(label), known[str(label).casefold()], row)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:
        return self.scorer(words, mask)

    def targets(self, row: Row) -> Arrays | None:
        label = row.get(self.options.column)
        if self.is_soft:
            soft = self._soft(row)
            return None if soft is None else {"soft": soft}
        return None if label is None else {"label": np.array([self.index.get(str(label), IGNORE)], dtype=np.int64)}

    @property
    def is_soft(self) -> bool:
        """Whether targets are distributions."""
        return self.options.votes is not None or self._near is not None

    def _soft(self, row: Row) -> np.ndarray | None:
        """Return the target of a row, shape (C,); None where it has neither votes nor a known label."""
        votes = None if self.options.votes is None else row.get(self.options.votes)
        shares = vote_shares(votes, self.index) if votes else None
        if shares is not None:
            return shares
        place = self.index.get(str(row.get(self.options.column)))
        if place is None:
            return None
        return np.eye(len(self.space), dtype=np.float32)[place] if self._near is None else self._near[place]

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:  # noqa: ARG002 - nothing here is padded to words
        if self.is_soft:
            nothing = np.zeros(len(self.space), dtype=np.float32)
            soft = np.stack([nothing if t is None else t["soft"] for t in targets])
            return Targets({"soft": torch.from_numpy(soft)}, float(sum(t is not None for t in targets)))
        labels = pad([None if t is None else t["label"] for t in targets], 1).squeeze(1)
        return Targets({"label": labels}, float((labels != IGNORE).sum()))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        if self.is_soft:
            each = F.cross_entropy(
                output,
                targets["soft"],
                weight=self.weights,
                reduction="none",
                label_smoothing=self.options.label_smoothing,
            )
            # Without a target a sentence has a row of zeros, to which smoothing would add.
            return (each * targets["soft"].any(-1)).sum()
        return F.cross_entropy(
            output,
            targets["label"],
            weight=self.weights,
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.options.label_smoothing,
        )

    def arrays(self, output: Tensor, *, probabilities: bool = False) -> dict[str, Tensor]:
        return {"best": output.argmax(-1)} | ({"shares": output.softmax(-1)} if probabilities else {})

    def feedback(self, output: Tensor) -> Tensor:
        return output.softmax(-1).unsqueeze(1)

    @classmethod
    def score(cls, options: SentenceLabelsOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs = [
            (str(row[options.column]), str(annotation[options.column]))
            for row, annotation in zip(gold, predicted, strict=True)
            if row.get(options.column) is not None
        ]
        report = label_report(pairs)
        accuracy = sum(g == p for g, p in pairs) / len(pairs) if pairs else 0.0
        return Scores(
            main="accuracy",
            values={"accuracy": accuracy, "macro_f1": macro_f1(report), "sentences": float(len(pairs))},
            per_label=report,
            confusions=confusions(pairs),
        )

    @classmethod
    def baseline(cls, options: SentenceLabelsOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The most frequent label."""
        majority = cls.fit(options, rows)["labels"][0]
        return lambda _: {options.column: majority}


def _other_case(column: str, label: str, usual: str, row: Row) -> DataError:
    return DataError(
        f"{column!r} is {label!r} here and {usual!r} in most places; spell them alike, or set the task's option "
        "`case_sensitive: true` if they are two labels",
        file=row.get("file"),
        line=row.get("line"),
    )
