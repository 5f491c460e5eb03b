"""The columns of a corpus and their types in Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from hiernlp.errors import DataError

if TYPE_CHECKING:
    import datasets

Row = dict[str, Any]
"""One sentence; a column that is absent is missing."""

Shape = Literal["tags", "integers", "spans", "label", "number", "labels", "shares"]
"""What one value of an annotation is.

``tags`` and ``integers`` hold one string or one whole number a word; ``spans`` is a list of labelled spans; ``label``,
``number`` and ``labels`` are one string, one number or any number of labels a sentence; ``shares`` is a list of labels
that have a ``share`` each, of any sum.
"""

BASE = ("words", "text", "document", "sentence", "file", "line", "source")
"""The columns that every corpus has."""

SECOND = "second"
"""The column of a pair's second sentence: its words. A corpus that has it is one of pairs."""

T = TypeVar("T")


def features(columns: Mapping[str, Shape]) -> datasets.Features:
    """Return the Arrow types of a corpus with these annotation columns.

    Raises:
        DataError: an annotation has the name of one of the columns that every corpus has.
    """
    from datasets import Features, List, Value  # noqa: PLC0415 - importing datasets takes a second

    clash = sorted(set(columns) & set(BASE))
    if clash:
        raise DataError(f"an annotation cannot be called {clash[0]!r}: that name is taken in every corpus; rename it")
    string = Value("string")
    base = {"words": List(string), "text": string, "document": string, "sentence": string, "file": string}
    annotations = {name: column_type(shape) for name, shape in columns.items()}
    return Features({**base, "line": Value("int64"), "source": string} | annotations)


def column_type(shape: Shape) -> Any:  # noqa: ANN401 - one class a shape
    """Return the Arrow type of an annotation."""
    from datasets import List, Value  # noqa: PLC0415 - as above

    string = Value("string")
    shapes: dict[Shape, Any] = {
        "tags": List(string),
        "integers": List(Value("int32")),
        "spans": List({"start": Value("int32"), "end": Value("int32"), "label": string}),
        "label": string,
        "number": Value("float64"),
        "labels": List(string),
        "shares": List({"label": string, "share": Value("float64")}),
    }
    return shapes[shape]


def missing_if_empty(values: list[T | None]) -> list[T | None] | None:
    """Return a token-level annotation, or None if no word has it."""
    return values if any(value is not None for value in values) else None


def in_reading_order(spans: Iterable[tuple[int, int, str]]) -> list[dict[str, Any]]:
    """Return spans given as (start, end, label) by their start, the longest first."""
    return [
        {"start": start, "end": end, "label": label}
        for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1]))
    ]
