"""Rows of a table into sentences: what files of tables and hub datasets have in common."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, StrictInt, StrictStr, model_validator

from hiernlp.corpora._schema import BASE, SECOND, Row, Shape, in_reading_order, missing_if_empty
from hiernlp.corpora._tags import Scheme, TagError, spans_from_tags
from hiernlp.corpora._trees import TreeError, check_heads
from hiernlp.errors import DataError, did_you_mean
from hiernlp.segmentation import segment
from hiernlp.settings import Settings

ColumnName = StrictInt | StrictStr
"""A column's name, or its number counted from 0."""

ValueType = Literal["label", "number", "labels", "distribution", "tags", "heads", "spans"]
"""What the cells of a column hold.

``label``: one label of the sentence; ``number``: one number; ``labels``: any number of labels, a list or a string split
at ``labels_separator`` (a string of nothing but the separator: none); ``distribution``: labels that have a share or a
count each, an object (a struct, a map) or a string, ``positive=3,neutral=2`` or an object in JSON. For words: ``tags``
(a label each) and ``heads`` (a number each), lists or strings split at blanks; ``spans``: tags that mark spans
(``scheme``), or a list of objects with ``start``, ``end`` (exclusive; words counted from 0) and ``label``.
"""

_SHAPES: dict[str, Shape] = {
    "label": "label",
    "number": "number",
    "labels": "labels",
    "distribution": "shares",
    "tags": "tags",
    "heads": "integers",
    "spans": "spans",
}
_OF_WORDS = {"tags", "heads", "spans"}
_BLANKS = re.compile(r"[ \t\r\n]+")


class TableOptions(Settings):
    """What the readers of files and of hub datasets have in common: which column holds what."""

    text: ColumnName | None = None
    """The column of the raw text, which is split into words by the rules of ``language``; one row is one sentence."""
    words: ColumnName | None = None
    """Instead of ``text``: the column of the words, a list or a string split at blanks."""
    second: ColumnName | None = None
    """For pairs of sentences: the column of the second one, which is read like the first."""
    tokenized: bool = False
    """Split ``text`` at blanks only."""
    language: str = "en"
    """The language whose rules split ``text`` into words."""
    columns: dict[str, ColumnName] = {}
    """The annotations, each with its column; none for text without any, which hints alone can use."""
    types: dict[str, ValueType] = Field(default={})
    """How annotations are read: label (the default), number, labels, distribution, tags, heads or spans."""
    scheme: Scheme = "auto"
    """How tags mark spans: iob1, iob2, bioes, or auto for any."""
    labels_separator: str = Field(default=",", min_length=1)
    """What separates labels in a string."""
    check_trees: bool = True
    """Refuse rows whose heads form no tree with one root."""
    document: ColumnName | None = None
    """The column that says to which document a row belongs."""
    id: ColumnName | None = None
    """The column of the rows' ids."""

    @model_validator(mode="after")
    def _columns_agree(self) -> TableOptions:
        if (self.text is None) == (self.words is None):
            raise ValueError("expected either `text` or `words`, the column to read the sentences from")
        taken = sorted(set(self.columns) & {*BASE, SECOND})
        if taken:
            raise ValueError(f"an annotation cannot be called {taken[0]!r}; choose another name in `columns`")
        unknown = [name for name in self.types if name not in self.columns]
        if unknown:
            raise ValueError(f"types: there is no annotation {unknown[0]!r}{did_you_mean(unknown[0], self.columns)}")
        worded = [name for name, kind in self.types.items() if kind in _OF_WORDS]
        if worded and self.second is not None:
            raise ValueError(f"{worded[0]!r} annotates words, but a row is a pair of sentences (`second`)")
        if worded and self.text is not None and not self.tokenized:
            raise ValueError(
                f"{worded[0]!r} annotates words, but the words of a raw text are not known; name the column of "
                "`words`, or set `tokenized: true` if blanks separate them"
            )
        return self

    def shapes(self) -> dict[str, Shape]:
        """Return the annotation columns with their shapes, and the second sentence's words where rows are pairs."""
        pairs: dict[str, Shape] = {} if self.second is None else {SECOND: "tags"}
        annotations: dict[str, Shape] = {name: _SHAPES[self.types.get(name, "label")] for name in self.columns}
        return pairs | annotations

    def needed(self) -> list[str | int]:
        """Return the columns that are read, each once."""
        others = [self.text, self.words, self.second, self.document, self.id]
        return list(dict.fromkeys([*(name for name in others if name is not None), *self.columns.values()]))

    def check_available(self, available: Iterable[str], *, file: str, line: int | None = None) -> None:
        """Check that all columns are there.

        Raises:
            DataError: one is not.
        """
        names = list(available)
        for name in self.needed():
            if name not in names:
                raise DataError(f"there is no column {name!r}{did_you_mean(str(name), names)}", file=file, line=line)

    def row(self, cells: Mapping[str | int, Any], *, file: str, line: int) -> Row:
        """Return a sentence; a cell that is absent, None or empty is a missing annotation.

        Raises:
            DataError: there is no word, or a cell cannot be read as declared.
        """
        try:
            text = None if self.text is None else _string(cells.get(self.text))
            row: Row = {"file": file, "line": line, "text": text, "words": self._words(cells, "first")}
            if self.second is not None:
                row[SECOND] = self._words(cells, "second")
            if self.document is not None:
                row["document"] = _string(cells.get(self.document))
            if self.id is not None:
                row["sentence"] = _string(cells.get(self.id))
        except ValueError as error:
            raise DataError(str(error), file=file, line=line) from None
        for name, column in self.columns.items():
            try:
                row[name] = self._value(name, cells.get(column), words=len(row["words"]))
            except (ValueError, TagError, TreeError) as error:
                raise DataError(f"column {column!r} ({name}): {error}", file=file, line=line) from None
        return row

    def _words(self, cells: Mapping[str | int, Any], which: Literal["first", "second"]) -> list[str]:
        """Return the words of a row's sentence, or of one of its two."""
        first = self.words if self.words is not None else self.text
        column = first if which == "first" else self.second
        assert column is not None
        if self.words is not None:
            found = _items(cells.get(column))
            if any(not isinstance(word, str) or not word for word in found):
                raise ValueError(f"expected words in column {column!r}, found one that is empty or no string")
            words: list[Any] = found
        else:
            text = _string(cells.get(column))
            if text is None:
                words = []
            elif self.tokenized:
                words = [word for word in _BLANKS.split(text) if word]
            else:
                words = [word for sentence in segment(text, language=self.language) for word in sentence.words]
        if not words:
            of_pair = "" if self.second is None else f" (the {which} sentence of the pair)"
            raise ValueError(f"expected words in column {column!r}{of_pair}, found none; leave such rows out")
        return words

    def _value(self, name: str, cell: Any, *, words: int) -> Any:  # noqa: ANN401 - a cell of any type
        kind = self.types.get(name, "label")
        if _is_missing(cell):
            return None
        if kind in _OF_WORDS:
            return self._value_of_words(kind, _items(cell), words=words)
        if kind == "labels":
            items = [item.strip() for item in cell.split(self.labels_separator)] if isinstance(cell, str) else cell
            return [label for item in _items(items) if (label := _string(item)) is not None]
        if kind == "distribution":
            return _shares(cell, separator=self.labels_separator)
        return _string(cell) if kind == "label" else _number(cell)

    def _value_of_words(self, kind: ValueType, items: list[Any], *, words: int) -> list[Any] | None:
        if kind == "spans" and all(isinstance(item, Mapping) for item in items):
            return _spans(items, words=words)
        if len(items) != words:
            raise ValueError(f"expected {words} values, one a word, found {len(items)}")
        if kind == "heads":
            heads = [None if _is_missing(item) else _head(item) for item in items]
            check_heads(heads, tree=self.check_trees)
            return missing_if_empty(heads)
        tags = missing_if_empty([_string(item) for item in items])
        return tags if kind == "tags" or tags is None else spans_from_tags(tags, scheme=self.scheme)


def _is_missing(cell: Any) -> bool:  # noqa: ANN401
    return cell is None or (isinstance(cell, str) and not cell) or (isinstance(cell, float) and math.isnan(cell))


def _string(cell: Any) -> str | None:  # noqa: ANN401
    """Return a cell as a string; a whole number that a table kept as 1.0 is 1."""
    if _is_missing(cell):
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, str | int | float):
        return str(cell)
    raise ValueError(f"expected a string or a number, found {_short(cell)}")


def _number(cell: Any) -> float | None:  # noqa: ANN401
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number, found {_short(cell)}") from None
    if math.isinf(number):
        raise ValueError(f"expected a finite number, found {_short(cell)}")
    return None if math.isnan(number) else number


def _head(cell: Any) -> int:  # noqa: ANN401
    text = _string(cell) or ""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"expected a head (a word's number or 0), found {_short(cell)}")
    return int(text)


def _items(cell: Any) -> list[Any]:  # noqa: ANN401
    """Return a list, or a string split at blanks; none for None."""
    if cell is None:
        return []
    if isinstance(cell, str):
        return [item for item in _BLANKS.split(cell) if item]
    if isinstance(cell, list):
        return cell
    raise ValueError(f"expected a list or a string, found {_short(cell)}")


def _shares(cell: Any, *, separator: str) -> list[dict[str, Any]] | None:  # noqa: ANN401
    """Return labels that have a share or a count each; None where none has one."""
    pairs = _written_shares(cell, separator=separator) if isinstance(cell, str) else cell
    if isinstance(pairs, Mapping):
        pairs = list(pairs.items())
    # A map of Arrow comes as pairs, too.
    if not (isinstance(pairs, list) and all(isinstance(pair, tuple) for pair in pairs)):
        raise ValueError(f"expected labels with a share or a count each, found {_short(cell)}")
    shares: dict[str, float] = {}
    for key, value in pairs:
        label = _string(key)
        # In a struct every row has all labels: those that were not given are missing.
        share = None if _is_missing(value) else _number(value)
        if label is None:
            raise ValueError(f"expected a label before every share, found none in {_short(cell)}")
        if label in shares:
            raise ValueError(f"expected every label once, found {label!r} twice")
        if share is not None and share < 0:
            raise ValueError(f"expected shares or counts of at least 0, found {share:g} of {label!r}")
        if share is not None:
            shares[label] = share
    if shares and not any(shares.values()):
        raise ValueError(f"expected a share above 0 for some label, found a sum of 0 in {_short(cell)}")
    return [{"label": label, "share": share} for label, share in shares.items()] or None


def _written_shares(text: str, *, separator: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a string says of labels' shares, as JSON or as ``label=share`` with separators between."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=list)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"expected an object in JSON: {error}") from None
    items = [item.strip() for item in text.split(separator) if item.strip()]
    wrong = [item for item in items if item.count("=") != 1]
    if wrong:
        raise ValueError(
            f"expected label=share or label=count, separated by {separator!r} (`labels_separator`), found {wrong[0]!r}"
        )
    return [tuple(part.strip() for part in item.split("=")) for item in items]


def _spans(items: list[Any], *, words: int) -> list[dict[str, Any]]:
    found: list[tuple[int, int, str]] = []
    for item in items:
        start, end, label = item.get("start"), item.get("end"), item.get("label")
        whole = isinstance(start, int) and isinstance(end, int) and isinstance(label, str)
        if not (whole and 0 <= start < end <= words):
            raise ValueError(
                f"expected a span with `start` < `end` <= {words} (words counted from 0) and a `label`, found "
                f"{_short(item)}"
            )
        found.append((start, end, label))
    return in_reading_order(found)


def _short(cell: Any) -> str:  # noqa: ANN401
    return reprlib.repr(cell)
