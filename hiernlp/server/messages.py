"""What goes over the wire; the service's OpenAPI description is made of these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictStr, model_validator

from hiernlp.settings import Settings

Words = list[StrictStr]
Text = StrictStr | Words
Pair = tuple[Text, Text]
TaskName = Annotated[str, Field(strict=True, max_length=200)]

_ASKED: dict[str, list[JsonValue]] = {"text": ["string", "array"], "texts": ["array"], "pairs": ["array"]}


def _only(name: str) -> JsonValue:
    return {"required": [name], "properties": {name: {"type": _ASKED[name]}}}


class AnalyzeRequest(Settings):
    """What to analyse: exactly one of ``text``, ``texts`` and ``pairs``."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_only(name) for name in _ASKED],
            "examples": [
                {"text": "Ada Lovelace wrote the first program in 1843.", "tasks": ["upos"], "probabilities": True},
                {"texts": ["Raw text.", ["Given", "words", "."]]},
            ],
        }
    )

    text: Text | None = None
    """One text, as a string, or the words of one sentence."""
    texts: list[Text] | None = None
    """Several texts, each a string or the words of one sentence."""
    pairs: list[Pair] | None = None
    """Pairs of sentences, for tasks that compare two."""
    tasks: list[TaskName] | None = Field(default=None, min_length=1)
    """The tasks wanted, by default all; no layer above the deepest of them is computed."""
    probabilities: StrictBool = False
    """Whether annotations have probabilities, as ``<column>_probability``."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name in _ASKED if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(_ASKED)}, found {' and '.join(given) or 'none'}")
        return self

    @property
    def inputs(self) -> list[Any]:
        """The texts or the pairs."""
        return [self.text] if self.text is not None else [*(self.texts or ()), *(self.pairs or ())]


class _Message(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class SentenceMessage(_Message):
    """One sentence and what was found out about it, as the library's ``Sentence.to_dict`` gives it."""

    sentence: str | None
    document: str | None
    text: str | None
    """The sentence in the raw text; null if words were given."""
    start: int | None
    """Where it begins in the raw text, in code points."""
    end: int | None
    words: list[str]
    second: list[str] | None
    """The words of the other sentence of a pair."""
    word_starts: list[int] | None
    annotations: dict[str, Any]
    """By column: a value for each word, spans with ``start``, ``end`` (exclusive, in words) and ``label``, or a value
    for the sentence."""


class _Run(_Message):
    depth: int
    """How many layers were computed."""
    layers: int
    """How many layers the model has."""
    milliseconds: float
    """From the request's arrival in the queue to its analysis."""
    tasks: list[str]
    """The tasks that were run, bottom-up."""


class Analysis(_Run):
    """The analysis of one text, or of pairs: then a sentence stands for each pair."""

    text: str | None
    sentences: list[SentenceMessage]


class DocumentMessage(_Message):
    """The analysis of one of several texts."""

    text: str | None
    sentences: list[SentenceMessage]


class Analyses(_Run):
    """The analyses of several texts, in their order."""

    documents: list[DocumentMessage]


class Task(_Message):
    """One task of the model."""

    name: str
    kind: str
    level: Literal["token", "spans", "sentence"]
    """What its annotations are said of: every word, spans of words, or the sentence."""
    columns: list[str]
    """The annotations that it gives."""
    layer: int
    """The layer that it reads, counted from the embeddings (0); of a mix of layers, the highest."""
    lowest_layer: int
    """The lowest layer that it reads; lower than ``layer`` if it reads a mix."""
    depth: int
    """How many layers are computed for it alone."""
    pairs: bool
    """Whether it reads pairs of sentences."""
    feeds: list[str]
    """What its beliefs are fed to: other tasks, or the encoder."""
    description: str
    label_counts: dict[str, int]
    labels: dict[str, list[str]]
    """Its labels by role, the first thousand."""


class Limits(_Message):
    """What a request may hold."""

    characters: int
    texts: int


class Tasks(_Message):
    """The model and its tasks, bottom-up."""

    model: str
    language: str
    layers: int
    tasks: list[Task]
    limits: Limits


class Health(_Message):
    """Whether the service takes requests."""

    status: Literal["ok", "closing"]
    waiting: int
    """Requests that wait for the model."""


class Problem(_Message):
    """Why a request was not answered."""

    error: str
    """One sentence: what was expected, what was found, how to mend it."""
