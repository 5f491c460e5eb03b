"""What an analysis returns: a document of sentences with their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.inference.annotations import Dependency, Label, Span, Tag
from hiernlp.segmentation import MultiwordToken

if TYPE_CHECKING:
    from rich.console import RenderableType
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

Level = Literal["token", "spans", "sentence"]
"""What an annotation is said of: every word, spans of words, or the sentence."""

SHOWN = 60
"""Characters of a sentence that its ``repr`` shows."""

SHOWN_SENTENCES = 20
"""Sentences that a notebook shows of a document."""

PROBABILITY = "_probability"
"""End of the name of a column that holds another column's probabilities."""


class UnknownColumnError(HierNLPError, KeyError):
    """An annotation was asked for that the sentence does not have."""

    def __str__(self) -> str:
        """Return the message itself, where ``KeyError`` would return its ``repr``."""
        return str(self.args[0])


@dataclass(frozen=True, repr=False)
class Sentence:
    """One sentence: its words and what was found out about it.

    Annotations have the columns and types of the annotation schema: token level, a list with one value a word; spans,
    a list of ``{"start", "end", "label"}``; sentence level, a value or a list of labels. Probabilities are in
    ``<column>_probability``.

    Args:
        words: the words.
        text: the sentence's raw text, if known.
        start: where the sentence begins in the document's text, in characters.
        end: where it ends there, exclusive.
        word_starts: where each word begins in the document's text.
        word_ends: where each word ends there, exclusive; by default as many characters on as it has.
        multiword: tokens of the raw text that stand for several words, such as ``don't``.
        annotations: predictions by column.
        row: the input row: ``source``, ``sentence``, ``document``, comments, ...
        levels: what each column is said of, where its values do not tell (see :meth:`level`).

    Example:
        >>> sentence = Sentence(["Anna", "sings"], annotations={"upos": ["PROPN", "VERB"]})
        >>> sentence["upos"]
        ['PROPN', 'VERB']
    """

    words: Sequence[str]
    text: str | None = field(default=None, kw_only=True)
    start: int | None = field(default=None, kw_only=True)
    end: int | None = field(default=None, kw_only=True)
    word_starts: Sequence[int] | None = field(default=None, kw_only=True)
    word_ends: Sequence[int] | None = field(default=None, kw_only=True)
    multiword: Sequence[MultiwordToken] = field(default=(), kw_only=True)
    annotations: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    row: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    levels: Mapping[str, Level] = field(default_factory=dict, kw_only=True)

    @property
    def second(self) -> Sequence[str] | None:
        """The words of the other sentence, where a pair was judged; None for a single sentence."""
        return self.row.get("second")

    @property
    def columns(self) -> list[str]:
        """The annotations that the sentence has, without their probabilities, in the order of the tasks."""
        return [
            name
            for name, value in self.annotations.items()
            if value is not None
            and not (name.endswith(PROBABILITY) and name.removesuffix(PROBABILITY) in self.annotations)
        ]

    def __getitem__(self, column: str) -> Any:  # noqa: ANN401 - the type depends on the column
        """Return an annotation.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
        """
        if column not in self.annotations:
            raise UnknownColumnError(
                f"the sentence has no annotation {column!r}{did_you_mean(str(column), self.annotations)}"
            )
        return self.annotations[column]

    def get(self, column: str, default: Any = None) -> Any:  # noqa: ANN401 - the type depends on the column
        """Return an annotation, or ``default`` if there is none."""
        return self.annotations.get(column, default)

    def __contains__(self, column: object) -> bool:
        return column in self.annotations

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __repr__(self) -> str:
        words = " ".join(self.words)
        shown = words if len(words) <= SHOWN else f"{words[: SHOWN - 1]}…"
        return f"Sentence({shown!r}, annotations: {', '.join(self.columns) or 'none'})"

    def __str__(self) -> str:
        """Return a small aligned table."""
        from hiernlp.inference.writers.table import sentence_table  # noqa: PLC0415 - the writers know this file

        return sentence_table(self)

    def level(self, column: str) -> Level:
        """Return what a column is said of.

        ``levels`` decides; else the values do: a list of mappings, or an empty one, is spans, a list with one value a
        word is token level, anything else is sentence level.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
        """
        value = self[column]
        if column in self.levels:
            return self.levels[column]
        if not isinstance(value, list | tuple):
            return "sentence"
        if not value or isinstance(value[0], Mapping):
            return "spans"
        return "token" if len(value) == len(self.words) else "sentence"

    def characters(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where words ``start`` to ``end`` (exclusive) lie in the document's text; None without raw text."""
        if self.word_starts is None:
            return None
        last = end - 1
        ends = self.word_starts[last] + len(self.words[last]) if self.word_ends is None else self.word_ends[last]
        return self.word_starts[start], ends

    def tags(self, column: str) -> list[Tag]:
        """Return what a column says of each word, with probabilities where they were asked for.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
            HierNLPError: the column says nothing of words.

        Example:
            >>> Sentence(["Hi", "!"], annotations={"upos": ["INTJ", "PUNCT"]}).tags("upos")[0]
            Tag(word='Hi', label='INTJ', probability=None)
        """
        labels = self._of_level(column, "token") or [None] * len(self)
        chances = self.get(column + PROBABILITY) or [None] * len(self)
        return [Tag(*of_word) for of_word in zip(self.words, labels, chances, strict=True)]

    def tree(self, head: str = "head", relation: str = "deprel") -> list[Dependency]:
        """Return the sentence's dependency tree, one dependency a word; words without a head are left out.

        Args:
            head: the column of the heads.
            relation: the column of the relations, which may be missing.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
        """
        heads, relations = self.tags(head), self.tags(relation) if relation in self else None
        return [
            Dependency(
                i,
                found.label - 1 if found.label else None,
                relations[i].label if relations else None,
                found.probability,
                relations[i].probability if relations else None,
            )
            for i, found in enumerate(heads)
            if found.label is not None
        ]

    def label(self, column: str) -> Label:
        """Return what a column says of the sentence.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
            HierNLPError: the column says nothing of the sentence as a whole.
        """
        return Label(self._of_level(column, "sentence"), self.get(column + PROBABILITY))

    def _of_level(self, column: str, level: Level) -> Any:  # noqa: ANN401 - the type depends on the column
        value = self[column]
        if value is not None and self.level(column) != level:
            raise HierNLPError(
                f"annotation {column!r} is of level {self.level(column)}, not {level}; use sentence[{column!r}]"
            )
        return value

    def spans(self, column: str) -> list[Span]:
        """Return the spans of a column in reading order; nested spans follow the one that holds them.

        Raises:
            UnknownColumnError: the sentence has no such annotation.
            HierNLPError: the column does not hold spans.
        """
        value = self._of_level(column, "spans") or []
        chances = self.get(column + PROBABILITY) or [None] * len(value)
        return [self._span(item, chance) for item, chance in zip(value, chances, strict=True)]

    def _span(self, item: Mapping[str, Any], probability: float | None) -> Span:
        start, end = item["start"], item["end"]
        place = self.characters(start, end)
        if place is None:
            return Span(start, end, item["label"], " ".join(self.words[start:end]), probability=probability)
        text = " ".join(self.words[start:end])
        if self.text is not None and self.start is not None:
            text = self.text[place[0] - self.start : place[1] - self.start]
        return Span(start, end, item["label"], text, *place, probability)

    def __rich__(self) -> RenderableType:
        """Return a table with colours, for consoles of rich."""
        from hiernlp.inference.terminal import sentence_view  # noqa: PLC0415 - the view knows this file

        return sentence_view(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return Document(None, [self]).to_html()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the keys are always the same, and what is not known is None."""
        annotations: dict[str, Any] = {}
        for column, value in self.annotations.items():
            if value is not None and self.level(column) == "spans" and not column.endswith(PROBABILITY):
                annotations[column] = [
                    {
                        "start": span.start,
                        "end": span.end,
                        "label": span.label,
                        "text": span.text,
                        "start_char": span.start_char,
                        "end_char": span.end_char,
                    }
                    for span in self.spans(column)
                ]
            else:
                annotations[column] = value
        return {
            "sentence": self.row.get("sentence"),
            "document": self.row.get("document"),
            "text": self.text if self.text is not None else self.row.get("text"),
            "start": self.start,
            "end": self.end,
            "words": list(self.words),
            "second": None if self.second is None else list(self.second),
            "word_starts": None if self.word_starts is None else list(self.word_starts),
            "word_ends": None if self.word_ends is None else list(self.word_ends),
            "multiword": [asdict(token) for token in self.multiword],
            "annotations": annotations,
        }


@dataclass(frozen=True, repr=False)
class Document:
    """The analysis of one text, or of sentences given as words.

    Args:
        text: the user's original string; all character offsets point into it. None if words were given.
        sentences: the sentences in their order.

    Example:
        >>> document = Document(None, [Sentence(["Hi", "!"], annotations={"upos": ["INTJ", "PUNCT"]})])
        >>> document.sentences[0]["upos"]
        ['INTJ', 'PUNCT']
        >>> document
        Document(1 sentence, 2 words, annotations: upos)
    """

    text: str | None
    sentences: Sequence[Sentence]

    @property
    def columns(self) -> list[str]:
        """The annotations that some sentence has."""
        return list(dict.fromkeys(column for sentence in self.sentences for column in sentence.columns))

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self.sentences)

    def __repr__(self) -> str:
        words = sum(len(sentence) for sentence in self.sentences)
        columns = ", ".join(self.columns) or "none"
        return f"Document({_count(len(self), 'sentence')}, {_count(words, 'word')}, annotations: {columns})"

    def __str__(self) -> str:
        """Return a small aligned table a sentence."""
        return "\n".join(str(sentence) for sentence in self.sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: the text and the sentences (see :meth:`Sentence.to_dict`)."""
        return {"text": self.text, "sentences": [sentence.to_dict() for sentence in self.sentences]}

    def to_json(self) -> str:
        """Return one line of JSON, without a newline at its end."""
        from hiernlp.inference.writers.json import Json  # noqa: PLC0415 - the writers know this file

        return Json().write(self).rstrip("\n")

    def to_conllu(self) -> str:
        """Return CoNLL-U; what was not predicted stays as it was in the input (see the CoNLL-U writer)."""
        from hiernlp.inference.writers.conllu import Conllu  # noqa: PLC0415 - the writers know this file

        return Conllu().write(self)

    def to_html(self) -> str:
        """Return HTML to be put into a page: dependency arcs and marked spans by displaCy, tags and labels.

        Whatever the text holds is shown as text. A whole file is what the format ``html`` of the writers gives.
        """
        from hiernlp.inference.writers.html import fragment  # noqa: PLC0415 - the writers know this file

        return fragment(self)

    def to_spacy(self, vocab: Vocab | None = None, *, entities: str = "entities") -> Doc:
        """Return a spaCy document (see :mod:`hiernlp.inference.spacy_docs` for what goes where).

        Args:
            vocab: the vocabulary of the pipeline that is to go on with it; by default a new one.
            entities: the column of spans that become ``Doc.ents``.

        Raises:
            HierNLPError: the document holds pairs of sentences.
        """
        from hiernlp.inference.spacy_docs import to_doc  # noqa: PLC0415 - spaCy takes a second to import

        return to_doc(self, vocab, entities=entities)

    def __rich__(self) -> RenderableType:
        """Return tables with colours, for consoles of rich."""
        from hiernlp.inference.terminal import document_view  # noqa: PLC0415 - the view knows this file

        return document_view(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first sentences."""
        from hiernlp.inference.writers.html import fragment  # noqa: PLC0415 - the writers know this file

        return fragment(self, most=SHOWN_SENTENCES)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
