"""The label of a sentence on a scale: above as many thresholds as are likelier passed than not."""

from __future__ import annotations

from hiernlp.decoding.sentence_labels import SentenceLabels


class OrdinalLabels(SentenceLabels):
    """Reads ``best`` (B,) and ``shares`` (B, K), as for labels without an order."""
