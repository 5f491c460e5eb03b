"""The losses whose affinity is measured: of a model, on batches of each corpus, which training does not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hiernlp.encoding.batches import plan_batches
from hiernlp.insight.affinity import Measurement, measure
from hiernlp.insight.affinity_steps import Lookahead
from hiernlp.model import HierarchicalModel
from hiernlp.training.data import BatchBuilder, TrainingBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 7919
"""Beside the recipe's seed, so that batches for measuring are not those of training."""
OTHERS = "between"
"""Stands for shared parameters that belong to no layer of an encoder, such as units that mix several."""


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
        with _undisturbed(self.model, device):
            batches = [batch.to(device) for batch in self._batches()]
            counts = _counts(batches)
            if not any(counts.values()):
                return None
            return measure(lambda: self.losses(batches, counts), layers, lookahead=self.lookahead, step=step)

    def losses(self, batches: Sequence[TrainingBatch], counts: Mapping[str, float]) -> dict[str, Tensor]:
        """Return each task's loss, the mean over its targets in the batches; tasks without a target are left out."""
        sums: dict[str, Tensor] = {}
        for batch in batches:
            tasks = tuple(task for task in batch.targets if counts[task])
            if not tasks:
                continue
            # Not by calling the model, whose call may be wrapped to train in another number format.
            found = HierarchicalModel.forward(
                self.model, batch.words, tasks=tasks, targets=batch.targets, views=batch.views
            )
            for task, loss in found.items():
                sums[task] = sums[task] + loss if task in sums else loss
        return {task: sums[task] / counts[task] for task in self.model.tasks if task in sums}

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


def shared_layers(model: HierarchicalModel) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that tasks share, by the layer's number: "0" for the embeddings, then "1" and so on."""
    found: dict[str, list[nn.Parameter]] = {}
    for encoder in model.scheme.encoders:
        for layer, parameters in enumerate(encoder.parameters_by_layer()):
            found.setdefault(str(layer), []).extend(parameters)
    if model.case_embedding is not None:
        found["0"].append(model.case_embedding)
    known = {id(p) for parameters in found.values() for p in parameters}
    rest = [p for p in model.scheme.parameters() if id(p) not in known]
    return found | ({OTHERS: rest} if rest else {})


def _counts(batches: Sequence[TrainingBatch]) -> dict[str, float]:
    counts: dict[str, float] = {}
    for batch in batches:
        for task, targets in batch.targets.items():
            counts[task] = counts.get(task, 0.0) + targets.count
    return counts


@contextmanager
def _undisturbed(model: HierarchicalModel, device: torch.device) -> Iterator[None]:
    """Put a model in evaluation mode; restore each module's mode and the state of all random numbers."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
