"""One label for every word, by itself or as a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at
from hiernlp.decoding._tags import TagPaths


class TokenLabels(Decoder):
    """Reads ``best`` (B, N) or, of a CRF or IOB2 tags, what :class:`TagPaths` does; ``shares`` (B, N, C)."""

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.space = labels["labels"]
        self.paths = TagPaths(self.space, crf=options["crf"], bio=options["bio"])

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        chosen = self.paths(found, words)
        column = self.options["column"]
        annotations: list[Annotation] = [
            {column: [self.space[i] for i in path[: len(sentence)]]}
            for path, sentence in zip(chosen.tolist(), words, strict=True)
        ]
        if probabilities:
            shares = at(found["shares"], chosen).tolist()
            for annotation, share, sentence in zip(annotations, shares, words, strict=True):
                annotation[f"{column}_probability"] = share[: len(sentence)]
        return annotations
