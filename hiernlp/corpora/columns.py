"""Columns of words and tags, as the CoNLL shared tasks have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import Field, model_validator

from hiernlp.corpora._base import FileReader
from hiernlp.corpora._escapes import unescaped
from hiernlp.corpora._files import TextLines, bare_lines
from hiernlp.corpora._schema import Row, Shape, missing_if_empty
from hiernlp.corpora._tags import Scheme, TagError, spans_from_tags
from hiernlp.corpora._trees import TreeError, check_heads
from hiernlp.errors import DataError
from hiernlp.settings import Settings

_BLANKS = re.compile(r"[ \t]+")


class ColumnsOptions(Settings):
    """Settings of the reader of columns."""

    columns: dict[str, int]
    """Where each annotation stands, counted from 0 (or from -1, the last); ``words`` must be among them."""
    separator: str | None = Field(default=None, min_length=1)
    """What separates columns, such as a tab; by default any blanks."""
    spans: dict[str, Scheme] = Field(default={})
    """The columns whose tags mark spans, with their scheme: iob1, iob2, bioes, or auto for any."""
    heads: str | None = None
    """The column that holds the heads of words: numbers counted from 1, and 0 for the root."""
    check_trees: bool = True
    """Refuse sentences whose heads form no tree with one root."""
    comment: str | None = Field(default=None, min_length=1)
    """Leave out lines that begin with this; by default none is left out, since a word may begin with any character."""
    document_marker: str | None = "-DOCSTART-"
    """A line whose first column is this begins a document and is no word; null for none."""
    missing: str | None = None
    """What stands for a missing annotation, such as ``_``."""
    escapes: Literal["ptb"] | None = None
    """How words are escaped: as in the Penn Treebank (``-LRB-`` for a bracket, ``1\\/4``, quotation marks of two
    characters). They are read as they stand in text, which is what pretrained encoders and users know."""

    @model_validator(mode="after")
    def _columns_agree(self) -> ColumnsOptions:
        if "words" not in self.columns:
            raise ValueError("expected a column for words, such as `columns: {words: 0, upos: 1}`")
        annotations = [name for name in self.columns if name != "words"]
        for name in [*self.spans, *([] if self.heads is None else [self.heads])]:
            if name not in annotations:
                raise ValueError(f"there is no annotation {name!r} in columns, which has {', '.join(annotations)}")
        if self.heads in self.spans:
            raise ValueError(f"{self.heads!r} cannot hold both heads and spans")
        return self


@dataclass
class _Sentence:
    line: int
    document: str | None
    lines: list[int] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)


class Columns(FileReader[ColumnsOptions]):
    """Reads one word a line with its annotations in columns, and blank lines between sentences.

    Tags that mark spans may be IOB1, IOB2 or BIOES; illegal sequences are read as the CoNLL-2000 evaluation reads them.
    Every line of a file has the same number of columns.
    """

    Options = ColumnsOptions

    def columns(self) -> Mapping[str, Shape]:
        """Return the columns of the options."""
        shapes: dict[str, Shape] = {name: "tags" for name in self.options.columns if name != "words"}
        for name in self.options.spans:
            shapes[name] = "spans"
        if self.options.heads is not None:
            shapes[self.options.heads] = "integers"
        return shapes

    def rows(self, path: Path) -> Iterator[Row]:
        """Read one file."""
        return self.parse(TextLines(path), file=str(path))

    def parse(self, lines: str | Iterable[str], *, file: str = "<text>") -> Iterator[Row]:
        r"""Read lines, with or without their ends, or a whole text.

        Raises:
            DataError: a line departs from the format; the message begins with ``file`` and the line.

        Example:
            >>> reader = Columns(ColumnsOptions(columns={"words": 0, "chunks": 2}, spans={"chunks": "iob2"}))
            >>> rows = reader.parse("The DT B-NP\nend NN I-NP\n")
            >>> next(rows)["chunks"]
            [{'start': 0, 'end': 2, 'label': 'NP'}]
        """
        options = self.options
        documents = 0
        document: str | None = None
        width = 0
        sentence: _Sentence | None = None
        for number, line in enumerate(bare_lines(lines), start=1):
            cells = self._cells(line)
            marks = options.document_marker is not None and bool(cells) and cells[0] == options.document_marker
            if not cells or marks:
                if sentence is not None:
                    yield self._row(sentence, file)
                    sentence = None
                if marks:
                    documents += 1
                    document = f"{Path(file).name}#{documents}"
                continue
            if options.comment is not None and line.startswith(options.comment):
                continue
            if not width:
                width = self._checked_width(cells, file=file, line=number)
            if len(cells) != width:
                by = "blanks" if options.separator is None else repr(options.separator)
                raise DataError(
                    f"expected {width} columns (as before in this file) separated by {by}, found {len(cells)}",
                    file=file,
                    line=number,
                )
            if sentence is None:
                sentence = _Sentence(number, document)
            sentence.lines.append(number)
            sentence.cells.append(cells)
        if sentence is not None:
            yield self._row(sentence, file)

    def _cells(self, line: str) -> list[str]:
        """Return a line's columns, none for a blank line."""
        bare = line.strip(" \t")
        if not bare:
            return []
        return _BLANKS.split(bare) if self.options.separator is None else line.split(self.options.separator)

    def _checked_width(self, cells: list[str], *, file: str, line: int) -> int:
        for name, index in self.options.columns.items():
            if not -len(cells) <= index < len(cells):
                raise DataError(
                    f"expected {name!r} in column {index} (counted from 0), found {len(cells)} columns; check the "
                    "reader's options `columns` and `separator`",
                    file=file,
                    line=line,
                )
        return len(cells)

    def _row(self, sentence: _Sentence, file: str) -> Row:
        options = self.options

        def fail(message: str, word: int) -> NoReturn:
            raise DataError(message, file=file, line=sentence.lines[word])

        row: Row = {"file": file, "line": sentence.line, "document": sentence.document}
        row["words"] = [cells[options.columns["words"]] for cells in sentence.cells]
        if options.escapes == "ptb":
            row["words"] = [unescaped(word) for word in row["words"]]
        if "" in row["words"]:
            fail("expected a word, found an empty column", row["words"].index(""))
        for name, index in options.columns.items():
            if name == "words":
                continue
            found = [None if cells[index] == options.missing else cells[index] for cells in sentence.cells]
            if "" in found:
                fail(f"the column of {name!r} is empty; write {options.missing or 'a value'}", found.index(""))
            row[name] = missing_if_empty(found)
            if row[name] is None:
                continue
            try:
                if name in options.spans:
                    row[name] = spans_from_tags(found, scheme=options.spans[name])
                elif name == options.heads:
                    row[name] = _heads(found)
                    check_heads(row[name], tree=options.check_trees)
            except TagError as error:
                fail(f"{name}: {error}", error.index)
            except TreeError as error:
                fail(f"{name}: {error}", error.word)
        return row


def _heads(found: list[str | None]) -> list[int | None]:
    for i, value in enumerate(found):
        if value is not None and not (value.isascii() and value.isdecimal()):
            raise TreeError(f"expected a head (a word's number or 0), found {value!r}", word=i)
    return [None if value is None else int(value) for value in found]
