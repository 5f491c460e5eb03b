"""What a sentence's annotations are one by one: tags of words, dependencies, spans, labels of the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tag:
    """What is said of one word.

    Attributes:
        word: the word.
        label: the tag, a string or a whole number; None if the word has none.
        probability: how sure the model is, if that was asked for.
    """

    word: str
    label: Any
    probability: float | None = None


@dataclass(frozen=True)
class Dependency:
    """A word's place in the tree.

    Attributes:
        dependent: the word, counted from 0 within the sentence.
        head: its head, counted likewise; None for the root.
        relation: what the word is to its head; None if that is not known.
        probability: how sure the model is of the head, if that was asked for.
        relation_probability: how sure it is of the relation.
    """

    dependent: int
    head: int | None
    relation: str | None
    probability: float | None = None
    relation_probability: float | None = None


@dataclass(frozen=True)
class Span:
    """A labelled run of words.

    Attributes:
        start: first word, counted from 0 within the sentence.
        end: the word after the last one.
        label: what the span is.
        text: the span as it stands in the raw text, or else its words joined by blanks.
        start_char: where it begins in the document's text; None if there is no raw text.
        end_char: where it ends there, exclusive.
        probability: how sure the model is, if that was asked for.
    """

    start: int
    end: int
    label: str
    text: str
    start_char: int | None = None
    end_char: int | None = None
    probability: float | None = None


@dataclass(frozen=True)
class Label:
    """What is said of a sentence, or of a pair of them.

    Attributes:
        value: a label, a list of labels, or a number.
        probabilities: how sure the model is of each label that there is, if that was asked for.
    """

    value: Any
    probabilities: Mapping[str, float] | None = None

    @property
    def probability(self) -> float | None:
        """How sure the model is of the label; None for a list and for a number, or if it was not asked for."""
        known = self.probabilities is not None and isinstance(self.value, str)
        return self.probabilities.get(self.value) if known and self.probabilities is not None else None
