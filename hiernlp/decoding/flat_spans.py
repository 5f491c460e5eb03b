"""Spans that do not overlap, from the best legal tags, or each for its own probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at, lengths_of
from hiernlp.decoding._likely_spans import likely_spans
from hiernlp.decoding._spans import as_annotation
from hiernlp.decoding._tags import TagPaths, from_path, tags_of


class FlatSpans(Decoder):
    """Reads what :class:`TagPaths` does, and of best sequences ``shares`` (B, N, C).

    The probability of a span of the best sequence is the least of its words' tag probabilities: no joint probability
    can exceed it. Where every span more likely than not is kept (``decode: spans``), its probability is exact.
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.space = labels["labels"]
        self.by_span = options["decode"] == "spans"
        self.paths = TagPaths(tags_of(self.space), crf=options["crf"], bio=True)

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        if self.by_span:
            return self._likely(found, words, probabilities=probabilities)
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

    def _likely(self, found: Found, words: Words, *, probabilities: bool) -> list[Annotation]:
        column, lengths = self.options["column"], lengths_of(words)
        likely = likely_spans(found["scores"], labels=self.space, lengths=lengths, **self.paths.crf_scores(found))
        annotations: list[Annotation] = [{column: as_annotation(each.span for each in spans)} for spans in likely]
        if probabilities:
            for annotation, spans in zip(annotations, likely, strict=True):
                annotation[f"{column}_probability"] = [each.probability for each in spans]
        return annotations
