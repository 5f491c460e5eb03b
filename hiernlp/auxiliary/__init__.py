"""Hints: labels made from a corpus itself, for auxiliary tasks that nobody had to annotate.

Public files of this package are label makers, found by their names; what is shared begins with an underscore. A task of
a recipe names one under ``hint``; its labels become an annotation column called as the task, made when the corpus is
read, the same each time. What a maker learns (frequencies, say) it learns from training data alone.

Sources: hints (Abu-Mostafa 1990), focusing attention (Caruana 1998), predicting inputs (Caruana and de Sa 1997), as
surveyed by Ruder (2017), section 8.
"""

from __future__ import annotations

from hiernlp.auxiliary._columns import add_hint
from hiernlp.auxiliary._words import read_words

__all__ = ["add_hint", "read_words"]
