"""All labels of a sentence whose probability is above the threshold, in the order of the label space."""

from __future__ import annotations

from hiernlp.decoding._base import Annotation, Decoder, Found, Words


class MultiLabels(Decoder):
    """Reads ``shares`` (B, C)."""

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        column, space = self.options["column"], self.labels["labels"]
        annotations: list[Annotation] = []
        for shares, _ in zip(found["shares"].tolist(), words, strict=True):
            by_label = dict(zip(space, shares, strict=True))
            annotation: Annotation = {column: [label for label, p in by_label.items() if p > self.options["threshold"]]}
            if probabilities:
                annotation[f"{column}_probability"] = by_label
            annotations.append(annotation)
        return annotations
