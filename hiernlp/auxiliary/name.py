"""Does the sentence contain a name (Cheng et al. 2015)?"""

from __future__ import annotations

from hiernlp.auxiliary._base import NO, YES, Maker, Row
from hiernlp.settings import Settings


class NameOptions(Settings):
    """Settings of hints by names."""

    column: str = "entities"
    """The annotation of spans in which names are found."""
    labels: list[str] | None = None
    """Labels of spans that are names; by default all are."""


class Name(Maker[NameOptions]):
    """``yes`` where an annotated span is a name, else ``no``; nothing where the sentence lacks the annotation."""

    Options = NameOptions
    kind = "sentence_labels"
    shape = "label"

    @classmethod
    def needs(cls, options: NameOptions) -> tuple[str, ...]:
        return (options.column,)

    def label(self, row: Row) -> str | None:
        spans, wanted = row[self.options.column], self.options.labels
        if spans is None:
            return None
        return YES if any(wanted is None or span["label"] in wanted for span in spans) else NO
