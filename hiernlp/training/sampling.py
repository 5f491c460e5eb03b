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


class EpochPlanner:
    """Plans the batches of an epoch.

    Args:
        sizes: number of subwords of each sentence of each corpus, special ones included.
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
    ) -> None:
        self.sizes = dict(sizes)
        self.settings = settings
        self.budget = budget
        self.seed = seed
        self.epochs = epochs
        self.processes = processes
        self.accumulation = accumulation

    def plan(self, epoch: int) -> list[list[list[Piece]]]:
        """Return the steps of an epoch, counted from 0: for each step its rounds, for each round a piece a process."""
        rounds = self._rounds(epoch)
        return [rounds[at : at + self.accumulation] for at in range(0, len(rounds), self.accumulation)]

    def _rounds(self, epoch: int) -> list[list[Piece]]:
        batches = {corpus: self._batches(corpus, epoch, 0) for corpus in self.sizes}
        amounts = [-(-len(found) // self.processes) for found in batches.values()]
        names = list(batches)
        generator = np.random.default_rng([self.seed, epoch, 1])
        total = self.settings.batches_per_epoch or sum(amounts)
        if self.settings.scheme == "sequential":
            order = np.repeat(np.arange(len(names)), amounts)[:total]
        elif self.settings.scheme == "proportional" and self.settings.batches_per_epoch is None:
            # Every batch exactly once, in random order, rather than drawn with replacement.
            order = generator.permutation(np.repeat(np.arange(len(names)), amounts))
        else:
            shares = probabilities(amounts, self.settings, epoch=epoch, epochs=self.epochs)
            order = generator.choice(len(names), size=total, p=shares)
        taken = dict.fromkeys(names, 0)
        passes = dict.fromkeys(names, 0)
        rounds: list[list[Piece]] = []
        for chosen in order:
            corpus = names[int(chosen)]
            pieces: list[Piece] = []
            for _ in range(self.processes):
                if taken[corpus] == len(batches[corpus]):
                    passes[corpus] += 1
                    batches[corpus] = self._batches(corpus, epoch, passes[corpus])
                    taken[corpus] = 0
                pieces.append(Piece(corpus, batches[corpus][taken[corpus]]))
                taken[corpus] += 1
            rounds.append(pieces)
        return rounds

    def _batches(self, corpus: str, epoch: int, again: int) -> list[list[int]]:
        # Passes beyond the first within one epoch take numbers that no epoch has.
        number = epoch + again * (self.epochs + 1)
        return plan_batches(self.sizes[corpus], budget=self.budget, seed=self.seed, epoch=number)
