"""JSON lines, one object a record."""

from __future__ import annotations

from hiernlp.inference.document import Document
from hiernlp.inference.sinks._base import Numbered, TextSink
from hiernlp.inference.writers.json import to_line


class Jsonl(TextSink):
    """One JSON object a record: where it comes from, what it held besides, and ``Document.to_dict``."""

    def text(self, numbered: Numbered, document: Document) -> str:
        record = numbered.record
        where = {"record": numbered.number, "id": record.id, "file": record.file, "line": record.line}
        return to_line({**where, "fields": record.fields, **document.to_dict()}) + "\n"
