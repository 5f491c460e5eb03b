"""What answers for sentences and for pairs of them, whatever computes the answers. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hiernlp.decoding._base import Annotation
from hiernlp.encoding.joined import Pair
from hiernlp.encoding.subwords import Subwords

BATCH_SUBWORDS = 1024
"""Most subwords a batch by default; about the best on processors, larger ones pay on GPUs."""


class Predictor(Protocol):
    """A model, or what answers in its place."""

    def predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each sentence's annotation by task, in the sentences' order.

        Args:
            sentences: the sentences' subwords; each has at least one word.
            words: the sentences' words themselves, which some decoders read.
            tasks: the tasks wanted, all of which read one sentence; no layer above the deepest of them is computed.
            budget: most subwords a batch, padding included.
            probabilities: whether annotations have probabilities.
        """
        ...

    def predict_pairs(
        self,
        pairs: Sequence[Pair],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each pair's annotation by task, in the pairs' order.

        Args:
            pairs: the two sentences' subwords; each sentence has at least one word.
            words: the words of both sentences of each pair.
            tasks: the tasks wanted, all of which read pairs.
            budget: most subwords a batch, padding included.
            probabilities: whether annotations have probabilities.
        """
        ...
