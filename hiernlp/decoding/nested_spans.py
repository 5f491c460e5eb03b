"""Spans that may nest: the best that do not cross.

Letters: K blocks, R starts of a block, E ends that a block can reach; entry (k, r, e) is the span from word k * R + r
to word k * R + e, inclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words
from hiernlp.decoding._spans import Span, as_annotation, select


class NestedSpans(Decoder):
    """Keeps spans whose best label beats none, by descending score; drops those that cross one that is kept.

    Reads ``best`` (B, K, R, E), the score of each candidate's best label against 0 for none, minus infinity where there
    is no candidate; ``label``, which label that is; ``shares``, its probability.
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.space = labels["labels"]

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        scores, labels = found["best"], found["label"]
        share = found["shares"] if probabilities else None
        starts = scores.shape[2]
        scored: list[list[tuple[float, Span]]] = [[] for _ in words]
        share_of: list[dict[tuple[int, int], float]] = [{} for _ in words]
        at = np.nonzero(scores > 0)
        sentences, blocks, begins, ends = at
        begins, ends = blocks * starts + begins, blocks * starts + ends + 1
        places = list(zip(begins.tolist(), ends.tolist(), strict=True))
        for b, place, score, label in zip(
            sentences.tolist(), places, scores[at].tolist(), labels[at].tolist(), strict=True
        ):
            scored[b].append((score, (*place, self.space[label])))
        if share is not None:
            for b, place, chance in zip(sentences.tolist(), places, share[at].tolist(), strict=True):
                share_of[b][place] = chance
        column = self.options["column"]
        annotations: list[Annotation] = []
        for spans, forms, known in zip(scored, words, share_of, strict=True):
            kept = select(spans, words=len(forms), nested=True)
            annotation: Annotation = {column: as_annotation(kept)}
            if probabilities:
                annotation[f"{column}_probability"] = [known[start, end] for start, end, _ in kept]
            annotations.append(annotation)
        return annotations
