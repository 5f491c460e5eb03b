"""Corpora to training batches: subwords once, targets of every task that the corpus annotates."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hiernlp.corpora import SECOND
from hiernlp.encoding.collate import WordBatch, collate
from hiernlp.encoding.corruption import ORIGINAL, REPLACED, Corruption, Word
from hiernlp.encoding.pairs import Pair, PairBatch, collate_pairs
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder, Subwords
from hiernlp.kinds._base import Arrays, Kind, Row, Targets

if TYPE_CHECKING:
    import datasets
    import torch

    from hiernlp.model import HierarchicalModel

Lessons = Mapping[tuple[str, str], Sequence[Arrays | None]]
"""What a teacher says of each sentence of a corpus, by corpus and task; None where it has nothing to say."""
PLACE = ("file", "line")
"""Columns that messages about a row name."""


@dataclass(frozen=True)
class TrainingBatch:
    """One batch of one corpus with the targets of every task that the corpus annotates.

    Attributes:
        words: the sentences, or the pairs of them.
        targets: by task.
        views: what tasks read that do not read the sentences themselves, by task.
    """

    words: WordBatch | PairBatch
    targets: dict[str, Targets]
    views: dict[str, WordBatch] = field(default_factory=dict)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TrainingBatch:
        """Return the batch on a device."""

        def there(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {name: tensor.to(device, non_blocking=non_blocking) for name, tensor in tensors.items()}

        targets = {
            task: replace(t, tensors=there(t.tensors), lessons=there(t.lessons)) for task, t in self.targets.items()
        }
        views = {task: view.to(device, non_blocking=non_blocking) for task, view in self.views.items()}
        return TrainingBatch(self.words.to(device, non_blocking=non_blocking), targets, views)

    def pin_memory(self) -> TrainingBatch:
        """Return the batch in page-locked memory."""

        def pinned(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {name: tensor.pin_memory() for name, tensor in tensors.items()}

        targets = {
            task: replace(t, tensors=pinned(t.tensors), lessons=pinned(t.lessons)) for task, t in self.targets.items()
        }
        return TrainingBatch(self.words.pin_memory(), targets, {t: view.pin_memory() for t, view in self.views.items()})


class EncodedSplit:
    """One split of one corpus as subwords, memory-mapped.

    Args:
        dataset: rows in the annotation schema.
        encoder: the subword encoder.
        tasks: the tasks that the split annotates.

    Attributes:
        tasks: the tasks that the split trains.
        only_taught: those of them that it does not annotate, of which teachers alone speak.
    """

    def __init__(self, dataset: datasets.Dataset, *, encoder: SubwordEncoder, tasks: Sequence[str]) -> None:
        self.dataset = dataset
        self.tasks = tuple(tasks)
        self.only_taught: frozenset[str] = frozenset()
        self.has_pairs = holds_pairs(dataset)
        self._special = len(encoder.prefix) + len(encoder.suffix)
        self._subwords = _encode(dataset, encoder)

    def teaching(self, tasks: Collection[str], *, order: Sequence[str]) -> EncodedSplit:
        """Return the same split, which also trains some tasks that it does not annotate.

        Args:
            tasks: those tasks.
            order: all tasks, bottom-up.
        """
        found = copy.copy(self)
        found.tasks = tuple(task for task in order if task in tasks or task in self.tasks)
        found.only_taught = frozenset(tasks)
        return found

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def sizes(self) -> list[int]:
        """Number of subwords of each sentence, special ones included; of a pair, that of two like its longer one."""
        sizes = self._sizes("ids")
        if self.has_pairs:
            sizes = 2 * np.maximum(sizes, self._sizes(f"{SECOND}_ids")) + self._special
        return (sizes + self._special).tolist()

    def _sizes(self, column: str) -> np.ndarray:
        if self._subwords._indices is not None:
            return np.array([len(ids) for ids in self._subwords[column]], dtype=np.int64)
        return np.asarray(self._subwords.data.column(column).combine_chunks().value_lengths(), dtype=np.int64)

    def subwords(self, indices: Sequence[int]) -> list[Subwords]:
        """Return the subwords of some sentences (of pairs, the first sentences)."""
        return _subwords(self._subwords[list(indices)])

    def pairs(self, indices: Sequence[int]) -> list[Pair]:
        """Return the subwords of some pairs of sentences."""
        found = self._subwords[list(indices)]
        return list(zip(_subwords(found), _subwords(found, f"{SECOND}_"), strict=True))

    def words(self, indices: Sequence[int]) -> list[list[str]]:
        """Return the words of some sentences (of pairs, those of both)."""
        columns = ["words", SECOND] if self.has_pairs else ["words"]
        found = self.dataset.select_columns(columns)[list(indices)]
        return [[word for sentence in row for word in sentence] for row in zip(*found.values(), strict=True)]

    def rows(self, indices: Sequence[int] | None = None, *, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """Yield rows, all or some, with all or some of their columns."""
        chosen = self.dataset if columns is None else self.dataset.select_columns(_present(self.dataset, columns))
        if indices is None:
            yield from chosen  # pyright: ignore[reportReturnType] - rows of a dataset are mappings
            return
        found: Mapping[str, Any] = chosen[list(indices)]
        names = list(found)
        for values in zip(*found.values(), strict=True):
            yield dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class BatchBuilder:
    """Builds training batches.

    Attributes:
        splits: the training split of each corpus.
        heads: the kinds by task.
        encoder: the subword encoder.
        encoding: how words are read and lengths padded.
        apart: whether any task reads pairs of sentences apart.
        joined: whether any task reads pairs of sentences together.
        both_orders: whether any of these reads them in both orders.
        corruptions: how the sentences are changed for tasks with a view of their own.
        lessons: what teachers say of the sentences, by corpus and task, one a sentence.
    """

    splits: Mapping[str, EncodedSplit]
    heads: Mapping[str, Kind[Any, Any]]
    encoder: SubwordEncoder
    encoding: EncodingSettings
    apart: bool = False
    joined: bool = False
    both_orders: bool = False
    corruptions: Mapping[str, Corruption] = field(default_factory=dict)
    lessons: Lessons = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: HierarchicalModel,
        splits: Mapping[str, EncodedSplit],
        *,
        encoder: SubwordEncoder,
        encoding: EncodingSettings,
        corruptions: Mapping[str, Corruption] | None = None,
        lessons: Lessons | None = None,
    ) -> BatchBuilder:
        """Return the builder of what a model reads."""
        return cls(
            splits,
            dict(model.heads.items()),  # pyright: ignore[reportArgumentType]
            encoder,
            encoding,
            apart=len(model.apart) > 0,
            joined=len(model.joined) > 0,
            both_orders=len(model.symmetric & model.joined) > 0,
            corruptions=corruptions or {},
            lessons=lessons or {},
        )

    def __call__(self, corpus: str, indices: Sequence[int], *, tasks: Sequence[str] | None = None) -> TrainingBatch:
        """Return the batch of some sentences, or pairs of them, of one corpus, for all its tasks or for some."""
        split = self.splits[corpus]
        tasks = split.tasks if tasks is None else tasks
        mean, multiple = self.encoding.subword == "mean", self.encoding.pad_to_multiple
        sentences: list[Subwords] = []
        if split.has_pairs:
            words = collate_pairs(
                split.pairs(indices),
                self.encoder,
                apart=self.apart,
                joined=self.joined,
                both_orders=self.both_orders,
                mean=mean,
                pad_to_multiple=multiple,
            )
        else:
            sentences = split.subwords(indices)
            words = collate(sentences, self.encoder, mean=mean, pad_to_multiple=multiple)
        columns = {"words"}
        for task in (task for task in tasks if task not in split.only_taught):
            kind, options = type(self.heads[task]), self.heads[task].options
            columns |= {*kind.columns(options), *kind.hidden_columns(options)}
        rows = list(split.rows(indices, columns=sorted(columns)))
        size = max(words.lengths)
        views: dict[str, WordBatch] = {}
        of_task = dict.fromkeys(tasks, rows)
        for number, task in enumerate(task for task in tasks if task in self.corruptions):
            # Drawn by the batch's sentences, whose company is another one in every epoch.
            seen = see(sentences, rows, self.corruptions[task], head=self.heads[task], seed=[number, *indices])
            views[task] = collate(seen.sentences, self.encoder, mean=mean, pad_to_multiple=multiple)
            of_task[task] = seen.rows
        targets = {
            # What the corpus says under the task's column, if anything, need not be the task's annotation.
            task: self.heads[task].collate(
                [None if task in split.only_taught else self.heads[task].targets(row) for row in of_task[task]], size
            )
            for task in tasks
        }
        for task in tasks:
            taught = self.lessons.get((corpus, task))
            if taught is None:
                continue
            said = [taught[i] for i in indices]
            targets[task] = replace(targets[task], lessons=self.heads[task].collate_lessons(said, size))
            if task in split.only_taught:
                targets[task] = replace(targets[task], count=_count(said), is_annotated=False)
        return TrainingBatch(words, targets, views)


@dataclass(frozen=True)
class Seen:
    """Sentences as a task with a view of its own sees them.

    Attributes:
        sentences: their subwords, changed.
        rows: their annotations, those of words that it does not answer for left out.
    """

    sentences: list[Subwords]
    rows: list[Row]


def see(
    sentences: Sequence[Subwords],
    rows: Sequence[Row],
    corruption: Corruption,
    *,
    head: Kind[Any, Any],
    seed: Sequence[int],
    pool: Sequence[Word] | None = None,
) -> Seen:
    """Return sentences as a task sees them that does not read the sentences themselves.

    Args:
        sentences: their subwords.
        rows: their annotations, with their ``words``.
        corruption: how they are changed.
        head: the task's kind.
        seed: what decides what is drawn.
        pool: the words that others may become; by default those of the sentences.
    """
    changed = corruption(sentences, [row["words"] for row in rows], seed=seed, pool=pool)
    columns = type(head).columns(head.options)
    if corruption.settings.answer == "replaced":
        said = [[REPLACED if r else ORIGINAL for r in found] for found in changed.replaced]
        rows = [{**row, **dict.fromkeys(columns, labels)} for row, labels in zip(rows, said, strict=True)]
        return Seen(changed.sentences, list(rows))
    if changed.chosen is None or type(head).level != "token" or corruption.settings.answer == "all":
        return Seen(changed.sentences, list(rows))

    def kept(row: Row, chosen: Sequence[bool]) -> Row:
        found = {c: row[c] for c in columns if row.get(c) is not None}
        return {**row, **{c: [v if k else None for v, k in zip(found[c], chosen, strict=True)] for c in found}}

    return Seen(changed.sentences, [kept(row, chosen) for row, chosen in zip(rows, changed.chosen, strict=True)])


def _count(lessons: Sequence[Arrays | None]) -> float:
    """Return of how many words or sentences lessons are."""
    return float(sum(len(next(iter(lesson.values()))) for lesson in lessons if lesson is not None))


def holds_pairs(dataset: datasets.Dataset) -> bool:
    """Tell whether the rows of a corpus are pairs of sentences."""
    return SECOND in dataset.column_names


def annotates(dataset: datasets.Dataset, columns: Sequence[str], *, pairs: bool = False) -> bool:
    """Tell whether a corpus has all the annotations that a task reads, on pairs of sentences or on single ones."""
    return pairs == holds_pairs(dataset) and all(column in dataset.column_names for column in columns)


def _subwords(found: Mapping[str, Any], prefix: str = "") -> list[Subwords]:
    """Return the subwords in some rows of what was tokenized once."""
    fields = [found[prefix + field] for field in ("ids", "lengths", "cases") if prefix + field in found]
    return [Subwords(*sentence) for sentence in zip(*fields, strict=True)]


def _present(dataset: datasets.Dataset, columns: Sequence[str]) -> list[str]:
    return [c for c in (*columns, *PLACE) if c in dataset.column_names]


def _encode(dataset: datasets.Dataset, encoder: SubwordEncoder) -> datasets.Dataset:
    """Tokenize all sentences once; what was tokenized before is read from the cache of ``datasets``."""
    tokenizer: str = encoder.tokenizer.backend_tokenizer.to_str()
    identity = f"{dataset._fingerprint}\0{tokenizer}\0{encoder.most_subwords}\0{encoder.letter_case}"

    sentences = ["words", SECOND] if holds_pairs(dataset) else ["words"]

    def encode(rows: Mapping[str, list[list[str]]]) -> dict[str, list[list[int]]]:
        found: dict[str, list[list[int]]] = {}
        for column in sentences:
            subwords = encoder.encode(rows[column])
            prefix = "" if column == "words" else f"{column}_"
            fields = ("ids", "lengths", "cases") if encoder.letter_case else ("ids", "lengths")
            found |= {f"{prefix}{field}": [getattr(s, field) for s in subwords] for field in fields}
        return found

    return dataset.select_columns(sentences).map(
        encode,
        batched=True,
        remove_columns=sentences,
        new_fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
        desc="subwords",
    )
