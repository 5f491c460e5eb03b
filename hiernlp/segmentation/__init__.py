"""Raw text to sentences and words: by rules, or by labels of its smallest pieces that a model has learnt to give.

No file of this room needs a model, or ``torch``: :mod:`.rules` is a segmenter by itself, :mod:`.boundaries` says what a
learned one predicts and makes sentences of it.
"""

from __future__ import annotations

from hiernlp.segmentation.rules import languages, segment
from hiernlp.segmentation.segments import MultiwordToken, Segment

__all__ = ["MultiwordToken", "Segment", "languages", "segment"]
