"""The number of a sentence on its declared range."""

from __future__ import annotations

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Words


class SentenceScores(Decoder):
    """Reads ``share`` (B,), the number as a share of the range, and clips it; a number has no probability."""

    def __call__(
        self,
        found: Found,
        words: Words,
        *,
        probabilities: bool = False,  # noqa: ARG002 - a number has none
    ) -> list[Annotation]:
        least, span = self.options["minimum"], self.options["maximum"] - self.options["minimum"]
        numbers = (found["share"].astype(np.float64).clip(0, 1) * span + least).tolist()
        return [{self.options["column"]: number} for number, _ in zip(numbers, words, strict=True)]
