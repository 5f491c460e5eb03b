"""From text or words to a document, by one pass of one model, as deep as the tasks asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import DataError, HierNLPError
from hiernlp.hub.folder import Bundle, load_bundle
from hiernlp.inference.document import Document, Sentence
from hiernlp.prediction import predict
from hiernlp.registry import kinds
from hiernlp.segmentation import segment

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BATCH_SUBWORDS = 1024
"""Most subwords a batch by default; about the best on processors, larger ones pay on GPUs."""


class Analyzer:
    """Analyses text with a trained model.

    Safe to call from several threads at once, with the same or with different tasks.

    Args:
        bundle: the model with all that is needed to use it.
        device: where to run; by default the accelerator that there is, or else the processor.
        dtype: ``float32`` or ``bfloat16``.
    """

    def __init__(self, bundle: Bundle, *, device: str | None = None, dtype: str = "float32") -> None:
        if dtype not in DTYPES:
            raise HierNLPError(f"dtype: expected {' or '.join(DTYPES)}, found {dtype!r}")
        if device is None:
            found = torch.accelerator.current_accelerator()
            device = found.type if found is not None and torch.accelerator.is_available() else "cpu"
        self.bundle = bundle
        self.model = bundle.model.eval().to(device=device, dtype=DTYPES[dtype])

    @classmethod
    def load(cls, folder: str | Path, *, device: str | None = None, dtype: str = "float32") -> Analyzer:
        """Load a model folder or a hub model (see :func:`hiernlp.load`)."""
        return cls(load_bundle(folder), device=device, dtype=dtype)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the model answers, bottom-up."""
        return self.model.tasks

    def depth(self, tasks: Sequence[str] | None = None) -> int:
        """Return how many layers a request for these tasks computes, by default for all."""
        return self.model.depth_of(self.model.needed(tuple(tasks) if tasks else self.tasks))

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> Document:
        """Analyse raw text, the words of one sentence, or several sentences of words.

        Args:
            text: a string is split into sentences and words by rules for the model's language.
            tasks: the tasks wanted, by default all; no layer above the deepest of them is computed.
            probabilities: whether annotations have probabilities, as ``<column>_probability``.
            batch_subwords: most subwords a batch, padding included.

        Raises:
            HierNLPError: there is no such task, or the words are not strings.
        """
        if isinstance(text, str):
            segments = segment(text, language=self.bundle.language)
            found = self._annotate([s.words for s in segments], tasks, probabilities, batch_subwords)
            sentences = [
                Sentence(
                    s.words,
                    text=text[s.start : s.end],
                    start=s.start,
                    end=s.end,
                    word_starts=s.starts,
                    annotations=annotations,
                    levels=self.levels(annotations),
                )
                for s, annotations in zip(segments, found, strict=True)
            ]
            return Document(text, sentences)
        return self.rows([{"words": words} for words in _sentences(text)], tasks=tasks, probabilities=probabilities)

    def rows(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> Document:
        """Analyse sentences in the annotation schema, as the readers give them; what they hold besides is kept."""
        kept = [dict(row) for row in rows]
        words = [list(row["words"]) for row in kept]
        found = self._annotate(words, tasks, probabilities, batch_subwords)
        return Document(
            None,
            [
                Sentence(w, text=row.get("text"), annotations=a, row=row, levels=self.levels(a))
                for w, row, a in zip(words, kept, found, strict=True)
            ],
        )

    def _annotate(
        self, sentences: list[list[str]], tasks: Sequence[str] | None, probabilities: bool, budget: int
    ) -> list[dict[str, Any]]:
        wanted = self._wanted(tasks)
        encoder = self.bundle.encoder
        subwords: list[Subwords] = encoder.encode(sentences)
        by_task = predict(
            self.model,
            subwords,
            encoder=encoder,
            encoding=self.bundle.encoding,
            tasks=wanted,
            budget=budget,
            probabilities=probabilities,
        )
        return [{c: v for task in wanted for c, v in found[task].items()} for found in by_task]

    def _wanted(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        if tasks is None:
            return self.tasks
        if isinstance(tasks, str) or not tasks:
            raise HierNLPError(f"tasks: expected a list of task names, found {tasks!r}; this model has {', '.join(self.tasks)}")
        self.model.needed(tasks)
        return tuple(task for task in self.tasks if task in tasks)

    def levels(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """Return what each predicted column is said of: words, spans of words, or the sentence."""
        return {
            column: kinds.load(record.kind).level
            for task, record in self.bundle.tasks.items()
            for column in type(self.model.heads[task]).columns(self.model.heads[task].options)  # pyright: ignore
            if column in annotations
        }


def _sentences(words: Any) -> list[list[str]]:  # noqa: ANN401 - whatever the user gave
    if not isinstance(words, Sequence):
        raise HierNLPError(f"expected a string, a list of words or a list of lists of words, found {type(words).__name__}")
    sentences = [list(words)] if words and isinstance(words[0], str) else [list(sentence) for sentence in words]
    for sentence in sentences:
        for word in sentence:
            if not isinstance(word, str):
                raise DataError(f"expected words as strings, found {type(word).__name__} ({word!r})")
    return [sentence for sentence in sentences if sentence]
