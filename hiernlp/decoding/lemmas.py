"""Lemmas, by the best edit script that applies to a word, and by a lexicon where the model also answers tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at
from hiernlp.decoding._edit_scripts import NO_LEMMA, EditScript

LEXICON = ("forms", "tags", "lemmas")
"""Roles of the lexicon's three columns: a form, a tag that it has in training data, and one of its lemmas with it, the
most frequent first."""


class Lemmas(Decoder):
    """Reads ``best`` (B, N), ``shares`` (B, N, C), and ``scores`` (B, N, C) where the best script is not the answer.

    A word to which no script applies is its own lemma. A lemma's probability is that of its script, or 0 if none
    applies. A lemma that the lexicon gives has the probability of the one that it replaces.
    """

    aids = LEXICON

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.scripts = [EditScript.parse(script) for script in labels["scripts"]]
        self.lexicon: dict[tuple[str, str], list[str]] = {}
        for form, tag, lemma in zip(*(labels.get(role, ()) for role in LEXICON), strict=True):
            self.lexicon.setdefault((form, tag), []).append(lemma)

    @property
    def consults(self) -> tuple[str, ...]:
        tags = self.options.get("lexicon")
        return () if tags is None else (tags,)

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        column = self.options["column"]
        best = np.array(found["best"])
        annotations: list[Annotation] = []
        for b, sentence in enumerate(words):
            lemmas: list[str] = []
            for n, word in enumerate(sentence):
                lemma = self.scripts[best[b, n]](word)
                if lemma is None:
                    best[b, n], lemma = self._next(found["scores"][b, n], word)
                lemmas.append(lemma or word or NO_LEMMA)
            annotations.append({column: lemmas})
        if probabilities:
            shares = np.where(best < 0, 0.0, at(found["shares"], np.maximum(best, 0))).tolist()
            for annotation, share, sentence in zip(annotations, shares, words, strict=True):
                annotation[f"{column}_probability"] = share[: len(sentence)]
        return annotations

    def reconsider(
        self, annotations: list[Annotation], found: Found, words: Words, answers: Sequence[Annotation]
    ) -> list[Annotation]:
        """Give each form that training data have with its tag one of the lemmas that they have for both.

        Which of them, the scripts' scores say. A lemma that they put above all of these by more than ``lexicon_cost``
        stands, unless no learnt script makes any of these.
        """
        scores: np.ndarray | None = None
        (tags,) = self.consults
        for b, (annotation, answer, sentence) in enumerate(zip(annotations, answers, words, strict=True)):
            lemmas = annotation[self.options["column"]]
            for n, (word, tag) in enumerate(zip(sentence, answer[tags], strict=True)):
                known = self.lexicon.get((word, tag))
                if known is not None and lemmas[n] not in known:
                    scores = found["scores"] if scores is None else scores
                    lemmas[n] = self._among(known, scores[b, n], word, lemmas[n])
        return annotations

    def _among(self, known: Sequence[str], scores: np.ndarray, word: str, lemma: str) -> str:
        """Return the best of the known lemmas of a word, or the given one where that is far more probable."""
        best: float | None = None
        for i in np.argsort(-scores, kind="stable").tolist():
            made = self.scripts[i](word)
            if made is None:
                continue
            best = float(scores[i]) if best is None else best
            if made in known:
                return made if best - float(scores[i]) <= self.options["lexicon_cost"] else lemma
        return known[0]

    def _next(self, scores: np.ndarray, word: str) -> tuple[int, str | None]:
        """Return the best script that applies to a word and the lemma that it makes; -1 and None if none does."""
        for i in np.argsort(-scores, kind="stable").tolist():
            lemma = self.scripts[i](word)
            if lemma is not None:
                return i, lemma
        return -1, None
