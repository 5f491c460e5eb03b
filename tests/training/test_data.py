"""Corpora to batches: the targets of every task that a corpus annotates, beside the right words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from datasets import Dataset

from hiernlp.training.data import BatchBuilder, EncodedSplit, annotates


@pytest.fixture
def builder(make_run: Callable[..., Any]) -> BatchBuilder:
    return make_run().trainer.builder


def test_a_batch_has_the_tasks_that_its_corpus_annotates(builder: BatchBuilder) -> None:
    assert set(builder("ud", [0]).targets) == {
        "upos", "xpos", "lemmas", "feats", "entities", "dependencies", "type"
    }  # fmt: skip
    assert set(builder("talk", [0]).targets) == {"chunks", "mood", "length", "topics"}


def test_rows_and_words_keep_their_order(builder: BatchBuilder) -> None:
    chosen = [7, 2, 11]
    batch = builder("ud", chosen)
    rows = list(builder.splits["ud"].rows(chosen))
    assert batch.words.lengths == [len(row["words"]) for row in rows]
    space = builder.heads["upos"].labels["labels"]
    labels = batch.targets["upos"].tensors["labels"]
    for b, row in enumerate(rows):
        assert [space[i] for i in labels[b].tolist() if i >= 0] == row["upos"]
    assert [row["words"] for row in rows] == [builder.splits["ud"].dataset[i]["words"] for i in chosen]


def test_sizes_are_those_of_the_subwords(builder: BatchBuilder) -> None:
    split = builder.splits["ud"]
    assert split.sizes == [len(s.ids) + 2 for s in split.subwords(range(len(split)))]
    assert len(split) == 60


def test_a_subset_has_sizes_of_its_own(builder: BatchBuilder) -> None:
    whole = builder.splits["ud"]
    some = EncodedSplit(whole.dataset.select([5, 3, 9]), encoder=builder.encoder, tasks=["upos"])
    assert some.sizes == [whole.sizes[i] for i in (5, 3, 9)]
    assert some.subwords([1]) == whole.subwords([3])
    assert next(iter(some.rows([2], columns=["words"])))["words"] == whole.dataset[9]["words"]


def test_moving_a_batch(builder: BatchBuilder) -> None:
    batch = builder("talk", [0, 1])
    moved = batch.to("cpu")
    for task, targets in batch.targets.items():
        assert moved.targets[task].count == targets.count
        for name, value in targets.tensors.items():
            assert torch.equal(moved.targets[task].tensors[name].nan_to_num(), value.nan_to_num())


def test_annotates() -> None:
    dataset = Dataset.from_dict({"words": [["a"]], "head": [[0]]})
    assert annotates(dataset, ["head"])
    assert not annotates(dataset, ["head", "deprel"])
