"""What a kind of task is: the contract between the model, the training loop, the scorer and one kind.

Dimension letters used in this room: B batch, N words (padded), H hidden size of the encoder, C labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from hiernlp.decoding._base import Annotation, Decoder, Labels
from hiernlp.errors import DataError
from hiernlp.settings import Settings

IGNORE = -100
"""The index that stands for 'not annotated' in every target tensor; it costs nothing."""

Row = Mapping[str, Any]
"""One sentence in the annotation schema: ``words`` and any annotations (see :mod:`hiernlp.corpora`)."""

Arrays = dict[str, np.ndarray]
"""Targets of one sentence."""

Options = TypeVar("Options", bound=Settings)
Output = TypeVar("Output")


@dataclass(frozen=True)
class Targets:
    """The targets of one batch.

    Attributes:
        tensors: padded arrays, each with B first; what is not annotated holds :data:`IGNORE` (or NaN for numbers).
        count: how many targets there are (tokens, arcs, sentences, ...), counted on the host; the loss of a step is the
            sum of its losses divided by the sum of its counts.
        lessons: what a teacher says of the same sentences, padded arrays, each with B first; empty without a teacher.
        is_annotated: whether the corpus has the annotation; where it lacks it, lessons are all that is to be learnt.
    """

    tensors: dict[str, Tensor]
    count: float
    lessons: dict[str, Tensor] = field(default_factory=dict)
    is_annotated: bool = True


@dataclass(frozen=True)
class Scores:
    """What a task scored.

    Attributes:
        main: the key of the figure by which checkpoints are chosen; higher is better.
        values: all figures; shares of one unless the key says otherwise.
        per_label: figures for each label, where that helps.
        confusions: the most frequent confusions as (gold, predicted, count), most frequent first.
        notes: how the figures are counted, in one sentence each.
    """

    main: str
    values: dict[str, float]
    per_label: dict[str, dict[str, float]] = field(default_factory=dict)
    confusions: list[tuple[str, str, int]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def main_value(self) -> float:
        """The figure that ``main`` names."""
        return self.values[self.main]


class Kind(nn.Module, ABC, Generic[Options, Output]):
    """One kind of task, built for one task: its label space, head, loss, decoding, feedback and score.

    Training calls ``forward`` and ``loss`` and never ``decode``; analysis calls ``forward`` and ``decode``. What
    ``forward``, ``arrays`` and ``given`` compute may also be run elsewhere, and its arrays be given to the decoder.

    Args:
        options: the kind's own settings, as given under a task's ``options``.
        labels: what :meth:`fit` returned, or what was saved with the model.
        hidden_size: width H of the states that the head reads.
    """

    Options: ClassVar[type[Settings]]
    Decoder: ClassVar[type[Decoder]]
    """What makes annotations of the arrays: the class of the same name in :mod:`hiernlp.decoding`."""
    level: ClassVar[Literal["token", "spans", "sentence"]]
    """What the columns are said of: every word, spans of words, or the sentence."""
    feedback_size: int
    """Number of rows C of a label embedding fed by this task."""
    can_be_taught: ClassVar[bool] = True
    """Whether another model can teach the task, beside the annotation (knowledge distillation)."""
    range_options: ClassVar[tuple[str, ...]] = ()
    """The options that, besides the label space, say what beliefs mean; a teacher must have the same."""

    def __init__(self, *, options: Options, labels: Labels, hidden_size: int) -> None:
        super().__init__()
        self.options = options
        self.labels = labels
        self.hidden_size = hidden_size

    @classmethod
    @abstractmethod
    def columns(cls, options: Options) -> tuple[str, ...]:
        """Return the annotation columns that the kind reads from a corpus and writes to a document."""

    @classmethod
    def hidden_columns(cls, options: Options) -> tuple[str, ...]:  # noqa: ARG003 - most have none
        """Return the columns that training reads besides, where a corpus has them; nothing else ever does."""
        return ()

    @classmethod
    @abstractmethod
    def fit(cls, options: Options, rows: Iterable[Row]) -> Labels:
        """Return the label spaces found in training rows.

        Raises:
            DataError: the rows hold nothing to learn from.
        """

    @classmethod
    def can_agree(cls, options: Options) -> bool:  # noqa: ARG003 - most cannot, whatever their options
        """Tell whether each word's answer is a label by itself, which can be chosen together with other tasks' labels.

        Such a kind has one column, and ``factor_sizes``, ``classes_of``, ``factors`` and ``with_factors``.
        """
        return False

    def check(self, rows: Iterable[Row]) -> None:
        """Look at development rows before training begins, for what can only be a mistake.

        Raises:
            DataError: there is one.
        """

    @abstractmethod
    def forward(self, words: Tensor, mask: Tensor) -> Output:
        """Return what loss, feedback and decoding need.

        Shapes: ``words`` (B, N, H); ``mask`` (B, N), true where there is a word.
        """

    @abstractmethod
    def targets(self, row: Row) -> Arrays | None:
        """Return a sentence's targets, or None if it lacks the annotation."""

    @abstractmethod
    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        """Return a batch's targets, padded to ``words`` words; a sentence that lacks them (None) costs nothing."""

    @abstractmethod
    def loss(self, output: Output, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the sum (a scalar in float32) of the losses of all the batch's targets, without a host read-back."""

    @abstractmethod
    def arrays(self, output: Output, *, probabilities: bool = False) -> dict[str, Tensor]:
        """Return what the decoder reads, by name, and with ``probabilities`` what it takes for those.

        Tensor operations alone, without a host read-back.
        """

    def given(self, arrays: Mapping[str, Tensor], *, probabilities: bool = False) -> dict[str, Tensor]:  # noqa: ARG002
        """Return what the head says once the decoder has chosen, from its arrays and the choice.

        Nothing for most kinds, whose decoders choose nothing before they have all. Tensor operations alone, as in
        :meth:`arrays`.
        """
        return {}

    def given_on_host(
        self,
        arrays: Mapping[str, Tensor],
        choice: Mapping[str, np.ndarray],
        words: Sequence[Sequence[str]],  # noqa: ARG002 - of kinds that save work by them
        *,
        probabilities: bool = False,
    ) -> dict[str, Tensor]:
        """Return what :meth:`given` does; here the choice may be looked at on the host, to save work.

        Args:
            arrays: what :meth:`arrays` returned.
            choice: what the decoder chose, by name.
            words: the words of each of the batch's sentences.
            probabilities: whether annotations have probabilities.
        """
        device = next(iter(arrays.values())).device
        chosen = {name: torch.as_tensor(values, device=device) for name, values in choice.items()}
        return self.given({**arrays, **chosen}, probabilities=probabilities)

    @cached_property
    def decoder(self) -> Decoder:
        """The task's decoder."""
        return self.Decoder(options=self.options.model_dump(), labels=self.labels)

    def decode(
        self, output: Output, words: Sequence[Sequence[str]], *, probabilities: bool = False
    ) -> list[Annotation]:
        """Return one annotation a sentence; ``words`` are the words of each of the batch's sentences.

        With ``probabilities``, the annotation also has ``<column>_probability`` (one number a token, span or sentence;
        for sentence labels a mapping of every label to its probability).
        """
        arrays = self.arrays(output, probabilities=probabilities)
        found = OnHost(arrays)
        choice = self.decoder.choose(found, words)
        if choice:
            given = self.given_on_host(arrays, choice, words, probabilities=probabilities)
            found = ChainMap(choice, OnHost(given), found)  # pyright: ignore[reportArgumentType] - none is written to
        return self.decoder(found, words, probabilities=probabilities)

    def reconsider(
        self,
        annotations: list[Annotation],
        output: Output,
        words: Sequence[Sequence[str]],
        answers: Sequence[Annotation],
    ) -> list[Annotation]:
        """Return a batch's annotations in the light of the answers of other tasks that the decoder consults."""
        return self.decoder.reconsider(annotations, OnHost(self.arrays(output)), words, answers)

    @abstractmethod
    def feedback(self, output: Output) -> Tensor:
        """Return the beliefs fed upward, as weights over ``feedback_size`` label embeddings.

        Shape: (B, N, C) for every word, or (B, 1, C) for a belief on the whole sentence.
        """

    @property
    def factor_sizes(self) -> tuple[int, int]:
        """The sizes A and V of :meth:`factors`."""
        raise NotImplementedError

    def classes_of(self, labels: Sequence[str]) -> list[list[int] | None]:
        """Return each label's class in every factor, or None for a label that is not in the label space."""
        raise NotImplementedError

    def factors(self, output: Output) -> Tensor:
        """Return the log-probabilities of the classes of all factors that make up a label, mostly one.

        Shape: (B, N, A, V), minus infinity where a factor has fewer classes.
        """
        raise NotImplementedError

    def with_factors(self, output: Output, factors: Tensor) -> Output:
        """Return an output of which :meth:`factors` returns the given ones."""
        raise NotImplementedError

    def lessons(self, output: Output, lengths: Sequence[int]) -> list[Arrays]:
        """Return what this model, as a teacher, says of each sentence: by default its beliefs, in float16.

        Args:
            output: what ``forward`` returned.
            lengths: number of words of each sentence.
        """
        beliefs = halves(self.feedback(output))
        return [{"beliefs": found[:length]} for found, length in zip(beliefs, lengths, strict=True)]

    def mean_lesson(self, lessons: Sequence[Arrays]) -> Arrays:
        """Return what several teachers say together of a sentence: by default the mean of each of their arrays."""
        return {name: mean([lesson[name] for lesson in lessons]) for name in lessons[0]}

    def collate_lessons(self, lessons: Sequence[Arrays | None], words: int) -> dict[str, Tensor]:
        """Return a batch's lessons as padded arrays, NaN where there is none."""
        rows = 1 if self.level == "sentence" else words
        found = [None if lesson is None else lesson["beliefs"] for lesson in lessons]
        return {"beliefs": padded(found, (rows, self.feedback_size))}

    def imitation(self, output: Output, lessons: Mapping[str, Tensor]) -> Tensor:
        """Return the sum (a scalar in float32) of the losses against a teacher's lessons, without a host read-back.

        By default, with the teacher's probabilities q and the own p, ``-sum_c q_c log p_c`` for every word or sentence.
        """
        own = self.feedback(output).float()
        return -(lessons["beliefs"].nan_to_num() * own.clamp(min=torch.finfo(own.dtype).tiny).log()).sum()

    @classmethod
    @abstractmethod
    def score(cls, options: Options, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        """Compare predictions with gold rows; what gold lacks is left out.

        Each gold row also has ``words``. Pure: no model is needed.
        """

    @classmethod
    @abstractmethod
    def baseline(cls, options: Options, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """Return the majority baseline learnt from training rows, as a function of a row's ``words``."""

    @classmethod
    def small(cls, options: Options) -> Options:
        """Return the options of a head that is cheap enough to be trained on every layer, as a probe.

        By default the task's own; a kind whose heads are large makes them smaller.
        """
        return options

    @classmethod
    def control(
        cls,
        options: Options,  # noqa: ARG003 - of the kinds that have a control task
        rows: Iterable[Row],  # noqa: ARG003
        *,
        seed: int,  # noqa: ARG003
    ) -> Callable[[Row], Annotation] | None:
        """Return the control task (Hewitt and Liang 2019): random labels, one for each word type.

        Like the baseline it is a function of a row's ``words``, and its annotations have the columns, the labels and
        the labels' frequencies of the training rows; the same seed gives the same function. A probe that learns it well
        knows word types by heart. None where there is no such task, as for sentences, which are not met twice.
        """
        return None


class OnHost(Mapping[str, np.ndarray]):
    """Tensors as arrays, each of which is copied from its device when it is read."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> np.ndarray:
        return self._tensors[name].detach().cpu().numpy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


T = TypeVar("T", bound=nn.Module)


def zero_init(module: T) -> T:
    """Set all parameters of a module to zero and return it."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def label_space(counts: Counter[str], *, column: str, what: str) -> list[str]:
    """Return the labels in a stable order (most frequent first, then alphabetical).

    Raises:
        DataError: there is none.
    """
    if not counts:
        raise DataError(
            f"no training sentence has the annotation {column!r}, so that there is no {what} to learn; "
            "check the task's column and the corpus's reader"
        )
    return [label for label, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def class_weights(spec: Mapping[str, float], labels: Sequence[str]) -> Tensor | None:
    """Return the weight of each label, 1 where ``spec`` has none; None if ``spec`` is empty.

    Shape: (C,)

    Raises:
        DataError: ``spec`` names a label that is not in the label space.
    """
    if not spec:
        return None
    unknown = sorted(set(spec) - set(labels))
    if unknown:
        raise DataError(f"class_weights names {unknown[0]!r}, which is not a label; labels are {', '.join(labels)}")
    return torch.tensor([float(spec.get(label, 1.0)) for label in labels])


def halves(values: Tensor) -> np.ndarray:
    """Return values on the host in float16, in which much of a corpus can be kept."""
    return values.detach().half().cpu().numpy()


def mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of arrays of one shape, in float16."""
    return np.stack(arrays).mean(axis=0, dtype=np.float32).astype(np.float16)


def padded(arrays: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> Tensor:
    """Return arrays as one tensor in float32, padded with NaN; None gives nothing but NaN.

    Shape: (B, *shape)
    """
    out = np.full((len(arrays), *shape), np.nan, dtype=np.float32)
    for row, array in zip(out, arrays, strict=True):
        if array is not None:
            row[tuple(slice(size) for size in array.shape)] = array
    return torch.from_numpy(out)


def pad(arrays: Sequence[np.ndarray | None], size: int, *, fill: int = IGNORE) -> Tensor:
    """Return integer arrays of one dimension as one padded tensor; None gives a row of ``fill``.

    Shape: (B, size)
    """
    out = np.full((len(arrays), size), fill, dtype=np.int64)
    for row, array in zip(out, arrays, strict=True):
        if array is not None:
            row[: len(array)] = array
    return torch.from_numpy(out)
