"""Morphological features: for every word and every attribute a value, or none.

Each attribute (Number, Case, ...) has a softmax of its own over its values and 'absent', so that combinations never
seen in training can be said, as in Inoue et al. 2017, "Joint Prediction of Morphosyntactic Categories for Fine-Grained
Arabic Part-of-Speech Tagging". One linear layer scores all values of all attributes.

Letters: B batch, N words, H hidden size, A attributes, V most classes of any attribute, C classes of all attributes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from hiernlp.decoding import features as decoding
from hiernlp.decoding._features import UNIVERSAL, ordered, split
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE, Annotation, Arrays, Kind, Labels, Row, Scores, Targets, label_space
from hiernlp.kinds._control import PerType
from hiernlp.kinds._scorer import scorer
from hiernlp.kinds._scoring import confusions, precision_recall_f1
from hiernlp.settings import Settings


class FeaturesOptions(Settings):
    """Settings of a task that finds morphological features."""

    column: str = "feats"
    """Annotation column with each word's features (``Case=Nom|Number=Sing``, an empty string for none) or null."""
    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer (GELU) before the scores; 0 for none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on the words' states."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of an attribute's target spread evenly over its values and 'absent'."""


class Features(Kind[FeaturesOptions, Tensor]):
    """A softmax for each attribute over its values and 'absent'.

    The loss of a word is the sum of its attributes' cross-entropies, each with weight 1, and a word is one target: the
    negative log-likelihood of its whole string if attributes are independent given the word's state. An attribute that
    nearly never occurs costs nearly nothing once that is learnt.
    """

    Options = FeaturesOptions
    Decoder = decoding.Features
    level = "token"
    places: Tensor
    void: Tensor
    real: Tensor
    sizes: Tensor

    def __init__(self, *, options: FeaturesOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.attributes = ordered(labels)
        self.values = [labels[name] for name in self.attributes]
        self._index = [{value: i for i, value in enumerate(values, start=1)} for values in self.values]
        sizes = [len(values) + 1 for values in self.values]
        self.feedback_size = sum(sizes)
        self.scorer = scorer(hidden_size, self.feedback_size, hidden=options.hidden, dropout=options.dropout)
        # Classes stand one attribute after another, 'absent' first; sums over an attribute are taken in a table of
        # A rows and V columns, of which the short rows' ends are void.
        width = max(sizes)
        starts = np.cumsum([0, *sizes[:-1]])
        columns = np.arange(width)
        void = columns >= np.array(sizes)[:, None]
        places = np.where(void, 0, starts[:, None] + columns)
        self.register_buffer("places", torch.from_numpy(places.ravel()), persistent=False)
        self.register_buffer("void", torch.from_numpy(void), persistent=False)
        self.register_buffer("real", torch.from_numpy(np.flatnonzero(~void)), persistent=False)
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)
        # The same strings come back again and again.
        self._known: dict[str, list[int]] = {}

    @classmethod
    def columns(cls, options: FeaturesOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def can_agree(cls, options: FeaturesOptions) -> bool:  # noqa: ARG003
        return True

    @classmethod
    def fit(cls, options: FeaturesOptions, rows: Iterable[Row]) -> Labels:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            for features in _parsed(row, options.column):
                for name, value in (features or {}).items():
                    counts[name][value] += 1
        label_space(Counter(list(counts)), column=options.column, what="feature")
        return {
            name: label_space(counts[name], column=options.column, what=f"value of {name}") for name in ordered(counts)
        }

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 - each word is judged by itself
        """Return the log-probabilities of each attribute's classes, ``absent`` first; minus infinity where void.

        Shape: (B, N, A, V), float32.
        """
        scores = self.scorer(words).float().index_select(-1, self.places).unflatten(-1, self.void.shape)
        return scores.masked_fill(self.void, float("-inf")).log_softmax(-1)

    def targets(self, row: Row) -> Arrays | None:
        if row.get(self.options.column) is None:
            return None
        strings = row[self.options.column]
        parsed = _parsed(row, self.options.column)
        known = [self._classes(text, found) for text, found in zip(strings, parsed, strict=True)]
        return {"classes": np.array(known, dtype=np.int64).reshape(len(known), len(self.attributes))}

    def _classes(self, text: str | None, features: Mapping[str, str] | None) -> list[int]:
        """Return the class of each attribute: 0 for absent, IGNORE for a value that training did not have."""
        if text is None or features is None:
            return [IGNORE] * len(self.attributes)
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = [
                index.get(features[name], IGNORE) if name in features else 0
                for name, index in zip(self.attributes, self._index, strict=True)
            ]
        return known

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        classes = np.full((len(targets), words, len(self.attributes)), IGNORE, dtype=np.int64)
        for padded, found in zip(classes, targets, strict=True):
            if found is not None:
                padded[: len(found["classes"])] = found["classes"]
        return Targets({"classes": torch.from_numpy(classes)}, float((classes != IGNORE).any(-1).sum()))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        classes = targets["classes"]
        losses = -output.gather(-1, classes.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        smoothing = self.options.label_smoothing
        if smoothing:
            spread = -output.masked_fill(self.void, 0.0).sum(-1) / self.sizes
            losses = (1 - smoothing) * losses + smoothing * spread
        return losses.masked_fill(classes == IGNORE, 0.0).sum()

    def arrays(self, output: Tensor, *, probabilities: bool = False) -> dict[str, Tensor]:
        shares, classes = output.max(-1)
        return {"classes": classes} | ({"shares": shares.sum(-1).exp()} if probabilities else {})

    def feedback(self, output: Tensor) -> Tensor:
        """Return the probabilities of all attributes' classes, one attribute after another, 'absent' first.

        Shape: (B, N, C); each attribute's sum to one.
        """
        return output.exp().flatten(-2).index_select(-1, self.real)

    @property
    def factor_sizes(self) -> tuple[int, int]:
        rows, columns = self.void.shape
        return rows, columns

    def classes_of(self, labels: Sequence[str]) -> list[list[int] | None]:
        found: list[list[int] | None] = []
        for label in labels:
            features = split(label)
            classes = self._classes(label, features)
            found.append(None if IGNORE in classes or features.keys() - set(self.attributes) else classes)
        return found

    def factors(self, output: Tensor) -> Tensor:
        return output

    def with_factors(self, output: Tensor, factors: Tensor) -> Tensor:  # noqa: ARG002 - nothing else is in it
        return factors

    @classmethod
    def score(cls, options: FeaturesOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        words, sums = 0, Counter[str]()
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        wrong: list[tuple[str, str]] = []
        for row, annotation in zip(gold, predicted, strict=True):
            theirs = _parsed({**row, options.column: annotation[options.column]}, options.column)
            for ours, found in zip(_parsed(row, options.column), theirs, strict=False):
                if ours is None:
                    continue
                words += 1
                found = found or {}  # noqa: PLW2901 - no answer is an answer without features
                unlike = {name for name in {*ours, *found} if ours.get(name) != found.get(name)}
                sums["whole"] += not unlike
                sums["universal"] += not unlike & UNIVERSAL
                for name in {*ours, *found}:
                    counts[name]["gold"] += name in ours
                    counts[name]["predicted"] += name in found
                    counts[name]["correct"] += name not in unlike
                wrong += [(_said(name, ours), _said(name, found)) for name in unlike]
        total = sum((counts[name] for name in counts), Counter[str]())
        return Scores(
            main="accuracy",
            values={
                "accuracy": sums["whole"] / words if words else 0.0,
                "universal": sums["universal"] / words if words else 0.0,
                "f1": _f1(total)["f1"],
                "words": float(words),
            },
            per_label={name: _f1(counts[name]) for name in ordered(counts)},
            confusions=confusions(wrong),
            notes=(
                "accuracy is of words with all their features right, in whatever order they are written",
                "universal compares the universal features alone, as the official CoNLL 2018 scorer does",
                "f1 and per-label figures count features; one is right if word, attribute and value are",
            ),
        )

    @classmethod
    def baseline(cls, options: FeaturesOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The most frequent features of the word's form, or else of all words."""
        by_form: dict[str, Counter[str]] = defaultdict(Counter)
        overall: Counter[str] = Counter()
        for row in rows:
            for word, features in zip(row["words"], row.get(options.column) or (), strict=False):
                if features is not None:
                    by_form[word][features] += 1
                    overall[features] += 1
        majority = overall.most_common(1)[0][0] if overall else ""
        best = {form: counts.most_common(1)[0][0] for form, counts in by_form.items()}
        return lambda row: {options.column: [best.get(word, majority) for word in row["words"]]}

    @classmethod
    def control(cls, options: FeaturesOptions, rows: Iterable[Row], *, seed: int) -> Callable[[Row], Annotation] | None:
        """All features of some word of training data for each word type."""
        features_of = PerType(
            (features for row in rows for features in row.get(options.column) or () if features is not None), seed=seed
        )
        return lambda row: {options.column: [features_of(word) for word in row["words"]]}


def _parsed(row: Row, column: str) -> list[Mapping[str, str] | None]:
    """Return the features of each word of a row, None where they are missing.

    Raises:
        DataError: they cannot be read.
    """
    found: list[Mapping[str, str] | None] = []
    for number, text in enumerate(row.get(column) or (), start=1):
        try:
            found.append(None if text is None else split(text))
        except ValueError as error:
            words = row["words"]
            raise DataError(
                f"{column} of word {number} ({words[number - 1]!r}) of the sentence that begins here: {error}; "
                "mend it there, with nothing at all for a word that has no features",
                file=row.get("file"),
                line=row.get("line"),
            ) from None
    return found


def _said(name: str, features: Mapping[str, str]) -> str:
    return f"{name}={features[name]}" if name in features else f"no {name}"


def _f1(counts: Counter[str]) -> dict[str, float]:
    return precision_recall_f1(correct=counts["correct"], predicted=counts["predicted"], gold=counts["gold"])
