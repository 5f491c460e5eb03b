"""The best label of a sentence."""

from __future__ import annotations

from hiernlp.decoding._base import Annotation, Decoder, Found, Words


class SentenceLabels(Decoder):
    """Reads ``best`` (B,) and ``shares`` (B, C)."""

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        column, space = self.options["column"], self.labels["labels"]
        annotations: list[Annotation] = [{column: space[i]} for i, _ in zip(found["best"].tolist(), words, strict=True)]
        if probabilities:
            for annotation, shares in zip(annotations, found["shares"].tolist(), strict=True):
                annotation[f"{column}_probability"] = dict(zip(space, shares, strict=True))
        return annotations
