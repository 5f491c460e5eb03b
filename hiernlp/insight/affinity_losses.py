"""The losses whose affinity is measured: of a model, on batches of each corpus, which training does not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from hiernlp.encoding.batches import plan_batches
from hiernlp.insight.affinity import Measurement, measure
from hiernlp.insight.affinity_steps import Lookahead
from hiernlp.model import HierarchicalModel
from hiernlp.training.data import BatchBuilder, TrainingBatch
from hiernlp.training.measuring import mean_losses, shared_layers, target_counts, undisturbed

SEED = 7919
"""Beside the recipe's seed, so that batches for measuring are not those of training."""


class AffinityMeter:
    """Measures the affinity of a model's tasks while it is trained.

    A measurement takes one batch of every corpus, drawn from the training data in an order of its own. A task's loss is
    the mean over its targets in the batches of all corpora that annotate it: the step for i follows the gradient of
    i's loss on its corpora's batches, and then the loss of j is computed on the batches of j's corpora, which are the
    same ones where i and j are annotated together. Tasks that read pairs of sentences have batches of pairs.

    Losses are not weighted, in evaluation mode and in float32 whatever number format training uses. Shared are the
    parameters of the sharing scheme and the embedding of letter case; heads and label embeddings are not.

    Args:
        model: the model that is trained.
        builder: builds batches.
        budget: most subwords a batch, padding included.
        seed: seed of the batches.
        lookahead: from a task's gradients to its step.
    """

    def __init__(
        self, model: HierarchicalModel, builder: BatchBuilder, *, budget: int, seed: int, lookahead: Lookahead
    ) -> None:
        self.model = model
        self.builder = builder
        self.budget = budget
        self.seed = seed
        self.lookahead = lookahead
        self._waiting: dict[str, list[list[int]]] = {c: [] for c, split in builder.splits.items() if split.tasks}
        self._passes = dict.fromkeys(self._waiting, 0)

    def measure(self, step: int) -> Measurement | None:
        """Measure once; the model, its gradients and the random numbers of training stay as they were.

        Returns None where no shared parameter learns at this moment or no batch has a target.
        """
        layers = shared_layers(self.model)
        if not any(p.requires_grad for found in layers.values() for p in found):
            return None
        device = next(self.model.parameters()).device
        with undisturbed(self.model, device):
            batches = [batch.to(device) for batch in self._batches()]
            counts = target_counts(batches)
            if not any(counts.values()):
                return None
            return measure(lambda: self.losses(batches, counts), layers, lookahead=self.lookahead, step=step)

    def losses(self, batches: Sequence[TrainingBatch], counts: Mapping[str, float]) -> dict[str, Tensor]:
        """Return each task's loss, the mean over its targets in the batches; tasks without a target are left out."""
        return mean_losses(self.model, batches, counts)

    def _batches(self) -> list[TrainingBatch]:
        return [self.builder(corpus, self._next(corpus)) for corpus in self._waiting]

    def _next(self, corpus: str) -> list[int]:
        """Return the numbers of the next batch's sentences; the corpus begins anew, in another order, when used up."""
        waiting = self._waiting[corpus]
        if not waiting:
            sizes = self.builder.splits[corpus].sizes
            waiting += plan_batches(sizes, budget=self.budget, seed=SEED + self.seed, epoch=self._passes[corpus])
            self._passes[corpus] += 1
        return waiting.pop()
