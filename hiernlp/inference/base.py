"""What analyzers have in common, whatever runs the model: reading input, batching requests, making documents.

Nothing here needs torch.
"""

from __future__ import annotations

import re
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from hiernlp.corpora import SECOND
from hiernlp.encoding.subwords import SubwordEncoder, Subwords
from hiernlp.errors import DataError, HierNLPError, unknown_task
from hiernlp.inference.document import Document, Level, Sentence
from hiernlp.inference.segmenter import Segmentation, choose_segmenter
from hiernlp.inference.stream import LOOK_AHEAD, stream
from hiernlp.inference.tasks import TaskInfo
from hiernlp.predictor import BATCH_SUBWORDS, Predictor
from hiernlp.segmentation import Segment
from hiernlp.segmentation.boundaries import COLUMN

_SURROGATE = re.compile(r"[\ud800-\udfff]")

Input = str | Sequence[str] | Sequence[Sequence[str]] | Sequence[Mapping[str, Any]]
"""What is analysed as one document: raw text, the words of one sentence, several sentences of words, or rows in the
annotation schema."""


class BaseAnalyzer(ABC):
    """Analyses text with a trained model, which others run.

    Args:
        predictor: what answers for sentences and pairs.
        tasks: what there is to tell of the tasks that the model answers, bottom-up.
        layers: number of layers of the model's encoder.
        encoder: the model's subword encoder.
        language: language code of the rules that split raw text.
        segmentation: how raw text is split into sentences and words: by ``rules`` for the model's language, or as the
            model has ``learned`` it; by default as learnt, if it has.

    Attributes: ``predictor``, ``layers``, ``encoder`` and ``language``, as given.

    Raises:
        HierNLPError: the model has learnt no segmentation, and that is asked for.
    """

    out_of_memory: ClassVar[tuple[type[BaseException], ...]] = (MemoryError,)
    """What is raised where the memory does not suffice."""

    def __init__(
        self,
        *,
        predictor: Predictor,
        tasks: Mapping[str, TaskInfo],
        layers: int,
        encoder: SubwordEncoder,
        language: str,
        segmentation: Segmentation | None,
    ) -> None:
        self.predictor = predictor
        self._about = dict(tasks)
        self._tasks = tuple(tasks)
        self.layers = layers
        self.encoder = encoder
        self.language = language
        # What each column is said of, where its values do not tell: an empty list may be spans or labels.
        self._levels: dict[str, Level] = {column: t.level for t in tasks.values() for column in t.columns}
        self._segmenting = next((name for name, task in tasks.items() if COLUMN in task.columns), None)
        self._segment = choose_segmenter(
            segmentation, language=language, tasks=self._tasks, task=self._segmenting, label=self._boundaries
        )

    @property
    @abstractmethod
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe that the model was trained by; empty if it is not known."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the files that the analyzer can be loaded from into an existing folder."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the model answers, bottom-up."""
        return self._tasks

    @property
    def segmenting(self) -> str | None:
        """The task that splits raw text and says nothing of words, if there is one."""
        return self._segmenting

    def about(self, task: str) -> TaskInfo:
        """Return what there is to tell of a task.

        Raises:
            HierNLPError: there is no such task.
        """
        if task not in self._about:
            raise unknown_task(task, self.tasks)
        return self._about[task]

    def reads_pairs(self, task: str) -> bool:
        """Tell whether a task reads pairs of sentences."""
        return self.about(task).pairs

    def depth(self, tasks: Sequence[str] | None = None) -> int:
        """Return how many layers a request for these tasks computes, by default for all."""
        return max(self._about[task].depth for task in (self.tasks if tasks is None else self._checked(tasks)))

    def segments(self, text: str, *, batch_subwords: int = BATCH_SUBWORDS) -> list[Segment]:
        """Split raw text into sentences and words, with their places in it.

        Args:
            text: any text.
            batch_subwords: most subwords a batch, padding included, where the model splits.
        """
        return self._segment(text, batch_subwords=batch_subwords)

    def __call__(
        self,
        text: Input,
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> Document:
        """Analyse raw text, the words of one sentence, several sentences of words, or rows (see :meth:`rows`).

        Args:
            text: a string is split into sentences and words, as ``segmentation`` said.
            tasks: the tasks wanted, by default all that read one sentence; no layer above the deepest of them is
                computed.
            probabilities: whether annotations have probabilities, as ``<column>_probability``.
            batch_subwords: most subwords a batch, padding included.

        Raises:
            HierNLPError: there is no such task, or it reads pairs; the words are not strings, or a sentence has none.
        """
        tasks = self.checked(tasks)
        split = self.split(text, batch_subwords=batch_subwords)
        (document,) = self.annotate([split], tasks=tasks, probabilities=probabilities, batch_subwords=batch_subwords)
        return document

    def rows(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> Document:
        """Analyse sentences in the annotation schema, as the readers give them; what they hold besides is kept.

        Raises:
            HierNLPError: there is no such task, or a sentence has no words.
        """
        return self(list(rows), tasks=tasks, probabilities=probabilities, batch_subwords=batch_subwords)

    def documents(
        self,
        texts: Iterable[Input],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> list[Document]:
        """Analyse several inputs together, one document each; their sentences share batches.

        Args:
            texts: each what a call of the analyzer takes, or rows as :meth:`rows` does.
            tasks: the tasks wanted, by default all that read one sentence.
            probabilities: whether annotations have probabilities, as ``<column>_probability``.
            batch_subwords: most subwords a batch, padding included.

        Raises:
            HierNLPError: there is no such task, or it reads pairs; an input is no text and no words, and which.
        """
        tasks = self.checked(tasks)
        split: list[Document] = []
        for number, text in enumerate(texts, start=1):
            try:
                split.append(self.split(text, batch_subwords=batch_subwords))
            except HierNLPError as error:
                raise DataError(f"input {number}: {error}") from None
        return self.annotate(split, tasks=tasks, probabilities=probabilities, batch_subwords=batch_subwords)

    def stream(
        self,
        texts: Iterable[Input],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_tokens: int = BATCH_SUBWORDS,
        look_ahead: int = LOOK_AHEAD,
        on_error: Literal["raise", "skip"] = "raise",
        report: Callable[[int, HierNLPError], None] | None = None,
    ) -> Iterator[Document]:
        """Analyse any number of inputs in bounded memory and yield their documents in order (see :mod:`.stream`).

        Args:
            texts: as for :meth:`documents`; no more than ``look_ahead`` of them are held at a time, and fewer where
                they are long.
            tasks: the tasks wanted, by default all that read one sentence.
            probabilities: whether annotations have probabilities, as ``<column>_probability``.
            batch_tokens: most subwords a batch, padding included.
            look_ahead: most inputs whose sentences are sorted by length and analysed together.
            on_error: whether an input that cannot be analysed ends the stream, when all before it have been yielded,
                or is left out.
            report: told of each input left out its number, counted from 1, and what is wrong; by default it is logged.

        Raises:
            HierNLPError: there is no such task, or it reads pairs; with ``raise``, an input cannot be analysed.
        """
        return stream(
            self,
            texts,
            tasks=self.checked(tasks),
            probabilities=probabilities,
            batch_tokens=batch_tokens,
            look_ahead=look_ahead,
            on_error=on_error,
            report=report,
        )

    def checked(self, tasks: Sequence[str] | None) -> list[str] | None:
        """Return names of tasks on single sentences as a list; None, which stands for all of them, stays.

        Raises:
            HierNLPError: there is no such task, it reads pairs, or no task reads single sentences.
        """
        found = tasks if tasks is None else self._checked(tasks)
        self._wanted(found)
        return found

    def split(self, text: Input, *, batch_subwords: int = BATCH_SUBWORDS) -> Document:
        """Return the sentences and words of an input, not yet annotated.

        Args:
            text: what a call of the analyzer takes.
            batch_subwords: most subwords a batch, padding included, where the model splits.

        Raises:
            HierNLPError: it is no text, its words are not strings, or a sentence has none.
        """
        if isinstance(text, str):
            return Document(
                text,
                [
                    Sentence(
                        s.words,
                        text=text[s.start : s.end],
                        start=s.start,
                        end=s.end,
                        word_starts=s.starts,
                        word_ends=s.ends,
                        multiword=s.multiword,
                    )
                    for s in self.segments(text, batch_subwords=batch_subwords)
                ],
            )
        rows: list[dict[str, Any]] = []
        if isinstance(text, Sequence) and text and isinstance(text[0], Mapping):
            rows = [dict(row) for row in text]  # pyright: ignore[reportArgumentType,reportCallIssue,reportAssignmentType]
            text = [row["words"] for row in rows]
        words = _sentences(text)
        rows = rows or [{"words": sentence} for sentence in words]
        return self._document(rows, words, [{}] * len(words))

    def annotate(
        self,
        documents: Sequence[Document],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> list[Document]:
        """Return documents that :meth:`split` made with their annotations.

        Raises:
            HierNLPError: there is no such task, or it reads pairs.
        """
        words = [list(sentence.words) for document in documents for sentence in document.sentences]
        found = iter(self._annotate(words, self._wanted(tasks), probabilities, batch_subwords))
        return [
            Document(
                document.text,
                [replace(s, annotations=next(found), levels=self._levels) for s in document.sentences],
            )
            for document in documents
        ]

    def pairs(
        self,
        pairs: Iterable[tuple[str | Sequence[str], str | Sequence[str]]],
        *,
        tasks: Sequence[str] | None = None,
        probabilities: bool = False,
        batch_subwords: int = BATCH_SUBWORDS,
    ) -> Document:
        """Judge pairs of sentences; for tasks that encode them apart, each sentence is encoded once.

        Args:
            pairs: the two sentences of each pair, as raw text or as words.
            tasks: the tasks wanted, by default all that read pairs.
            probabilities: whether annotations have probabilities, as ``<column>_probability``.
            batch_subwords: most subwords a batch, padding included.

        Returns:
            One sentence a pair, the first of the two; its ``second`` has the words of the other one.

        Raises:
            HierNLPError: there is no such task, or it reads one sentence; a sentence has no words.
        """
        wanted = self._wanted(tasks, pairs=True)
        rows: list[dict[str, Any]] = []
        for number, pair in enumerate(pairs, start=1):
            if isinstance(pair, str) or len(pair) != 2:  # noqa: PLR2004 - a pair
                raise DataError(f"pair {number}: expected two sentences, found {reprlib.repr(pair)}")
            first, second = (self._words(sentence) for sentence in pair)
            if not (first and second):
                raise DataError(f"pair {number}: expected words in both sentences, found none in one")
            rows.append({"words": first, SECOND: second, "text": pair[0] if isinstance(pair[0], str) else None})
        firsts, seconds = _sentences([row["words"] for row in rows]), _sentences([row[SECOND] for row in rows])
        by_task = self.predictor.predict_pairs(
            list(zip(self._subwords(firsts), self._subwords(seconds), strict=True)),
            [a + b for a, b in zip(firsts, seconds, strict=True)],
            tasks=wanted,
            budget=batch_subwords,
            probabilities=probabilities,
        )
        return self._document(rows, firsts, [{c: v for t in wanted for c, v in found[t].items()} for found in by_task])

    def _words(self, sentence: str | Sequence[str]) -> list[str]:
        if not isinstance(sentence, str):
            return list(sentence)
        return [word for part in self.segments(sentence) for word in part.words]

    def _document(
        self, rows: list[dict[str, Any]], words: list[list[str]], annotations: list[dict[str, Any]]
    ) -> Document:
        return Document(
            None,
            [
                Sentence(w, text=row.get("text"), annotations=a, row=row, levels=self._levels)
                for w, row, a in zip(words, rows, annotations, strict=True)
            ],
        )

    def _subwords(self, sentences: list[list[str]]) -> list[Subwords]:
        # Lone surrogates are no characters, so that no tokenizer takes them: it sees a stand-in.
        readable = [
            [_SURROGATE.sub("\ufffd", word) for word in words] if _SURROGATE.search(" ".join(words)) else words
            for words in sentences
        ]
        return self.encoder.encode(readable)

    def _annotate(
        self, sentences: list[list[str]], wanted: Sequence[str], probabilities: bool, budget: int
    ) -> list[dict[str, Any]]:
        if not wanted:
            return [{} for _ in sentences]
        by_task = self.predictor.predict(
            self._subwords(sentences), sentences, tasks=wanted, budget=budget, probabilities=probabilities
        )
        return [{c: v for task in wanted for c, v in found[task].items()} for found in by_task]

    def _boundaries(self, sentences: list[list[str]], *, budget: int) -> list[list[str]]:
        """Return what the model says of the boundaries after the atoms of each window."""
        assert self._segmenting is not None
        found = self._annotate(sentences, [self._segmenting], probabilities=False, budget=budget)
        return [annotations[COLUMN] for annotations in found]

    def _wanted(self, tasks: Sequence[str] | None, *, pairs: bool = False) -> tuple[str, ...]:
        # The task that splits raw text has had its say when there are words.
        fitting = tuple(t for t in self.tasks if self.reads_pairs(t) == pairs and t != self._segmenting)
        if tasks is None and (fitting or (self._segmenting is not None and not pairs)):
            return fitting
        if tasks is None:
            found = ", ".join(self.tasks)
            raise HierNLPError(
                f"no task of this model reads pairs of sentences; it has {found}"
                if pairs
                else f"the tasks of this model ({found}) read pairs of sentences; give pairs"
            )
        tasks = self._checked(tasks)
        for task in tasks:
            if task == self._segmenting:
                raise HierNLPError(
                    f"tasks: {task!r} splits raw text into sentences and words, and says nothing of them; leave it out"
                )
            if task not in fitting:
                raise HierNLPError(
                    f"tasks: {task!r} reads one sentence, found pairs"
                    if pairs
                    else f"tasks: {task!r} reads pairs of sentences, found single ones; give pairs"
                )
        return tuple(task for task in self.tasks if task in tasks)

    def _checked(self, tasks: Sequence[str]) -> list[str]:
        """Return the names of tasks that there are."""
        if isinstance(tasks, str) or not (tasks := list(tasks)):
            raise HierNLPError(
                f"tasks: expected a list of task names, found {tasks!r}; this model has {', '.join(self.tasks)}"
            )
        for task in tasks:
            if task not in self.tasks:
                raise unknown_task(task, self.tasks)
        return tasks


def _sentences(words: Any) -> list[list[str]]:  # noqa: ANN401 - whatever the user gave
    """Return sentences of words, given those or the words of one sentence."""
    if not isinstance(words, Sequence) or isinstance(words, str | bytes):
        raise HierNLPError(
            f"expected a string, a list of words or a list of lists of words, found {type(words).__name__}"
        )
    sentences = [words] if words and isinstance(words[0], str) else words
    for number, sentence in enumerate(sentences, start=1):
        if not isinstance(sentence, Sequence) or isinstance(sentence, str | bytes):
            raise DataError(f"sentence {number}: expected a list of words, found {type(sentence).__name__}")
        if not sentence:
            raise DataError(f"sentence {number}: expected words, found none; leave out sentences without words")
        for word in sentence:
            if not isinstance(word, str):
                raise DataError(f"sentence {number}: expected words as strings, found {type(word).__name__} ({word!r})")
    return [list(sentence) for sentence in sentences]
