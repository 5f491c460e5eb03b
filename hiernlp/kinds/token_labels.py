"""One label for every word: UPOS, XPOS, supertags.

Letters: B batch, N words, H hidden size, C labels.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from pydantic import Field, model_validator
from torch import Tensor

from hiernlp.decoding import token_labels as decoding
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
from hiernlp.kinds._control import PerType
from hiernlp.kinds._scorer import scorer
from hiernlp.kinds._scoring import confusions, label_report, macro_f1
from hiernlp.kinds._tagger import Tagger, TagScores, softmax_only
from hiernlp.settings import Settings


class TokenLabelsOptions(Settings):
    """Settings of a task that labels words."""

    column: str
    """Annotation column: a list with one label (or null) for each word."""
    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer (GELU) before the label scores; 0 for none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on the words' states."""
    crf: bool = False
    """Score whole label sequences by a linear-chain CRF (Lafferty et al. 2001) instead of each word by itself."""
    bio: bool = False
    """The labels are IOB2 tags (``O``, ``B-x``, ``I-x``): decoding, and the CRF's sums, hold legal sequences only."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread evenly over all labels (softmax only)."""
    class_weights: dict[str, float] = Field(default={})
    """Weight of a label's loss, 1 where none is given (softmax only)."""

    _check = model_validator(mode="after")(softmax_only)


class TokenLabels(Kind[TokenLabelsOptions, TagScores]):
    """Softmax or linear-chain CRF over the labels of each word."""

    Options = TokenLabelsOptions
    Decoder = decoding.TokenLabels
    level = "token"

    def __init__(self, *, options: TokenLabelsOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["labels"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.feedback_size = len(self.space)
        self.scorer = scorer(hidden_size, len(self.space), hidden=options.hidden, dropout=options.dropout)
        self.tagger = Tagger(
            self.space,
            crf=options.crf,
            bio=options.bio,
            label_smoothing=options.label_smoothing,
            weights=class_weights(options.class_weights, self.space),
        )

    @classmethod
    def columns(cls, options: TokenLabelsOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def can_agree(cls, options: TokenLabelsOptions) -> bool:
        return not options.crf and not options.bio

    @classmethod
    def fit(cls, options: TokenLabelsOptions, rows: Iterable[Row]) -> Labels:
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(label for label in row.get(options.column) or () if label is not None)
        return {"labels": label_space(counts, column=options.column, what="label")}

    def forward(self, words: Tensor, mask: Tensor) -> TagScores:
        return TagScores(self.scorer(words).float(), mask)

    def targets(self, row: Row) -> Arrays | None:
        labels = row.get(self.options.column)
        if labels is None:
            return None
        return {"labels": np.array([self.index.get(label, IGNORE) for label in labels], dtype=np.int64)}

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        labels = pad([None if t is None else t["labels"] for t in targets], words)
        return Targets({"labels": labels}, float((labels != IGNORE).sum()))

    def loss(self, output: TagScores, targets: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.loss(output, targets["labels"])

    def arrays(self, output: TagScores, *, probabilities: bool = False) -> dict[str, Tensor]:
        return self.tagger.arrays(output, probabilities=probabilities)

    def feedback(self, output: TagScores) -> Tensor:
        return self.tagger.probabilities(output)

    @property
    def factor_sizes(self) -> tuple[int, int]:
        return 1, len(self.space)

    def classes_of(self, labels: Sequence[str]) -> list[list[int] | None]:
        return [[self.index[label]] if label in self.index else None for label in labels]

    def factors(self, output: TagScores) -> Tensor:
        return output.scores.log_softmax(-1).unsqueeze(-2)

    def with_factors(self, output: TagScores, factors: Tensor) -> TagScores:
        return TagScores(factors.squeeze(-2), output.mask)

    @classmethod
    def score(cls, options: TokenLabelsOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs = [
            (g, p)
            for row, annotation in zip(gold, predicted, strict=True)
            for g, p in zip(row.get(options.column) or (), annotation[options.column], strict=False)
            if g is not None
        ]
        report = label_report(pairs)
        accuracy = sum(g == p for g, p in pairs) / len(pairs) if pairs else 0.0
        return Scores(
            main="accuracy",
            values={"accuracy": accuracy, "macro_f1": macro_f1(report), "words": float(len(pairs))},
            per_label=report,
            confusions=confusions(pairs),
        )

    @classmethod
    def baseline(cls, options: TokenLabelsOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The most frequent label of the word's form, or else of all words."""
        by_form: dict[str, Counter[str]] = defaultdict(Counter)
        overall: Counter[str] = Counter()
        for row in rows:
            for word, label in zip(row["words"], row.get(options.column) or (), strict=False):
                if label is not None:
                    by_form[word][label] += 1
                    overall[label] += 1
        majority = overall.most_common(1)[0][0] if overall else None
        best = {form: counts.most_common(1)[0][0] for form, counts in by_form.items()}
        return lambda row: {options.column: [best.get(word, majority) for word in row["words"]]}

    @classmethod
    def control(
        cls, options: TokenLabelsOptions, rows: Iterable[Row], *, seed: int
    ) -> Callable[[Row], Annotation] | None:
        """A label for each word type; none for IOB2 tags, of which random ones are no legal sequence."""
        if options.bio:
            return None
        label_of = PerType(
            (label for row in rows for label in row.get(options.column) or () if label is not None), seed=seed
        )
        return lambda row: {options.column: [label_of(word) for word in row["words"]]}
