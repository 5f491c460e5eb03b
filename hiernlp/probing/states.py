"""The words' states in all layers, computed once and kept in a memory-mapped file.

Letters: T words of all sentences one after the other, B rows of a batch, N words (padded), L layers, H hidden size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiernlp.encoding.collate import WordBatch
from hiernlp.errors import HierNLPError
from hiernlp.files import replaced_file
from hiernlp.model import HierarchicalModel

INDEX = ".index.npz"


@dataclass(frozen=True)
class LaidOut:
    """Some rows of words, laid out for the encoder.

    Attributes:
        batch: the words.
        rows: which of the rows at hand each row of the batch is.
    """

    batch: WordBatch
    rows: Sequence[int]


class States:
    """The cached states of rows of words, in the rows' order.

    Nothing is read into memory but what :meth:`batch` returns.

    Args:
        file: where :func:`cache_states` has put them.
        layers: number of layers with the embeddings, L + 1.
        size: width H of a state.
        precision: ``float16`` or ``float32``.
    """

    def __init__(self, file: Path, *, layers: int, size: int, precision: str) -> None:
        self.file = file
        with np.load(_index_of(file)) as index:
            self.starts: np.ndarray = index["starts"]
            self._seconds: np.ndarray = index["seconds"]
        self._shape = (int(self.starts[-1]), layers, size)
        self._kind = np.dtype(precision)

    @cached_property
    def values(self) -> np.ndarray:
        """All states, memory-mapped, shape (T, L + 1, H)."""
        return np.memmap(self.file, dtype=self._kind, mode="r", shape=self._shape)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def length(self, row: int) -> int:
        """Return the number of words of a row."""
        return int(self.starts[row + 1] - self.starts[row])

    def second_from(self, row: int) -> int | None:
        """Return the number of the first word of a row's second sentence, where two are joined."""
        return int(self._seconds[row]) if len(self._seconds) else None

    def row(self, row: int) -> np.ndarray:
        """Return the states of one row, shape (N, L + 1, H)."""
        return self.values[self.starts[row] : self.starts[row + 1]]


@dataclass(frozen=True)
class StateBatch:
    """Some rows' states.

    Attributes:
        states: float32, shape (B, N, L + 1, H); zero in the padding.
        mask: true where there is a word, shape (B, N).
    """

    states: Tensor
    mask: Tensor

    @classmethod
    def of(cls, rows: Sequence[np.ndarray], *, device: torch.device | str = "cpu") -> StateBatch:
        """Pad rows of states (N, L + 1, H) to a batch."""
        lengths = np.array([len(row) for row in rows])
        padded = np.zeros((len(rows), lengths.max(), *rows[0].shape[1:]), dtype=rows[0].dtype)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = row
        mask = torch.from_numpy(np.arange(lengths.max()) < lengths[:, None])
        return cls(torch.from_numpy(padded).to(device).float(), mask.to(device))


def is_cached(file: Path) -> bool:
    """Tell whether states lie here, whole."""
    return file.is_file() and _index_of(file).is_file()


def cache_states(
    model: HierarchicalModel, chunks: Iterable[Sequence[LaidOut]], file: Path, *, precision: str = "float16"
) -> States:
    """Run all layers of a model over rows of words, once, and write the words' states of every layer to a file.

    The model is run in evaluation mode and without gradients, and nothing in it changes. What was written is complete
    or not there at all. Memory holds the states of one chunk.

    Args:
        model: the model; what a state is, is what a head placed on that layer reads.
        chunks: rows, a few hundred at a time, each chunk in batches that together hold its rows 0, 1, ... once.
        file: where to.
        precision: ``float16`` or ``float32``.

    Raises:
        HierNLPError: a state is too large for float16, or the tasks of the model read several encoders.
    """
    device = next(model.parameters()).device
    layers, size = model.scheme.depth + 1, model.scheme.hidden_size
    starts, seconds = [0], []
    was_training = model.training
    model.eval()
    try:
        with replaced_file(file) as new, new.open("wb") as sink, torch.inference_mode():
            for chunk in chunks:
                rows: dict[int, np.ndarray] = {}
                of_second: dict[int, int] = {}
                for part in chunk:
                    values = _states(model, part.batch.to(device), layers=layers, size=size, precision=precision)
                    for row, states, length in zip(part.rows, values, part.batch.lengths, strict=True):
                        rows[row] = states[:length]
                    if part.batch.of_second is not None:
                        counts = part.batch.of_second.sum(1).tolist()
                        of_second |= dict(zip(part.rows, counts, strict=True))
                for row in range(len(rows)):
                    sink.write(np.ascontiguousarray(rows[row]).tobytes())
                    starts.append(starts[-1] + len(rows[row]))
                    seconds += [len(rows[row]) - of_second[row]] if of_second else []
    finally:
        model.train(was_training)
    with replaced_file(_index_of(file)) as new, new.open("wb") as sink:
        np.savez(sink, starts=np.array(starts, dtype=np.int64), seconds=np.array(seconds, dtype=np.int64))
    return States(file, layers=layers, size=size, precision=precision)


def _states(model: HierarchicalModel, batch: WordBatch, *, layers: int, size: int, precision: str) -> np.ndarray:
    """Return the states of a batch's words, shape (B, N, L + 1, H)."""
    kind = torch.float16 if precision == "float16" else torch.float32
    found = torch.empty((*batch.word_mask.shape, layers, size), dtype=kind)
    seen: set[int] = set()

    def see(layer: int, words: Tensor) -> None:
        if layer in seen:
            raise HierNLPError(
                "sharing.scheme: the probe reads the layers of one encoder, which `hard` sharing has, but the tasks "
                "of this model read several; probe the recipe instead, whose encoder is not yet trained"
            )
        seen.add(layer)
        found[:, :, layer] = words.to(kind)

    model.show_layers(batch, visit=see)
    if kind == torch.float16 and not bool(found.isfinite().all()):
        raise HierNLPError("probe.precision: some states of this encoder are too large for float16; set it to float32")
    return found.numpy()


def _index_of(file: Path) -> Path:
    return file.with_name(file.name + INDEX)
