"""What a decoder is: a kind's arrays, labels and options to annotations.

Dimension letters used in this room: B batch, N words (padded), C labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

Annotation = dict[str, Any]
"""The part of a row that a kind writes: predictions have the same columns and types as gold annotations."""

Labels = dict[str, list[str]]
"""The label spaces of one task by role, as they are saved with a model."""

Found = Mapping[str, np.ndarray]
"""What a head says of a batch, by name; each kind says which arrays it gives."""

Words = Sequence[Sequence[str]]
"""The words of each of the batch's sentences."""


class Decoder(ABC):
    """Makes annotations of what a head says.

    Args:
        options: all of the task's options as plain values.
        labels: the task's label spaces.
    """

    aids: ClassVar[tuple[str, ...]] = ()
    """Roles of labels by which answers are chosen, and that a head says nothing of."""

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        self.options = options
        self.labels = labels

    def choose(self, found: Found, words: Words) -> dict[str, np.ndarray]:  # noqa: ARG002 - of decoders that choose
        """Return what is chosen before the head can say the rest, by name; nothing for most kinds."""
        return {}

    @property
    def consults(self) -> tuple[str, ...]:
        """The columns by which :meth:`reconsider` goes, where other tasks of the model answer them; none for most."""
        return ()

    def reconsider(
        self,
        annotations: list[Annotation],
        found: Found,  # noqa: ARG002 - of decoders that consult others
        words: Words,  # noqa: ARG002
        answers: Sequence[Annotation],  # noqa: ARG002
    ) -> list[Annotation]:
        """Return the annotations in the light of what other tasks answer for the same words.

        Args:
            annotations: what the decoder returned, one annotation a sentence; may be written to.
            found: the head's arrays.
            words: the words of each of the batch's sentences.
            answers: of each sentence, the columns that the decoder consults.
        """
        return annotations

    @abstractmethod
    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        """Return one annotation a sentence.

        Args:
            found: the head's arrays; what depends on a choice is among them.
            words: the words of each of the batch's sentences.
            probabilities: whether annotations also have ``<column>_probability``; the arrays then hold what it takes.
        """


def lengths_of(words: Words) -> np.ndarray:
    """Return the number of words of each sentence, shape (B,)."""
    return np.array([len(sentence) for sentence in words], dtype=np.int64)


def at(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return of each word the value at what was chosen for it: (..., C) and (...) to (...)."""
    return np.take_along_axis(values, chosen[..., None], axis=-1)[..., 0]
