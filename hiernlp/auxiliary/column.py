"""An annotation of sentences under another name: metadata as output, not as input (Caruana and de Sa 1997)."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from numbers import Real

from pydantic import Field, field_validator

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.errors import DataError
from hiernlp.settings import Settings


class ColumnOptions(Settings):
    """Settings of helpers by a column of the corpus."""

    column: str
    """The annotation: a label or a number a sentence, such as the genre of its document."""
    edges: list[float] = Field(default=[])
    """For numbers: bounds, rising; the label is how many of them a number reaches, such as ``0`` below the first."""

    @field_validator("edges")
    @classmethod
    def _rise(cls, edges: list[float]) -> list[float]:
        if any(low >= high for low, high in pairwise(edges)):
            raise ValueError(f"expected bounds that rise, found {edges}")
        return edges


class Column(Maker[ColumnOptions]):
    """What a column says of the sentence, or the bucket that its number is in; nothing where it says nothing.

    So several tasks may learn one column: adversaries at several layers, or a bucket beside its number.
    """

    Options = ColumnOptions
    kind = "sentence_labels"
    shape = "label"

    @classmethod
    def needs(cls, options: ColumnOptions) -> tuple[str, ...]:
        return (options.column,)

    def label(self, row: Row) -> str | None:
        value, edges = row[self.options.column], self.options.edges
        if value is None or (not edges and isinstance(value, str | Real)):
            return None if value is None else str(value)
        if not isinstance(value, Real):
            what = "a number" if edges else "a label or a number"
            raise DataError(
                f"column {self.options.column!r}: expected {what} a sentence, found {value!r}",
                file=row.get("file"),
                line=row.get("line"),
            )
        return str(bisect_right(edges, float(value)))
