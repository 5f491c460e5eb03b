"""Cutting development and test data from training data, and thinning what is left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from hiernlp.errors import DataError
from hiernlp.settings import Settings

if TYPE_CHECKING:
    import datasets


class Split(Settings):
    """Shares of the training data that are held out, and how much of the rest is trained on."""

    dev: float = Field(default=0.0, ge=0, lt=1)
    """Share of the sentences for development."""
    test: float = Field(default=0.0, ge=0, lt=1)
    """Share of the sentences for the test."""
    train: float = Field(default=1.0, gt=0, le=1)
    """Train on this share of the sentences that are left, for quick trials and learning curves: drawn by the seed, in
    their order, and with one seed a smaller share is part of a larger."""
    seed: int = 1
    """Another seed gives another choice."""
    by: Literal["document", "sentence", "end", "auto"] = "auto"
    """Hold out whole documents or single sentences, by the seed; ``auto``: documents if any are marked. ``end``: the
    last sentences as they stand, those for the test after those for development."""

    @model_validator(mode="after")
    def _leaves_training_data(self) -> Split:
        if self.dev + self.test >= 1:
            raise ValueError(f"dev and test together must be less than 1, found {self.dev + self.test:g}")
        return self


def cut(dataset: datasets.Dataset, split: Split) -> dict[str, datasets.Dataset]:
    """Return ``train`` and, where their share is not 0, ``dev`` and ``test``, each in the order of ``dataset``.

    ``split.train`` has no say here; see :func:`thin`.

    Units (documents; a sentence that belongs to none is a unit of its own) are put in an order that depends on nothing
    but the seed and their name, then each share takes the next ones until one more would miss it by more than it does
    now. A share that is not 0 gets at least one unit, and so does what is left to train on.

    Raises:
        DataError: there are too few units, or documents are asked for and none is marked.
    """
    wanted = {name: share for name, share in (("dev", split.dev), ("test", split.test)) if share}
    if not wanted:
        return {"train": dataset}
    if split.by == "end":
        return _from_the_end(dataset, wanted)
    units = _units(dataset, split)
    if len(units) < len(wanted) + 1:
        what = "sentences" if split.by == "sentence" else "documents"
        raise DataError(
            f"expected at least {len(wanted) + 1} {what} to cut {' and '.join(wanted)} from, found {len(units)}; give "
            "files of their own, or set the split's option `by: sentence`"
        )
    order = sorted(units, key=lambda name: hashlib.sha256(f"{split.seed}\0{name}".encode()).digest())
    total = len(dataset)
    chosen: dict[str, list[int]] = {}
    at = 0
    for later, (name, share) in zip(reversed(range(len(wanted))), wanted.items(), strict=True):
        most = len(order) - 1 - later  # leaves a unit for every later share and for training
        rows: list[int] = []
        target = share * total
        while at < most and (not rows or abs(len(rows) + len(units[order[at]]) - target) < abs(len(rows) - target)):
            rows += units[order[at]]
            at += 1
        chosen[name] = sorted(rows)
    held_out = {i for rows in chosen.values() for i in rows}
    splits = {"train": dataset.select([i for i in range(total) if i not in held_out])}
    return splits | {name: dataset.select(rows) for name, rows in chosen.items()}


def thin(dataset: datasets.Dataset, split: Split) -> datasets.Dataset:
    """Return the share ``split.train`` of the sentences, at least one, in the order of ``dataset``."""
    if split.train == 1:
        return dataset
    order = np.random.default_rng([split.seed, len(dataset)]).permutation(len(dataset))
    return dataset.select(np.sort(order[: max(1, round(split.train * len(dataset)))]))


def _from_the_end(dataset: datasets.Dataset, wanted: Mapping[str, float]) -> dict[str, datasets.Dataset]:
    total = len(dataset)
    sizes = {name: max(1, round(share * total)) for name, share in wanted.items()}
    kept = total - sum(sizes.values())
    if kept < 1:
        raise DataError(f"expected at least {len(wanted) + 1} sentences to cut from the end, found {total}")
    splits = {"train": dataset.select(range(kept))}
    for name, size in sizes.items():
        splits[name] = dataset.select(range(kept, kept + size))
        kept += size
    return splits


def _units(dataset: datasets.Dataset, split: Split) -> dict[str, list[int]]:
    """Return the rows of every unit, by the unit's name."""
    documents: Sequence[str | None] = [None] * len(dataset)
    if split.by != "sentence":
        documents = list(dataset["document"])
        if split.by == "document" and not any(documents):
            raise DataError("no document is marked in the training data; set the split's option `by: sentence`")
    units: dict[str, list[int]] = {}
    for i, document in enumerate(documents):
        units.setdefault(f"sentence {i}" if document is None else f"document {document}", []).append(i)
    return units
