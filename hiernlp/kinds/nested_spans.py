"""Spans of words that may nest: entities within entities.

Letters: B batch, N words, H hidden size, C labels, S gold spans, K, R, E as in :class:`SpanLayout`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hiernlp.decoding import nested_spans as decoding
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
from hiernlp.kinds._scoring import confusions, label_report
from hiernlp.kinds._span_scorer import SpanLayout, SpanScorer
from hiernlp.kinds._spans import NO_SPAN, exact_match, known_phrases, matched_pairs, spans_of
from hiernlp.settings import Settings


class NestedSpansOptions(Settings):
    """Settings of a task that finds spans which may nest."""

    column: str
    """Annotation column: a list of spans for each sentence."""
    width: int = Field(default=150, ge=1)
    """Width of the projections of a span's first and last word."""
    max_width: int | None = Field(default=None, ge=1)
    """Greatest number of words of a span; null for that of the longest training span. Longer gold spans are missed."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Dropout on the words' states and on the projections."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of every candidate's target spread evenly over all labels and none."""
    class_weights: dict[str, float] = Field(default={})
    """Weight of the loss of a gold span by its label, 1 where none is given."""


@dataclass(frozen=True)
class SpanScores:
    """Scores of the labels of every candidate span, against 0 for none.

    Attributes:
        scores: float32, shape (B, K, C, R, E).
        valid: which entries are candidates, shape (B, K, R, E).
        layout: which span an entry is.
    """

    scores: Tensor
    valid: Tensor
    layout: SpanLayout

    def log_total(self) -> Tensor:
        """Return the logarithm of the sum of all labels' and none's exponentiated scores, shape (B, K, R, E)."""
        return F.softplus(self.scores.logsumexp(2))


class NestedSpans(Kind[NestedSpansOptions, SpanScores]):
    """Every span of words is one softmax over the labels and none; the best that do not cross are kept.

    One target is one word: the negative log-likelihood of all candidate spans that begin there. So the loss of a
    sentence does not depend on how many candidates the longest training span allows per word, beyond what they cost.
    """

    Options = NestedSpansOptions
    Decoder = decoding.NestedSpans
    level = "spans"
    can_be_taught = False
    weights: Tensor | None

    def __init__(self, *, options: NestedSpansOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.max_width = int(labels["max_width"][0])
        self.feedback_size = len(self.space) + 1
        self.scorer = SpanScorer(
            hidden_size, len(self.space), width=options.width, max_width=self.max_width, dropout=options.dropout
        )
        self.register_buffer("weights", class_weights(options.class_weights, self.space), persistent=False)

    @classmethod
    def columns(cls, options: NestedSpansOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def fit(cls, options: NestedSpansOptions, rows: Iterable[Row]) -> Labels:
        """Return the labels by frequency, and the greatest width as a number in ``max_width``."""
        counts: Counter[str] = Counter()
        longest = 1
        for row in rows:
            for start, end, label in spans_of(row, options.column) or ():
                counts[label] += 1
                longest = max(longest, end - start)
        return {
            "labels": label_space(counts, column=options.column, what="label"),
            "max_width": [str(options.max_width or longest)],
        }

    def forward(self, words: Tensor, mask: Tensor) -> SpanScores:
        scores, layout = self.scorer(words, mask)
        return SpanScores(scores, layout.valid(mask), layout)

    def targets(self, row: Row) -> Arrays | None:
        spans = spans_of(row, self.options.column)
        if spans is None:
            return None
        # A candidate has one label: of several on the same words, the first in reading order.
        first: dict[tuple[int, int], int] = {}
        for start, end, label in spans:
            if end - start <= self.max_width:
                first.setdefault((start, end - start), self.index.get(label, IGNORE))
        return {
            "words": np.array([len(row["words"])]),
            "start": np.array([start for start, _ in first], dtype=np.int64),
            "width": np.array([width for _, width in first], dtype=np.int64),
            "label": np.array(list(first.values()), dtype=np.int64),
        }

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:  # noqa: ARG002 - nothing here is padded to words
        most = max((len(t["start"]) for t in targets if t is not None), default=0)
        tensors = {
            name: pad([None if t is None else t[name] for t in targets], most) for name in ("start", "width", "label")
        }
        tensors["annotated"] = torch.tensor([t is not None for t in targets])
        return Targets(tensors, float(sum(int(t["words"][0]) for t in targets if t is not None)))

    def loss(self, output: SpanScores, targets: Mapping[str, Tensor]) -> Tensor:
        counted = output.valid & targets["annotated"][:, None, None, None]
        total = output.log_total()
        # First every candidate as none; then, at the gold spans, the difference to what they are.
        smoothing = self.options.label_smoothing / (len(self.space) + 1)
        none = total - smoothing * output.scores.sum(2) if smoothing else total
        losses = torch.where(counted, none, 0.0).sum()
        found = targets["start"] >= 0
        place = output.layout.index(targets["start"], targets["width"]).masked_fill(~found, 0)
        label = targets["label"].clamp(min=0)
        chosen = output.scores.transpose(1, 2).flatten(2).gather(2, place.unsqueeze(1).expand(-1, len(self.space), -1))
        gold = chosen.gather(1, label.unsqueeze(1)).squeeze(1) * (1 - self.options.label_smoothing)
        as_none = none.flatten(1).gather(1, place)
        weight = torch.ones_like(gold) if self.weights is None else self.weights[label]
        # A label that training did not know is neither a gold label nor none: its candidate is left out.
        weight = weight.masked_fill(targets["label"] < 0, 0.0)
        return losses + torch.where(found, weight * (as_none - gold) - as_none, 0.0).sum()

    def arrays(self, output: SpanScores, *, probabilities: bool = False) -> dict[str, Tensor]:
        best, label = output.scores.max(2)
        best = best.masked_fill(~output.valid, -torch.inf)
        return {"best": best, "label": label} | ({"shares": (best - output.log_total()).exp()} if probabilities else {})

    def feedback(self, output: SpanScores) -> Tensor:
        """Return the chance that a word lies in some span of each label, and last, in none, by the noisy-or.

        1 - prod(1 - p) over the candidates that cover the word, as if they were independent. A word may lie in spans
        of several labels, so that the weights of a word need not sum to one. Shape: (B, N, C + 1).
        """
        total = output.log_total().unsqueeze(2)
        shares = (output.scores - total).exp()
        absent = torch.cat([torch.log1p(-shares.clamp(max=1 - 1e-6)), -total], 2)
        absent = output.layout.covering(absent * output.valid.unsqueeze(2)).clamp(max=0.0).exp()
        return torch.cat([1 - absent[..., :-1], absent[..., -1:]], -1)

    @classmethod
    def score(cls, options: NestedSpansOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs: list[tuple[str, str]] = []
        for row, annotation in zip(gold, predicted, strict=True):
            spans = spans_of(row, options.column)
            if spans is not None:
                found = spans_of({**row, options.column: annotation[options.column]}, options.column)
                pairs += matched_pairs(spans, found or [])
        report = label_report(pairs)
        report.pop(NO_SPAN, None)
        return Scores(
            main="f1",
            values=exact_match(pairs),
            per_label=report,
            confusions=confusions(pairs),
            notes=(
                "A span is right if its first word, its last word and its label are; span_f1 leaves the label aside.",
            ),
        )

    @classmethod
    def baseline(cls, options: NestedSpansOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """Word sequences that were a span more often than not, with their most frequent label; none that cross."""
        return known_phrases(rows, column=options.column, nested=True)
