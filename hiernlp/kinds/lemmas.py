"""Lemmas: for every word the edit script that makes its lemma of it.

Source: after Straka 2018, "UDPipe 2.0 Prototype at CoNLL 2018 UD Shared Task", a softmax over the scripts
found in training data; :mod:`hiernlp.decoding._edit_scripts` has the scripts and how they depart from the source.

Letters: B batch, N words, H hidden size, C scripts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hiernlp.decoding import lemmas as decoding
from hiernlp.decoding._edit_scripts import NO_LEMMA, script_of
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE, Annotation, Arrays, Kind, Labels, Row, Scores, Targets, label_space, pad
from hiernlp.kinds._scorer import scorer
from hiernlp.kinds._scoring import confusions
from hiernlp.settings import Settings


class LemmasOptions(Settings):
    """Settings of a lemmatizer."""

    column: str = "lemma"
    """Annotation column with the lemma (or null) of each word."""
    min_count: int = Field(default=2, ge=1)
    """Scripts that fewer training words have are not learnt; what is rare is oftener a slip than a rule."""
    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer (GELU) before the scripts' scores; 0 for none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on the words' states."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target spread evenly over all scripts."""
    lexicon: str | None = None
    """Annotation column with the tags of words, such as ``xpos``. Where the model also answers it, a form that training
    data have with its tag takes a lemma that they have for both; in a model without that task, scripts alone decide."""
    lexicon_cost: float = Field(default=2.0, ge=0)
    """How much more probable (a difference of log-probabilities, in nats) another lemma has to be than those of the
    lexicon to be answered all the same."""


class Lemmas(Kind[LemmasOptions, Tensor]):
    """Softmax over edit scripts; a word's lemma is made by the best script that applies to it."""

    Options = LemmasOptions
    Decoder = decoding.Lemmas
    level = "token"

    def __init__(self, *, options: LemmasOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["scripts"]
        self.feedback_size = len(self.space)
        self.scorer = scorer(hidden_size, len(self.space), hidden=options.hidden, dropout=options.dropout)
        self._index = {script: i for i, script in enumerate(self.space)}
        # A pair of word and lemma comes back in every epoch, and finding its script takes long.
        self._known: dict[tuple[str, str], int] = {}

    @classmethod
    def columns(cls, options: LemmasOptions) -> tuple[str, ...]:
        return (options.column,)

    @classmethod
    def hidden_columns(cls, options: LemmasOptions) -> tuple[str, ...]:
        return () if options.lexicon is None else (options.lexicon,)

    @classmethod
    def fit(cls, options: LemmasOptions, rows: Iterable[Row]) -> Labels:
        pairs: Counter[tuple[str, str]] = Counter()
        entries: Counter[tuple[str, str, str]] = Counter()
        for row in rows:
            lemmas = row.get(options.column)
            if lemmas is not None:
                pairs.update((w, lemma) for w, lemma in zip(row["words"], lemmas, strict=True) if lemma)
                tags = None if options.lexicon is None else row.get(options.lexicon)
                if tags is not None:
                    found = zip(row["words"], tags, lemmas, strict=True)
                    entries.update((word, tag, lemma) for word, tag, lemma in found if tag and lemma)
        counts: Counter[str] = Counter()
        for (word, lemma), number in pairs.items():
            counts[script_of(word, lemma)] += number
        space = label_space(counts, column=options.column, what="lemma")
        learnt = [script for script in space if counts[script] >= options.min_count]
        if not learnt:
            raise DataError(
                f"no edit script of {options.column!r} is seen {options.min_count} times in training, at most "
                f"{max(counts.values())} times; give the option min_count a lower value, or more training data"
            )
        return {"scripts": learnt} | _lexicon(entries, options)

    def forward(self, words: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 - each word is judged by itself
        """Return the scripts' scores of each word, in float32, shape (B, N, C)."""
        return self.scorer(words).float()

    def targets(self, row: Row) -> Arrays | None:
        lemmas = row.get(self.options.column)
        if lemmas is None:
            return None
        pairs = zip(row["words"], lemmas, strict=True)
        found = [self._script(word, lemma) if lemma else IGNORE for word, lemma in pairs]
        return {"scripts": np.array(found, dtype=np.int64)}

    def _script(self, word: str, lemma: str) -> int:
        pair = (word, lemma)
        known = self._known.get(pair)
        if known is None:
            known = self._known[pair] = self._index.get(script_of(word, lemma), IGNORE)
        return known

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        scripts = pad([None if t is None else t["scripts"] for t in targets], words)
        return Targets({"scripts": scripts}, float((scripts != IGNORE).sum()))

    def loss(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        return F.cross_entropy(
            output.flatten(0, 1),
            targets["scripts"].flatten(),
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.options.label_smoothing,
        )

    def arrays(self, output: Tensor, *, probabilities: bool = False) -> dict[str, Tensor]:
        found = {"best": output.argmax(-1), "scores": output}
        return found | ({"shares": output.softmax(-1)} if probabilities else {})

    def feedback(self, output: Tensor) -> Tensor:
        return output.softmax(-1)

    @classmethod
    def score(cls, options: LemmasOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs = [
            (g, p)
            for row, annotation in zip(gold, predicted, strict=True)
            for g, p in zip(row.get(options.column) or (), annotation[options.column], strict=False)
        ]
        known = [(g, p) for g, p in pairs if g is not None]
        # The official scorer takes a gold `_` for 'no lemma', whatever was predicted for the right one.
        wrong = [(g, p) for g, p in known if g not in (p, NO_LEMMA)]
        return Scores(
            main="accuracy",
            values={
                "accuracy": 1 - len(wrong) / len(known) if known else 0.0,
                "official": 1 - len(wrong) / len(pairs) if known else 0.0,
                "words": float(len(known)),
            },
            confusions=confusions(wrong),
            notes=(
                "lemmas are compared as they are written, upper and lower case told apart",
                "official counts as the official CoNLL 2018 scorer does, where a word without gold lemma is right; "
                "accuracy leaves such words out",
            ),
        )

    @classmethod
    def baseline(cls, options: LemmasOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The most frequent lemma of the word's form, or else the form itself."""
        by_form: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            for word, lemma in zip(row["words"], row.get(options.column) or (), strict=False):
                if lemma is not None:
                    by_form[word][lemma] += 1
        best = {form: counts.most_common(1)[0][0] for form, counts in by_form.items()}
        return lambda row: {options.column: [best.get(word, word) for word in row["words"]]}


def _lexicon(entries: Counter[tuple[str, str, str]], options: LemmasOptions) -> Labels:
    """Return the columns of a lexicon, in a stable order; nothing where none is wanted.

    Raises:
        DataError: no word has both a tag and a lemma.
    """
    if options.lexicon is None:
        return {}
    if not entries:
        raise DataError(
            f"the option lexicon names the annotation {options.lexicon!r}, which no training sentence with "
            f"{options.column!r} has; name a column of tags that the corpora have, such as xpos, or leave it out"
        )
    ordered = sorted(entries, key=lambda entry: (*entry[:2], -entries[entry], entry[2]))
    return {role: list(values) for role, values in zip(decoding.LEXICON, zip(*ordered, strict=True), strict=True)}
