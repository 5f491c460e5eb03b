"""Corpora: one reader a format; each gives a ``datasets.Dataset`` in one annotation schema.

One row is one sentence:

- ``words``: the sentence's words, never empty;
- ``second``: in a corpus of pairs, the words of the pair's second sentence, never empty; what is annotated is then said
  of the pair;
- ``text``, ``document``, ``sentence``: the raw text and the ids of document and sentence, or None;
- ``file``, ``line``: where the sentence begins, or None;
- ``source``: for CoNLL-U, the sentence's whole block of lines, so that output can be lossless;
- annotations, any of which may be missing for a corpus (no such column), a sentence (None) or a word (None in the
  list): token level (a list with one value a word), spans (a list of ``start``, ``end`` (exclusive) and ``label``, in
  reading order, an empty list where there are none), or sentence level (a string, a number, or a list of labels).

Public files of this package are readers, found by their names; what is shared begins with an underscore. Importing the
package loads neither ``datasets`` nor ``torch``.

Example:
    >>> from pathlib import Path
    >>> from hiernlp.corpora import load_corpus
    >>> corpus = load_corpus(  # doctest: +SKIP
    ...     reader="conllu", options={}, sources={"train": ["data/*-train.conllu"]}, base=Path(".")
    ... )
    >>> corpus["train"][0]["upos"]  # doctest: +SKIP
    ['PRON', 'VERB', 'PUNCT']
"""

from __future__ import annotations

from hiernlp.corpora._load import SPLITS, load_corpus
from hiernlp.corpora._schema import SECOND, Shape, column_type
from hiernlp.corpora._split import Split

__all__ = ["SECOND", "SPLITS", "Shape", "Split", "column_type", "load_corpus"]
