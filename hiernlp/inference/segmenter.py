"""Raw text to sentences and words: by rules, or by a model that has learnt their boundaries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, get_args

import numpy as np

from hiernlp.encoding.windows import plan_windows
from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.hub.folder import Bundle
from hiernlp.prediction import predict
from hiernlp.segmentation import Segment, segment
from hiernlp.segmentation.atoms import Atom, split_atoms
from hiernlp.segmentation.boundaries import COLUMN, segments_of
from hiernlp.segmentation.paragraphs import paragraphs

Segmentation = Literal["rules", "learned"]
"""How raw text is split: by the rules of the model's language, or as the model has learnt to split it."""

WINDOW = 192
"""Atoms that the model sees at once; neighbouring windows share about half of them."""
BLOCK = 128
"""Windows whose labels are found together: memory depends on it, and not on the length of the text."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def segmenting_task(bundle: Bundle) -> str | None:
    """Return the task of a model that says where words and sentences end, or None if it has none."""
    heads = bundle.model.heads
    found = (task for task in bundle.model.tasks if COLUMN in heads[task].columns(heads[task].options))  # pyright: ignore
    return next(found, None)


class Segmenter(Protocol):
    """Splits raw text into sentences and words."""

    def __call__(self, text: str, *, batch_subwords: int) -> list[Segment]:
        """Return the sentences of a text in order; none for a text of nothing but white space.

        Args:
            text: any text.
            batch_subwords: most subwords a batch, padding included, where a model runs.
        """
        ...


def choose_segmenter(bundle: Bundle, segmentation: Segmentation | None) -> Segmenter:
    """Return what splits raw text for a model: by default what it has learnt, or the rules if it has learnt nothing.

    Raises:
        HierNLPError: there is no such segmentation, or the model has learnt none.
    """
    ways = get_args(Segmentation)
    if segmentation is not None and segmentation not in ways:
        raise HierNLPError(
            f"segmentation: expected {' or '.join(ways)}, found {segmentation!r}{did_you_mean(segmentation, ways)}"
        )
    task = segmenting_task(bundle)
    if task is not None and segmentation != "rules":
        return LearnedSegmenter(bundle, task=task)
    if segmentation == "learned":
        raise HierNLPError(
            f"segmentation: no task of this model ({', '.join(bundle.model.tasks)}) learnt to split text; train one "
            "with the task `segmentation` and a corpus of the reader `running_text`, or choose rules"
        )
    return RuleSegmenter(bundle.language)


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
        bundle: the model.
        task: its task whose column is ``boundary``.
    """

    def __init__(self, bundle: Bundle, *, task: str) -> None:
        self.bundle = bundle
        self.task = task

    def __call__(self, text: str, *, batch_subwords: int) -> list[Segment]:
        found = [split_atoms(text, start, end) for start, end in paragraphs(text)]
        labels = self._labels(found, batch_subwords)
        return [sentence for atoms in found for sentence in segments_of(text, atoms, [next(labels) for _ in atoms])]

    def _labels(self, paragraphs: Sequence[Sequence[Atom]], budget: int) -> Iterator[str]:
        """Yield the label of every atom of every paragraph."""
        windows = list(_windows(paragraphs))
        for at in range(0, len(windows), BLOCK):
            block = windows[at : at + BLOCK]
            # Lone surrogates are no characters, so that no tokenizer takes them: it sees a stand-in.
            words = [[_SURROGATE.sub("\ufffd", atom.text) for atom in atoms] for atoms, _ in block]
            found = predict(
                self.bundle.model,
                self.bundle.encoder.encode(words),
                words,
                encoder=self.bundle.encoder,
                encoding=self.bundle.encoding,
                tasks=[self.task],
                budget=budget,
            )
            for annotation, (_, home) in zip(found, block, strict=True):
                labels = annotation[self.task][COLUMN]
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
