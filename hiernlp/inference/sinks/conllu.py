"""CoNLL-U, one document a record."""

from __future__ import annotations

from dataclasses import replace

from hiernlp.inference.document import Document
from hiernlp.inference.sinks._base import Numbered, TextSink
from hiernlp.inference.writers.conllu import Conllu as Writer

_ENTITIES = 1000
"""More than a sentence has: where a long document is cut, the entities of its parts are numbered apart."""


class Conllu(TextSink):
    """CoNLL-U: input in CoNLL-U keeps what was not predicted, other records become documents of their own.

    Those are named by their id, or else their number, and their sentences ``<name>-1`` and on.
    """

    def text(self, numbered: Numbered, document: Document) -> str:
        sentences = [
            sentence
            if sentence.row.get("source") is not None
            else replace(sentence, row={**sentence.row, "document": numbered.id, "sentence": f"{numbered.id}-{number}"})
            for number, sentence in enumerate(document.sentences, start=1)
        ]
        first = 1 + numbered.record.before * _ENTITIES
        return Writer(first_entity=first).write(Document(document.text, sentences))
