"""CoNLL-U, the format of Universal Dependencies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import Field, model_validator

from hiernlp.corpora._base import FileReader
from hiernlp.corpora._entities import EntityFormat, EntityReader
from hiernlp.corpora._files import TextLines, bare_lines
from hiernlp.corpora._schema import Row, Shape, missing_if_empty
from hiernlp.corpora._tags import Scheme, TagError, spans_from_tags
from hiernlp.corpora._trees import TreeError, check_heads
from hiernlp.errors import DataError
from hiernlp.settings import Settings

_FIELDS = 10
_ID, _FORM, _LEMMA, _UPOS, _XPOS, _FEATS, _HEAD, _DEPREL, _MISC = 0, 1, 2, 3, 4, 5, 6, 7, 9
_WORD_COLUMNS: dict[str, Shape] = {
    "upos": "tags",
    "xpos": "tags",
    "feats": "tags",
    "lemma": "tags",
    "head": "integers",
    "deprel": "tags",
}
_RANGE = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*)")
_EMPTY_NODE = re.compile(r"(0|[1-9][0-9]*)\.[1-9][0-9]*")


class MiscColumn(Settings):
    """An annotation kept in MISC as ``key=value``."""

    key: str
    """The key, such as ``Chunk``."""
    scheme: Scheme | None = None
    """Read the values as tags that mark spans; by default they are one label a word. Once a word of a sentence has the
    key, words without it are outside of all spans; a sentence in which no word has it lacks the annotation."""


class ConlluOptions(Settings):
    """Settings of the CoNLL-U reader."""

    sentence_comments: dict[str, str] = Field(default={"sentence_type": "s_type"})
    """Annotations of sentences read from comments: the column, and the key of the comment ``# key = value``."""
    document_comments: dict[str, str] = Field(default={"genre": "meta::genre"})
    """The same for comments at a document's first sentence, which hold for all its sentences."""
    subtypes: bool = True
    """Keep subtypes of relations, such as ``:poss`` in ``nmod:poss``."""
    entities: str | None = "Entity"
    """The MISC key of nested typed entities in CorefUD's brackets, the column ``entities``; null for none."""
    misc: dict[str, MiscColumn] = Field(default={})
    """Further annotations kept in MISC, by column."""
    check_trees: bool = True
    """Refuse sentences whose heads form no tree with one root."""

    @model_validator(mode="after")
    def _columns_differ(self) -> ConlluOptions:
        names = [*_WORD_COLUMNS, "entities", *self.sentence_comments, *self.document_comments, *self.misc]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the column {twice[0]!r} is given twice; choose another name for one of them")
        return self


@dataclass(frozen=True)
class _Survey:
    """What must be known of a file before its first sentence is given: a pass over its lines.

    Attributes:
        features: whether any word has features, so that ``_`` means none.
        entities: which documents (counted from 0 for what stands before the first mark) have entity brackets.
    """

    features: bool
    entities: frozenset[int]


@dataclass
class _Context:
    """What goes on from sentence to sentence."""

    file: str
    survey: _Survey
    documents: int = 0
    document: str | None = None
    comments: dict[str, str] = field(default_factory=dict)
    entity_format: EntityFormat = field(default_factory=EntityFormat)

    def fail(self, message: str, line: int) -> NoReturn:
        raise DataError(message, file=self.file, line=line)


@dataclass
class _Words:
    """The columns of one sentence's word lines."""

    lines: list[int] = field(default_factory=list)
    fields: list[list[str]] = field(default_factory=list)
    heads: list[int | None] = field(default_factory=list)
    last_of_range: int = 0


class Conllu(FileReader[ConlluOptions]):
    """Reads CoNLL-U files (https://universaldependencies.org/format.html).

    Words are the syntactic words; multiword-token ranges and empty nodes are kept in ``source`` only. ``_`` is a
    missing value, except for a word or lemma that is ``_`` itself; for features it means 'none' in a file that has any.

    A document without any entity bracket is one without entities if it declares ``# global.Entity``, else one that
    lacks the annotation; a file without ``# newdoc`` is one document. Entities lie within one sentence.

    Byte order marks, CRLF and more than one blank line between sentences are read silently; whatever else departs from
    the format is an error that names file and line.
    """

    Options = ConlluOptions

    def columns(self) -> Mapping[str, Shape]:
        """Return the columns of word lines, comments and MISC."""
        options = self.options
        columns = dict(_WORD_COLUMNS)
        if options.entities is not None:
            columns["entities"] = "spans"
        for name in [*options.sentence_comments, *options.document_comments]:
            columns[name] = "label"
        for name, column in options.misc.items():
            columns[name] = "spans" if column.scheme else "tags"
        return columns

    def rows(self, path: Path) -> Iterator[Row]:
        """Read one file."""
        return self.parse(TextLines(path), file=str(path))

    def parse(self, lines: str | Iterable[str], *, file: str = "<text>", first: int = 1) -> Iterator[Row]:
        r"""Read lines, with or without their ends, or a whole text, whose first line has the number ``first``.

        Raises:
            DataError: a line departs from the format; the message begins with ``file`` and the line.

        Example:
            >>> reader = Conllu(ConlluOptions())
            >>> rows = reader.parse("1\tHello\thello\tINTJ\t_\t_\t0\troot\t_\t_\n\n")
            >>> next(rows)["upos"]
            ['INTJ']
        """
        if not isinstance(lines, str) and iter(lines) is lines:  # can be read only once
            lines = list(lines)
        context = _Context(file, self._survey(lines))
        block: list[str] = []
        number = first - 1
        for number, line in enumerate(bare_lines(lines), start=first):
            if line.strip(" "):
                block.append(line)
            elif block:
                yield self._sentence(block, context, number - len(block))
                block = []
        if block:
            yield self._sentence(block, context, number - len(block) + 1)

    def _survey(self, lines: str | Iterable[str]) -> _Survey:
        features = False
        documents = 0
        entities: set[int] = set()
        mark = f"{self.options.entities}="
        for line in bare_lines(lines):
            if line.startswith("#"):
                key = _comment(line)[0]
                if key in ("newdoc", "newdoc id"):
                    documents += 1
                elif key == "global.Entity":
                    entities.add(documents)
            elif line:
                if not features:
                    cells = line.split("\t", _FEATS + 1)
                    features = len(cells) > _FEATS and cells[_FEATS] != "_"
                if documents not in entities and mark in line:
                    entities.add(documents)
        return _Survey(features, frozenset(entities))

    def _sentence(self, block: list[str], context: _Context, start: int) -> Row:
        """Return the row of one block of lines, which begins at line ``start``."""
        row: Row = {"file": context.file, "line": start, "source": "\n".join(block)}
        count = next((i for i, line in enumerate(block) if not line.startswith("#")), len(block))
        comments = self._comments(block[:count], context, start)
        if count == len(block):
            context.fail("expected word lines after the comments, found the sentence's end", start + count - 1)
        row |= {"text": comments.get("text"), "document": context.document, "sentence": comments.get("sent_id")}
        row |= {column: comments.get(key) for column, key in self.options.sentence_comments.items()}
        row |= {column: context.comments.get(key) for column, key in self.options.document_comments.items()}

        words = _Words()
        entities = EntityReader(context.entity_format)
        for number, line in enumerate(block[count:], start=start + count):
            self._line(line, number, words=words, entities=entities, context=context)
        if not words.fields:
            context.fail("expected a word in this sentence, found none", start)
        if words.last_of_range > len(words.fields):
            context.fail(f"a multiword token ends at word {words.last_of_range}, which is not there", start)
        row |= self._word_columns(words, context)
        if self.options.entities is not None:
            unclosed = entities.unclosed()
            if unclosed:
                context.fail(f"the entity {unclosed[0]!r} opens here and does not close in this sentence", unclosed[1])
            row["entities"] = entities.spans() if context.documents in context.survey.entities else None
        for column, spec in self.options.misc.items():
            row[column] = _misc_column(spec, words, context)
        return row

    def _comments(self, lines: list[str], context: _Context, start: int) -> dict[str, str]:
        """Return the sentence's comments, and take notice of those that hold for longer."""
        comments: dict[str, str] = {}
        for number, line in enumerate(lines, start=start):
            key, value = _comment(line)
            if key in ("newdoc", "newdoc id"):
                context.documents += 1
                context.document = value or f"{Path(context.file).name}#{context.documents}"
                context.comments = {}
            elif key == "global.Entity" and self.options.entities is not None:
                try:
                    context.entity_format = EntityFormat.declared(value)
                except ValueError as error:
                    context.fail(str(error), number)
            elif value and key in self.options.document_comments.values():
                context.comments[key] = value
            if value:
                comments.setdefault(key, value)
        return comments

    def _line(self, line: str, number: int, *, words: _Words, entities: EntityReader, context: _Context) -> None:
        """Read one line that is no comment."""
        cells = line.split("\t")
        if len(cells) != _FIELDS:
            hint = "; comments stand before the words" if line.startswith("#") else ""
            context.fail(f"expected {_FIELDS} columns separated by tabs, found {len(cells)}{hint}", number)
        if not all(cells):
            context.fail(f"column {cells.index('') + 1} is empty; write _ for a missing value", number)
        done = len(words.fields)
        name = cells[_ID]
        if name == str(done + 1):
            words.lines.append(number)
            words.fields.append(cells)
            words.heads.append(_head(cells[_HEAD], number, context))
            ends = done + 1
        elif match := _RANGE.fullmatch(name):
            first, last = int(match[1]), int(match[2])
            if first != done + 1 or last < first or first <= words.last_of_range:
                context.fail(f"expected a multiword token that begins at word {done + 1}, found {name!r}", number)
            words.last_of_range = last
            return
        elif (match := _EMPTY_NODE.fullmatch(name)) and int(match[1]) == done:
            ends = done
        else:
            context.fail(f"expected word {done + 1}, found {name!r}", number)
        if self.options.entities is not None and (value := _misc(cells, self.options.entities)) is not None:
            try:
                entities.add(value, start=done, end=ends, line=number)
            except ValueError as error:
                context.fail(str(error), number)

    def _word_columns(self, words: _Words, context: _Context) -> Row:
        """Return the annotations of the word lines."""
        try:
            check_heads(words.heads, tree=self.options.check_trees)
        except TreeError as error:
            context.fail(str(error), words.lines[error.word])
        no_features = "" if context.survey.features else None
        row: Row = {name: [] for name in ("words", "upos", "xpos", "feats", "lemma", "deprel")}
        for cells in words.fields:
            form, lemma, relation = cells[_FORM], cells[_LEMMA], cells[_DEPREL]
            row["words"].append(form)
            row["upos"].append(_value(cells[_UPOS]))
            row["xpos"].append(_value(cells[_XPOS]))
            row["feats"].append(no_features if cells[_FEATS] == "_" else cells[_FEATS])
            row["lemma"].append(None if lemma == "_" != form else lemma)
            row["deprel"].append(_value(relation if self.options.subtypes else relation.partition(":")[0]))
        row["head"] = words.heads
        return {name: values if name == "words" else missing_if_empty(values) for name, values in row.items()}


def _comment(line: str) -> tuple[str, str]:
    key, _, value = line.lstrip("#").partition("=")
    return key.strip(), value.strip()


def _value(cell: str) -> str | None:
    return None if cell == "_" else cell


def _head(cell: str, line: int, context: _Context) -> int | None:
    if cell == "_":
        return None
    if not (cell.isascii() and cell.isdecimal()):
        context.fail(f"expected a head (a word's number, 0 or _), found {cell!r}", line)
    return int(cell)


def _misc(cells: list[str], key: str) -> str | None:
    """Return the value of a key in MISC."""
    if key in cells[_MISC]:
        for item in cells[_MISC].split("|"):
            name, _, value = item.partition("=")
            if name == key:
                return value
    return None


def _misc_column(spec: MiscColumn, words: _Words, context: _Context) -> list[Any] | None:
    values = missing_if_empty([_misc(cells, spec.key) for cells in words.fields])
    if spec.scheme is None or values is None:
        return values
    try:
        return spans_from_tags(values, scheme=spec.scheme)
    except TagError as error:
        context.fail(f"MISC {spec.key}: {error}", words.lines[error.index])
