"""Spans of words that do not overlap: chunks, named entities.

Letters: B batch, N words, H hidden size, C labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from hiernlp.decoding import flat_spans as decoding
from hiernlp.decoding._spans import Span
from hiernlp.decoding._tags import tags_of, to_tags
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
from hiernlp.kinds._scorer import scorer
from hiernlp.kinds._scoring import confusions
from hiernlp.kinds._spans import (
    exact_match,
    known_phrases,
    matched_pairs,
    overlap,
    spans_of,
)
from hiernlp.kinds._tagger import Tagger, TagScores, softmax_only
from hiernlp.settings import Settings


class FlatSpansOptions(Settings):
    """Settings of a task that finds spans which do not overlap."""

    column: str
    """Annotation column: a list of spans for each sentence."""
    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer (GELU) before the tag scores; 0 for none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on the words' states."""
    crf: bool = False
    """Score whole tag sequences by a linear-chain CRF (Lafferty et al. 2001) instead of each word by itself."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread evenly over all tags (softmax only)."""
    class_weights: dict[str, float] = Field(default={})
    """Weight of the loss of the words in a label's spans, 1 where none is given (softmax only)."""

    decode: Literal["sequence", "spans"] = "sequence"
    """Analysis answers with the spans of the best tag sequence, or with every span that is more likely than not under
    the CRF, whatever stands beside it, which suits F1 a little better."""

    _check = model_validator(mode="after")(softmax_only)

    @model_validator(mode="after")
    def _spans_have_probabilities(self) -> Self:
        if self.decode == "spans" and not self.crf:
            raise ValueError("decode: `spans` goes by the CRF's probabilities; set `crf: true`, or leave `decode` out")
        return self


class FlatSpans(Kind[FlatSpansOptions, TagScores]):
    """Spans as IOB2 tags of words, one target a word; whatever the scores, the decoded tags are legal.

    The tags are ``O``, then ``B-x`` and ``I-x`` for each label x in the order of the label space. Decoding is Viterbi's
    over the legal sequences, under the CRF's score or the product of the words' probabilities, or goes span by span
    (see :mod:`hiernlp.decoding._likely_spans`).
    """

    Options = FlatSpansOptions
    Decoder = decoding.FlatSpans
    level = "spans"

    def __init__(self, *, options: FlatSpansOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.tags = tags_of(self.space)
        self.index = {tag: i for i, tag in enumerate(self.tags)}
        self.feedback_size = len(self.tags)
        self.scorer = scorer(hidden_size, len(self.tags), hidden=options.hidden, dropout=options.dropout)
        by_label = class_weights(options.class_weights, self.space)
        self.tagger = Tagger(
            self.tags,
            crf=options.crf,
            bio=True,
            label_smoothing=options.label_smoothing,
            weights=None if by_label is None else _by_tag(by_label),
        )

    @classmethod
    def columns(cls, options: FlatSpansOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def fit(cls, options: FlatSpansOptions, rows: Iterable[Row]) -> Labels:
        """Return the spans' labels.

        Raises:
            DataError: there is none, or two spans overlap.
        """
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(label for _, _, label in flat_spans_of(row, options.column) or ())
        return {"labels": label_space(counts, column=options.column, what="label")}

    def forward(self, words: Tensor, mask: Tensor) -> TagScores:
        return TagScores(self.scorer(words).float(), mask)

    def targets(self, row: Row) -> Arrays | None:
        spans = flat_spans_of(row, self.options.column)
        if spans is None:
            return None
        tags = to_tags(spans, words=len(row["words"]))
        return {"tags": np.array([self.index.get(tag, IGNORE) for tag in tags], dtype=np.int64)}

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        tags = pad([None if t is None else t["tags"] for t in targets], words)
        return Targets({"tags": tags}, float((tags != IGNORE).sum()))

    def loss(self, output: TagScores, targets: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.loss(output, targets["tags"])

    def arrays(self, output: TagScores, *, probabilities: bool = False) -> dict[str, Tensor]:
        # Spans decoded one by one come with their probabilities, so that those of tags are not asked for.
        return self.tagger.arrays(output, probabilities=probabilities and self.options.decode == "sequence")

    def feedback(self, output: TagScores) -> Tensor:
        """Return each word's probability of each tag, shape (B, N, 2 C + 1)."""
        return self.tagger.probabilities(output)

    @classmethod
    def score(cls, options: FlatSpansOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        ours: list[list[Span]] = []
        theirs: list[list[Span]] = []
        lengths: list[int] = []
        for row, annotation in zip(gold, predicted, strict=True):
            spans = flat_spans_of(row, options.column)
            if spans is not None:
                ours.append(spans)
                theirs.append(flat_spans_of({**row, options.column: annotation[options.column]}, options.column) or [])
                lengths.append(len(row["words"]))
        pairs = [pair for g, p in zip(ours, theirs, strict=True) for pair in matched_pairs(g, p)]
        values, per_label = _seqeval(ours, theirs, lengths)
        return Scores(
            main="f1",
            values={**exact_match(pairs), **values},
            per_label=per_label,
            confusions=confusions(pairs),
            notes=("F1 is seqeval's in strict mode on IOB2 tags; span_f1 leaves the label aside.",),
        )

    @classmethod
    def baseline(cls, options: FlatSpansOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """Word sequences that were a span more often than not, with their most frequent label, longest first."""
        return known_phrases(rows, column=options.column, nested=False)


def flat_spans_of(row: Row, column: str) -> list[Span] | None:
    """Return a row's spans in reading order, None if the row lacks them.

    Raises:
        DataError: two spans share a word, or one lies outside the sentence.
    """
    spans = spans_of(row, column)
    both = overlap(spans or [])
    if both is not None:
        (start, end, label), (other_start, other_end, other) = both
        raise DataError(
            f"spans of {column!r} must not overlap for the kind 'flat_spans', found {label!r} over words {start} to "
            f"{end - 1} and {other!r} over words {other_start} to {other_end - 1}; give the task the kind "
            "'nested_spans' or leave one of them out",
            file=row.get("file"),
            line=row.get("line"),
        )
    return spans


def _by_tag(weights: Tensor) -> Tensor:
    """Return the weights of the tags from those of the labels; that of O is 1."""
    return torch.cat([torch.ones(1), weights.repeat_interleave(2)])


_SEQEVAL_NAMES = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}


def _seqeval(
    gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]], lengths: Sequence[int]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return precision, recall and F1 over all spans, and those of each label, counted by seqeval."""
    from seqeval.metrics import classification_report  # noqa: PLC0415 - slow to import, needed here only
    from seqeval.scheme import IOB2  # noqa: PLC0415

    labels = sorted({label for spans in (*gold, *predicted) for _, _, label in spans})
    if not labels:
        return {}, {}
    # seqeval splits tags at hyphens and sorts labels by their names, so labels go in as numbers of equal length.
    digits = len(str(len(labels)))
    names = {label: f"{i:0{digits}}" for i, label in enumerate(labels)}
    ours, theirs = (
        [
            to_tags([(start, end, names[label]) for start, end, label in spans], words=words)
            for spans, words in zip(sentences, lengths, strict=True)
        ]
        for sentences in (gold, predicted)
    )
    counting: dict[str, Any] = {"output_dict": True, "zero_division": 0, "mode": "strict", "scheme": IOB2}
    report: Any = classification_report(ours, theirs, **counting)
    values = {name: float(report["micro avg"][key]) for name, key in _SEQEVAL_NAMES.items() if name != "support"}
    per_label = {
        label: {name: float(report[names[label]][key]) for name, key in _SEQEVAL_NAMES.items()} for label in labels
    }
    return values, per_label
