"""The gates of a run's helpers: what they measure, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiernlp.encoding.batches import plan_batches
from hiernlp.gating._base import Gate
from hiernlp.model import HierarchicalModel
from hiernlp.training.data import BatchBuilder, TrainingBatch
from hiernlp.training.measuring import mean_losses, shared_layers, target_counts, undisturbed

SEED = 6007
"""Beside the run's seed, so that batches for measuring come in an order of their own."""

Gradients = Sequence[Tensor | None]
"""A gradient for each shared parameter; None where a loss does not reach it."""


class Gates:
    """Sets how far each helper's gate is open, by the cosine of its gradient with that of the main tasks.

    A measurement takes a batch of every corpus that trains the helper or a main task. Compared are the gradients of the
    helper's loss and of the main tasks' weighted losses with respect to the shared parameters that both reach, in
    evaluation mode. The batches depend on the seed and the step alone: the same on all processes and after a resume.

    Args:
        model: the model that is trained.
        gates: the gate of each helper that has one.
        weights: the weight of each main task's loss.
        train: builds batches of training data.
        dev: builds batches of development data, for the gates that compare with those.
        budget: most subwords a batch, padding included.
        seed: seed of the batches.
    """

    def __init__(
        self,
        model: HierarchicalModel,
        gates: Mapping[str, Gate[Any]],
        *,
        weights: Mapping[str, float],
        train: BatchBuilder,
        dev: BatchBuilder,
        budget: int,
        seed: int,
    ) -> None:
        self.model = model
        self.gates = dict(gates)
        self.weights = dict(weights)
        self.builders = {"train": train, "dev": dev}
        self.budget = budget
        self.seed = seed
        self._plan = cache(self._planned)
        self._show()

    @property
    def values(self) -> dict[str, float]:
        """How far each gate is open."""
        return {task: gate.value for task, gate in self.gates.items()}

    def measure(self, step: int, *, ended: Collection[str] = ()) -> None:
        """Measure for the gates whose turn it is at a step, and open or shut them.

        Args:
            step: its number, counted from 0.
            ended: helpers that are no longer trained.
        """
        due = [t for t, gate in self.gates.items() if step % gate.options.every == 0 and t not in ended]
        parameters = [p for found in shared_layers(self.model).values() for p in found if p.requires_grad]
        if not due or not parameters:
            return
        device = parameters[0].device
        with undisturbed(self.model, device):
            main: dict[tuple[str, int], Gradients | None] = {}
            for task in due:
                gate = self.gates[task]
                number = step // gate.options.every
                key = (gate.compares_with, number)
                if key not in main:
                    losses = self._losses(gate.compares_with, list(self.weights), number, device)
                    main[key] = _gradients([self.weights[t] * loss for t, loss in losses.items()], parameters)
                theirs = main[key]
                mine = _gradients(list(self._losses("train", [task], number, device).values()), parameters)
                if mine is not None and theirs is not None:
                    gate.observe(cosine(mine, theirs))
        self._show()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {task: gate.state_dict() for task, gate in self.gates.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for task, gate in self.gates.items():
            gate.load_state_dict(state[task])
        self._show()

    def _show(self) -> None:
        self.model.gates.update(self.values)

    def _losses(self, split: str, tasks: Sequence[str], number: int, device: torch.device) -> dict[str, Tensor]:
        batches = [batch.to(device) for batch in self._batches(split, tasks, number)]
        return mean_losses(self.model, batches, target_counts(batches))

    def _batches(self, split: str, tasks: Sequence[str], number: int) -> Iterator[TrainingBatch]:
        builder = self.builders[split]
        for corpus, found in builder.splits.items():
            here = [task for task in found.tasks if task in tasks]
            if here:
                batches = self._plan(split, corpus)
                turn, place = divmod(number, len(batches))
                order = np.random.default_rng([SEED, self.seed, turn]).permutation(len(batches))
                yield builder(corpus, batches[order[place]], tasks=here)

    def _planned(self, split: str, corpus: str) -> list[list[int]]:
        return plan_batches(self.builders[split].splits[corpus].sizes, budget=self.budget, seed=SEED + self.seed)


def cosine(mine: Gradients, theirs: Gradients) -> float:
    """Return the cosine of two gradients over the parameters that both reach; 0 where there is none, or one is 0.

    Example:
        >>> cosine([torch.ones(2), None], [torch.tensor([1.0, 0.0]), torch.ones(3)])  # doctest: +ELLIPSIS
        0.707...
    """
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
    if not pairs:
        return 0.0
    products = torch.stack([torch.stack([(a * b).sum(), (a * a).sum(), (b * b).sum()]).double() for a, b in pairs])
    product, own, other = products.sum(0).tolist()
    return product / (own * other) ** 0.5 if own > 0 and other > 0 else 0.0


def _gradients(losses: Sequence[Tensor], parameters: Sequence[torch.nn.Parameter]) -> Gradients | None:
    """Return the gradient of a sum of losses; None where there is none to sum."""
    reaching = [loss for loss in losses if loss.requires_grad]
    return torch.autograd.grad(torch.stack(reaching).sum(), parameters, allow_unused=True) if reaching else None
