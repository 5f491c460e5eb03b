"""Which corpus the next batch comes from, and which sentences it holds: a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiernlp.encoding.batches import plan_batches
from hiernlp.training.settings import SamplingSettings


@dataclass(frozen=True)
class Piece:
    """One batch to be built.

    Attributes:
        corpus: the corpus it comes from.
        indices: the numbers of its sentences.
        tasks: the tasks to train; None for all that the corpus annotates.
    """

    corpus: str
    indices: list[int]
    tasks: tuple[str, ...] | None = None


def probabilities(sizes: Sequence[float], settings: SamplingSettings, *, epoch: int, epochs: int) -> np.ndarray:
    """Return the share of each corpus in the draws of an epoch.

    ``temperature`` gives p_i ~ n_i^(1/temperature); ``annealed`` p_i ~ n_i^a with a = 1 - 0.8 e / (E - 1), e = 0 to
    E - 1, and a = 1 where E = 1 (Stickland and Murray 2019).

    Args:
        sizes: number of batches n_i of each corpus.
        settings: the scheme.
        epoch: epoch e, counted from 0.
        epochs: number of epochs E.
    """
    exponents = {
        "proportional": 1.0,
        "sequential": 1.0,
        "sqrt": 0.5,
        "temperature": 1.0 / settings.temperature,
        "annealed": 1.0 - 0.8 * epoch / (epochs - 1) if epochs > 1 else 1.0,
        "uniform": 0.0,
    }
    weights = np.asarray(sizes, dtype=np.float64) ** exponents[settings.scheme]
    return weights / weights.sum()


@dataclass(frozen=True)
class _Stream:
    """Batches of one corpus that train the same tasks; ``number`` tells streams of a corpus apart."""

    corpus: str
    tasks: tuple[str, ...] | None
    number: int


class EpochPlanner:
    """Plans the batches of an epoch.

    Args:
        sizes: number of subwords of each sentence of each corpus, special ones included.
        tasks: the tasks that each corpus trains, bottom-up; needed unless the order is mixed.
        order: all tasks, bottom-up; needed for the sequential order.
        repeats: how many times an epoch goes through a corpus, 1 where it does not say.
        settings: the sampling scheme.
        budget: most subwords a batch, padding included.
        seed: the seed.
        epochs: number of epochs.
        processes: number of training processes; they always train the same corpus at the same time.
        accumulation: batches a step and process.
    """

    def __init__(
        self,
        sizes: Mapping[str, Sequence[int]],
        *,
        settings: SamplingSettings,
        budget: int,
        seed: int,
        epochs: int,
        processes: int = 1,
        accumulation: int = 1,
        tasks: Mapping[str, Sequence[str]] | None = None,
        order: Sequence[str] = (),
        repeats: Mapping[str, int] | None = None,
    ) -> None:
        self.sizes = dict(sizes)
        self.tasks = {corpus: tuple(found) for corpus, found in (tasks or {}).items()}
        self.order = tuple(order)
        self.repeats = dict(repeats or {})
        self.settings = settings
        self.budget = budget
        self.seed = seed
        self.epochs = epochs
        self.processes = processes
        self.accumulation = accumulation

    def plan(self, epoch: int) -> list[list[list[Piece]]]:
        """Return the steps of an epoch, counted from 0: for each step its rounds, for each round a piece a process."""
        steps: list[list[list[Piece]]] = []
        for number, streams in enumerate(self._stages()):
            # No step has batches of two stages.
            rounds = self._rounds(epoch, streams, stage=number)
            steps += [rounds[at : at + self.accumulation] for at in range(0, len(rounds), self.accumulation)]
        return steps

    def _stages(self) -> list[list[_Stream]]:
        """Return the streams whose batches are mixed, stage by stage."""
        if self.settings.order == "mixed":
            return [[_Stream(corpus, None, 0) for corpus in self.sizes]]
        streams = [
            _Stream(corpus, (task,), number) for corpus in self.sizes for number, task in enumerate(self.tasks[corpus])
        ]
        if self.settings.order == "random":
            return [streams]
        stages = [[stream for stream in streams if stream.tasks == (task,)] for task in self.order]
        return [stage for stage in stages if stage]

    def _rounds(self, epoch: int, streams: list[_Stream], *, stage: int) -> list[list[Piece]]:
        batches = [self._batches(stream, epoch, 0) for stream in streams]
        amounts = [
            -(-len(found) // self.processes) * self.repeats.get(stream.corpus, 1)
            for stream, found in zip(streams, batches, strict=True)
        ]
        generator = np.random.default_rng([self.seed, epoch, 1, stage] if stage else [self.seed, epoch, 1])
        total = self.settings.batches_per_epoch or sum(amounts)
        if self.settings.scheme == "sequential":
            order = np.repeat(np.arange(len(streams)), amounts)[:total]
        elif self.settings.scheme == "proportional" and self.settings.batches_per_epoch is None:
            # Every batch exactly once, in random order, rather than drawn with replacement.
            order = generator.permutation(np.repeat(np.arange(len(streams)), amounts))
        else:
            shares = probabilities(amounts, self.settings, epoch=epoch, epochs=self.epochs)
            order = generator.choice(len(streams), size=total, p=shares)
        taken = [0] * len(streams)
        passes = [0] * len(streams)
        rounds: list[list[Piece]] = []
        for chosen in map(int, order):
            stream = streams[chosen]
            pieces: list[Piece] = []
            for _ in range(self.processes):
                if taken[chosen] == len(batches[chosen]):
                    passes[chosen] += 1
                    batches[chosen] = self._batches(stream, epoch, passes[chosen])
                    taken[chosen] = 0
                pieces.append(Piece(stream.corpus, batches[chosen][taken[chosen]], stream.tasks))
                taken[chosen] += 1
            rounds.append(pieces)
        return rounds

    def _batches(self, stream: _Stream, epoch: int, again: int) -> list[list[int]]:
        # Passes beyond the first within one epoch, and other streams of the corpus, take numbers that no epoch has.
        streams = 1 if stream.tasks is None else len(self.tasks[stream.corpus])
        number = epoch + (again * streams + stream.number) * (self.epochs + 1)
        return plan_batches(self.sizes[stream.corpus], budget=self.budget, seed=self.seed, epoch=number)
