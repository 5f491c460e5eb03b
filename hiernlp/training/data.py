"""Corpora to training batches: subwords once, targets of every task that the corpus annotates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hiernlp.encoding.collate import WordBatch, collate
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder, Subwords
from hiernlp.kinds._base import Kind, Row, Targets

if TYPE_CHECKING:
    import datasets
    import torch

PLACE = ("file", "line")
"""Columns that messages about a row name."""


@dataclass(frozen=True)
class TrainingBatch:
    """One batch of one corpus with the targets of every task that the corpus annotates.

    Attributes:
        words: the sentences.
        targets: by task.
    """

    words: WordBatch
    targets: dict[str, Targets]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> TrainingBatch:
        """Return the batch on a device."""
        targets = {
            task: replace(t, tensors={k: v.to(device, non_blocking=non_blocking) for k, v in t.tensors.items()})
            for task, t in self.targets.items()
        }
        return TrainingBatch(self.words.to(device, non_blocking=non_blocking), targets)

    def pin_memory(self) -> TrainingBatch:
        """Return the batch in page-locked memory."""
        targets = {
            task: replace(t, tensors={k: v.pin_memory() for k, v in t.tensors.items()})
            for task, t in self.targets.items()
        }
        return TrainingBatch(self.words.pin_memory(), targets)


class EncodedSplit:
    """One split of one corpus as subwords, memory-mapped.

    Args:
        dataset: rows in the annotation schema.
        encoder: the subword encoder.
        tasks: the tasks that the split annotates.
    """

    def __init__(self, dataset: datasets.Dataset, *, encoder: SubwordEncoder, tasks: Sequence[str]) -> None:
        self.dataset = dataset
        self.tasks = tuple(tasks)
        self._subwords = _encode(dataset, encoder)

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def sizes(self) -> list[int]:
        """Number of subwords of each sentence, special ones left out."""
        lengths = self._subwords.data.column("ids").combine_chunks()
        if self._subwords._indices is not None:
            return [len(ids) for ids in self._subwords["ids"]]
        return np.asarray(lengths.value_lengths()).tolist()

    def subwords(self, indices: Sequence[int]) -> list[Subwords]:
        """Return the subwords of some sentences."""
        found = self._subwords[list(indices)]
        return [Subwords(ids, lengths) for ids, lengths in zip(found["ids"], found["lengths"], strict=True)]

    def words(self, indices: Sequence[int]) -> list[list[str]]:
        """Return the words of some sentences."""
        return self.dataset.select_columns(["words"])[list(indices)]["words"]

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
    """

    splits: Mapping[str, EncodedSplit]
    heads: Mapping[str, Kind[Any, Any]]
    encoder: SubwordEncoder
    encoding: EncodingSettings

    def __call__(self, corpus: str, indices: Sequence[int]) -> TrainingBatch:
        """Return the batch of some sentences of one corpus."""
        split = self.splits[corpus]
        words = collate(
            split.subwords(indices),
            self.encoder,
            mean=self.encoding.subword == "mean",
            pad_to_multiple=self.encoding.pad_to_multiple,
        )
        columns = {"words"}.union(*(type(self.heads[t]).columns(self.heads[t].options) for t in split.tasks))
        rows = list(split.rows(indices, columns=sorted(columns)))
        size = int(words.word_mask.shape[1])
        targets = {
            task: self.heads[task].collate([self.heads[task].targets(row) for row in rows], size)
            for task in split.tasks
        }
        return TrainingBatch(words, targets)


def annotates(dataset: datasets.Dataset, columns: Sequence[str]) -> bool:
    """Tell whether a corpus has all the annotations that a task reads."""
    return all(column in dataset.column_names for column in columns)


def _present(dataset: datasets.Dataset, columns: Sequence[str]) -> list[str]:
    return [c for c in (*columns, *PLACE) if c in dataset.column_names]


def _encode(dataset: datasets.Dataset, encoder: SubwordEncoder) -> datasets.Dataset:
    """Tokenize all sentences once; what was tokenized before is read from the cache of ``datasets``."""
    tokenizer: str = encoder.tokenizer.backend_tokenizer.to_str()
    identity = f"{dataset._fingerprint}\0{tokenizer}\0{encoder.most_subwords}"

    def encode(rows: Mapping[str, list[list[str]]]) -> dict[str, list[list[int]]]:
        subwords = encoder.encode(rows["words"])
        return {"ids": [s.ids for s in subwords], "lengths": [s.lengths for s in subwords]}

    return dataset.select_columns(["words"]).map(
        encode,
        batched=True,
        remove_columns=["words"],
        new_fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
        desc="subwords",
    )
