"""Spans that do not overlap, from the best legal tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at
from hiernlp.decoding._spans import as_annotation
from hiernlp.decoding._tags import TagPaths, from_path, tags_of


class FlatSpans(Decoder):
    """Reads what :class:`TagPaths` does, and ``shares`` (B, N, C).

    A span's probability is the least of its words' tag probabilities: no joint probability can exceed it.
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.space = labels["labels"]
        self.paths = TagPaths(tags_of(self.space), crf=options["crf"], bio=True)

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        chosen = self.paths(found, words)
        column = self.options["column"]
        spans = [
            from_path(path[: len(sentence)], self.space) for path, sentence in zip(chosen.tolist(), words, strict=True)
        ]
        annotations: list[Annotation] = [{column: as_annotation(of_sentence)} for of_sentence in spans]
        if probabilities:
            shares = at(found["shares"], chosen).tolist()
            for annotation, of_sentence, share in zip(annotations, spans, shares, strict=True):
                annotation[f"{column}_probability"] = [min(share[start:end]) for start, end, _ in of_sentence]
        return annotations
