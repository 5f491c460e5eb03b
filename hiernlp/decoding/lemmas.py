"""Lemmas, by the best edit script that applies to a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at
from hiernlp.decoding._edit_scripts import NO_LEMMA, EditScript


class Lemmas(Decoder):
    """Reads ``best`` (B, N), ``scores`` (B, N, C) where the best script does not apply, and ``shares`` (B, N, C).

    A word to which no script applies is its own lemma. A lemma's probability is that of its script, or 0 if none
    applies.
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.scripts = [EditScript.parse(script) for script in labels["scripts"]]

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

    def _next(self, scores: np.ndarray, word: str) -> tuple[int, str | None]:
        """Return the best script that applies to a word and the lemma that it makes; -1 and None if none does."""
        for i in np.argsort(-scores, kind="stable").tolist():
            lemma = self.scripts[i](word)
            if lemma is not None:
                return i, lemma
        return -1, None
