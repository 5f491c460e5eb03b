"""Morphological features, from the best class of each attribute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words
from hiernlp.decoding._features import join, ordered


class Features(Decoder):
    """Reads ``classes`` (B, N, A), 0 for 'absent' and then the attribute's values in their order; ``shares`` (B, N).

    A string's probability is the product of its attributes' probabilities, those of absent ones included.
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.attributes = ordered(labels)
        self.values = [labels[name] for name in self.attributes]
        # The same strings come back again and again.
        self._written: dict[bytes, str] = {}

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        column = self.options["column"]
        annotations: list[Annotation] = [
            {column: [self._string(word) for word in classes[: len(sentence)]]}
            for classes, sentence in zip(found["classes"], words, strict=True)
        ]
        if probabilities:
            for annotation, share, sentence in zip(annotations, found["shares"].tolist(), words, strict=True):
                annotation[f"{column}_probability"] = share[: len(sentence)]
        return annotations

    def _string(self, classes: np.ndarray) -> str:
        key = classes.tobytes()
        written = self._written.get(key)
        if written is None:
            choices = zip(self.attributes, self.values, classes.tolist(), strict=True)
            written = self._written[key] = join({name: values[i - 1] for name, values, i in choices if i})
        return written
