"""Raw text to sentences and words: by rules, or by a model that has learnt their boundaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, get_args

import numpy as np

from hiernlp.encoding.windows import plan_windows
from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.segmentation import Segment, segment
from hiernlp.segmentation.atoms import Atom, split_atoms
from hiernlp.segmentation.boundaries import segments_of
from hiernlp.segmentation.paragraphs import paragraphs

Segmentation = Literal["rules", "learned"]
"""How raw text is split: by the rules of the model's language, or as the model has learnt to split it."""

WINDOW = 192
"""Atoms that the model sees at once; neighbouring windows share about half of them."""
BLOCK = 128
"""Windows whose labels are found together: memory depends on it, and not on the length of the text."""


class Segmenter(Protocol):
    """Splits raw text into sentences and words."""

    def __call__(self, text: str, *, batch_subwords: int) -> list[Segment]:
        """Return the sentences of a text in order; none for a text of nothing but white space.

        Args:
            text: any text.
            batch_subwords: most subwords a batch, padding included, where a model runs.
        """
        ...


class Labeller(Protocol):
    """Says with a model where sentences and words end."""

    def __call__(self, sentences: list[list[str]], *, budget: int) -> list[list[str]]:
        """Return the label of every atom of some windows of atoms.

        Args:
            sentences: the atoms of each window.
            budget: most subwords a batch, padding included.
        """
        ...


def choose_segmenter(
    segmentation: Segmentation | None, *, language: str, tasks: Sequence[str], task: str | None, label: Labeller
) -> Segmenter:
    """Return what splits raw text for a model: by default what it has learnt, or the rules if it has learnt nothing.

    Args:
        segmentation: how it is to be split; None for the default.
        language: code of the language whose rules are taken.
        tasks: the model's tasks.
        task: the one that says where words and sentences end, or None if there is none.
        label: runs that task.

    Raises:
        HierNLPError: there is no such segmentation, or the model has learnt none.
    """
    ways = get_args(Segmentation)
    if segmentation is not None and segmentation not in ways:
        raise HierNLPError(
            f"segmentation: expected {' or '.join(ways)}, found {segmentation!r}{did_you_mean(segmentation, ways)}"
        )
    if task is not None and segmentation != "rules":
        return LearnedSegmenter(label)
    if segmentation == "learned":
        raise HierNLPError(
            f"segmentation: no task of this model ({', '.join(tasks)}) learnt to split text; train one "
            "with the task `segmentation` and a corpus of the reader `running_text`, or choose rules"
        )
    return RuleSegmenter(language)


class RuleSegmenter:
    """Splits raw text into sentences and words by the rules of a language (see :func:`hiernlp.segmentation.segment`).

    Args:
        language: code of the language.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: str, *, batch_subwords: int) -> list[Segment]:  # noqa: ARG002 - no model runs
        return segment(text, language=self.language)


class LearnedSegmenter:
    """Splits raw text into sentences and words by a task of a model; no layer above that task is computed.

    Every paragraph goes through the model by itself, a long one in overlapping windows: what is said of an atom is said
    in the window where it has most context. Time grows with the length of the text and no faster.

    Args:
        label: runs the model's task whose column is ``boundary``.
    """

    def __init__(self, label: Labeller) -> None:
        self.label = label

    def __call__(self, text: str, *, batch_subwords: int) -> list[Segment]:
        found = [split_atoms(text, start, end) for start, end in paragraphs(text)]
        labels = self._labels(found, batch_subwords)
        return [sentence for atoms in found for sentence in segments_of(text, atoms, [next(labels) for _ in atoms])]

    def _labels(self, paragraphs: Sequence[Sequence[Atom]], budget: int) -> Iterator[str]:
        """Yield the label of every atom of every paragraph."""
        windows = list(_windows(paragraphs))
        for at in range(0, len(windows), BLOCK):
            block = windows[at : at + BLOCK]
            found = self.label([[atom.text for atom in atoms] for atoms, _ in block], budget=budget)
            for labels, (_, home) in zip(found, block, strict=True):
                yield from (labels[i] for i in home)


def _windows(paragraphs: Sequence[Sequence[Atom]]) -> Iterator[tuple[Sequence[Atom], list[int]]]:
    """Yield windows of atoms, each with the places in it of the atoms that are labelled there, all in reading order."""
    for atoms in paragraphs:
        if not atoms:
            continue
        plan = plan_windows([1] * len(atoms), size=WINDOW)
        for number, (start, end) in enumerate(plan.spans):
            home = np.flatnonzero(plan.home[start:end] == number)
            if len(home):
                yield atoms[start:end], home.tolist()
