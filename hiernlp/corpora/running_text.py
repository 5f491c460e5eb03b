"""Running text of CoNLL-U files, from which a segmenter learns where words and sentences end."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, model_validator

from hiernlp.corpora._base import FileReader
from hiernlp.corpora._schema import Row, Shape
from hiernlp.corpora.conllu import Conllu, ConlluOptions
from hiernlp.segmentation.atoms import split_atoms
from hiernlp.segmentation.boundaries import COLUMN, Token, labels_of
from hiernlp.segmentation.paragraphs import paragraphs
from hiernlp.settings import Settings

_TREEBANK = Conllu(ConlluOptions(sentence_comments={}, document_comments={}, entities=None, check_trees=False))
_PARAGRAPH = "\n\n"
_ESCAPES = {"\\s": " ", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
_ESCAPE = re.compile(r"\\[stnr]")


class RunningTextOptions(Settings):
    """Settings of the reader of running text."""

    window: int = Field(default=192, ge=4)
    """Atoms of a row at most."""
    margin: int = Field(default=24, ge=0)
    """Atoms at both ends of a row that are read but not learnt from, where the paragraph goes on there: they are learnt
    from in the row before or after, where they have more context."""

    @model_validator(mode="after")
    def _margins_fit(self) -> RunningTextOptions:
        if 2 * self.margin >= self.window:
            raise ValueError(f"margin: expected less than half of the window of {self.window}, found {self.margin}")
        return self


@dataclass
class _Document:
    """A document as one text, with its tokens."""

    name: str | None
    line: int
    parts: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    size: int = 0

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)


@dataclass(frozen=True)
class _Window:
    """Atoms ``start`` to ``end`` (exclusive) of a paragraph, with the labels that are learnt there."""

    start: int
    end: int
    labels: list[str | None]


class RunningText(FileReader[RunningTextOptions]):
    """Reads CoNLL-U files as running text.

    The sentences of a document are joined as ``SpaceAfter`` and ``SpacesAfter`` say, or where the words are found in
    ``# text``, as that does; ``# newdoc`` and ``# newpar`` begin a new document and a new paragraph. The "words" of a
    row are atoms (see :mod:`hiernlp.segmentation.atoms`), and the column ``boundary`` labels each of them (see
    :mod:`hiernlp.segmentation.boundaries`). Every paragraph is cut into rows at places that have nothing to do with its
    sentences; the same file gives the same rows. What any reader of the text can see is not learnt: that a sentence
    ends where a paragraph does.
    """

    Options = RunningTextOptions

    def columns(self) -> Mapping[str, Shape]:
        """Return the one column, of the labels of atoms."""
        return {COLUMN: "tags"}

    def rows(self, path: Path) -> Iterator[Row]:
        """Read one file."""
        draw = random.Random(0)
        for document in _documents(_TREEBANK.rows(path)):
            text = "".join(document.parts)
            begun = 0
            for start, end in paragraphs(text):
                first = begun
                while begun < len(document.tokens) and document.tokens[begun].start < end:
                    begun += 1
                atoms = split_atoms(text, start, end)
                labels = labels_of(text, atoms, document.tokens[first:begun])
                labels[-1:] = [None] * len(labels[-1:])
                for window in self._windows(labels, draw):
                    inside = atoms[window.start : window.end]
                    yield {
                        "words": [atom.text for atom in inside],
                        "text": text[inside[0].start : inside[-1].end],
                        "document": document.name,
                        "file": str(path),
                        "line": document.line,
                        COLUMN: window.labels,
                    }

    def _windows(self, labels: list[str | None], draw: random.Random) -> Iterator[_Window]:
        """Yield the rows of one paragraph, given its atoms' labels; each label is in one of them."""
        margin = self.options.margin
        core = self.options.window - 2 * margin
        first = 0
        while first < len(labels):
            last = first + (core if first else draw.randint(1, core))
            if len(labels) <= self.options.window:
                last = len(labels)
            start, end = max(0, first - margin), min(len(labels), last + margin)
            learnt = [label if first <= i < last else None for i, label in enumerate(labels[start:end], start=start)]
            if any(label is not None for label in learnt):
                yield _Window(start, end, learnt)
            first = last


def _documents(rows: Iterator[Row]) -> Iterator[_Document]:
    """Yield documents, given the sentences of a file."""
    document: _Document | None = None
    for row in rows:
        lines = row["source"].split("\n")
        keys = {line.lstrip("#").partition("=")[0].strip() for line in lines if line.startswith("#")}
        if document is None or keys & {"newdoc", "newdoc id"}:
            if document is not None:
                yield document
            document = _Document(row["document"], row["line"])
        elif keys & {"newpar", "newpar id"}:
            document.add(_PARAGRAPH)
        _add_sentence(document, [line.split("\t") for line in lines if not line.startswith("#")], row["text"])
    if document is not None:
        yield document


def _add_sentence(document: _Document, lines: list[list[str]], text: str | None) -> None:
    """Add a sentence's tokens, and the white space after it, to its document."""
    surface: list[list[str]] = []
    words: list[list[str]] = []
    covered = 0
    for cells in lines:
        number, _, last = cells[0].partition("-")
        if last:
            surface.append(cells)
            words.append([])
            covered = int(last)
        elif number.isdigit() and int(number) <= covered:
            words[-1].append(cells[1])
        elif number.isdigit():
            surface.append(cells)
            words.append([])
    gaps = [_space_after(cells[-1]) for cells in surface]
    shown = _gaps_in(text, [cells[1] for cells in surface]) if text is not None else None
    gaps = [*(shown or gaps[:-1]), gaps[-1]]
    for i, (cells, gap) in enumerate(zip(surface, gaps, strict=True)):
        start = document.size
        document.add(cells[1])
        document.tokens.append(Token(start, document.size, words[i], ends=i + 1 == len(surface)))
        document.add(gap)


def _space_after(misc: str) -> str:
    """Return the white space that MISC says stands after a token."""
    items = {key: value for key, _, value in (item.partition("=") for item in misc.split("|"))}
    if items.get("SpaceAfter") == "No":
        return ""
    given = items.get("SpacesAfter", "")
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], given) if _ESCAPE.fullmatch(given[:2]) else " "


def _gaps_in(text: str, forms: list[str]) -> list[str] | None:
    """Return the white space between tokens in the text of their sentence, or None if it is not made of them."""
    gaps: list[str] = []
    at = 0
    for i, form in enumerate(forms):
        start = text.find(form, at)
        if start < 0 or text[at:start].strip():
            return None
        if i:
            gaps.append(text[at:start])
        at = start + len(form)
    return gaps if not text[at:].strip() else None
