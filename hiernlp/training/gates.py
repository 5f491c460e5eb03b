"""The gates of a run's helpers: what they measure, and when."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from hiernlp.encoding.batches import plan_batches
from hiernlp.gating._base import Gate
from hiernlp.model import HierarchicalModel
from hiernlp.modules import HeldBack
from hiernlp.training.data import BatchBuilder, TrainingBatch
from hiernlp.training.measuring import OTHERS, mean_losses, shared_layers, target_counts, undisturbed

SEED = 6007
"""Beside the run's seed, so that batches for measuring come in an order of their own."""

ALL = ""
"""Stands for all layers, in place of a layer, where a helper has one gate."""

Gradients = Sequence[Tensor | None]
"""A gradient for each shared parameter; None where a loss does not reach it."""


class Gates:
    """Sets how far each helper's gate is open, by the cosine of its gradient with that of the main tasks.

    A measurement takes a batch of every corpus that trains the helper or a main task. Compared are the gradients of the
    helper's loss and of the main tasks' weighted losses with respect to the shared parameters that both reach, in
    evaluation mode. The batches depend on the seed and the step alone: the same on all processes and after a resume.

    Of a helper with a gate for each layer, a layer's gate looks at the gradients of that layer's parameters alone.
    While these gates differ, the gradient that the helper sends down is held back in the backward pass of the step's
    loss and run down by itself afterwards; of what it gives the parameters of layer l, the share g_l is added to what
    the other tasks gave them. What belongs to tasks that feed the encoder below the helper counts to the layers that
    these read. Where the gates are alike they are one gate for all that is shared, which takes no run of its own.

    Args:
        model: the model that is trained.
        gates: the gate of each helper that has one; for ``per: layer``, what each layer's begins as.
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
        self.parameters = {
            task: _below(model, task) if gate.options.per == "layer" else {} for task, gate in gates.items()
        }
        """For each helper with a gate a layer, the parameters that each of them concerns."""
        self.gates = {
            task: {layer: deepcopy(gate) for layer in self.parameters[task]} or {ALL: gate}
            for task, gate in gates.items()
        }
        self._passed: dict[nn.Parameter, Tensor] = {}
        self.weights = dict(weights)
        self.builders = {"train": train, "dev": dev}
        self.budget = budget
        self.seed = seed
        self._plan = cache(self._planned)
        self._show()

    @property
    def values(self) -> dict[str, float]:
        """How far each gate is open, by ``task`` or ``task/layer``."""
        return {
            task if layer == ALL else f"{task}/{layer}": gate.value
            for task, gates in self.gates.items()
            for layer, gate in gates.items()
        }

    def measure(self, step: int, *, ended: Collection[str] = ()) -> None:
        """Measure for the gates whose turn it is at a step, and open or shut them.

        Args:
            step: its number, counted from 0.
            ended: helpers that are no longer trained.
        """
        options = {task: next(iter(gates.values())).options for task, gates in self.gates.items()}
        due = [task for task in self.gates if step % options[task].every == 0 and task not in ended]
        places = [(layer, p) for layer, found in shared_layers(self.model).items() for p in found if p.requires_grad]
        if not due or not places:
            return
        layers, parameters = [layer for layer, _ in places], [p for _, p in places]
        device = parameters[0].device
        with undisturbed(self.model, device):
            main: dict[tuple[str, int], Gradients | None] = {}
            for task in due:
                split = next(iter(self.gates[task].values())).compares_with
                number = step // options[task].every
                key = (split, number)
                if key not in main:
                    losses = self._losses(split, list(self.weights), number, device)
                    main[key] = _gradients([self.weights[t] * loss for t, loss in losses.items()], parameters)
                theirs = main[key]
                mine = _gradients(list(self._losses("train", [task], number, device).values()), parameters)
                if mine is None or theirs is None:
                    continue
                for layer, gate in self.gates[task].items():
                    here = [i for i, other in enumerate(layers) if layer in (ALL, other)]
                    found = cosine([mine[i] for i in here], [theirs[i] for i in here])
                    # A layer that only one of them reaches, or that is frozen, tells nothing.
                    if layer == ALL or found is not None:
                        gate.observe(found or 0.0)
        self._show()

    def let_through(self, accelerator: Accelerator) -> None:
        """After a backward pass whose graph was retained: run down what was held back, and add each layer's share.

        It is added to the parameters' gradients or, of several processes, kept until the end of the step.
        """
        alone = accelerator.num_processes == 1
        for task, held in self.model.held_back.items():
            shares = {
                p: gate.value
                for layer, gate in self.gates[task].items()
                for p in self.parameters[task][layer]
                if p.requires_grad and gate.value
            }
            for (p, share), gradient in zip(shares.items(), held.let_through(list(shares)), strict=True):
                if gradient is None:
                    continue
                before = p.grad if alone else self._passed.get(p)
                after = share * gradient if before is None else before.add_(gradient, alpha=share)
                if alone:
                    p.grad = after
                else:
                    self._passed[p] = after

    def end_step(self, accelerator: Accelerator) -> None:
        """Add the mean over several processes of what was let through in a step to the parameters' gradients."""
        passed, self._passed = self._passed, {}
        if accelerator.num_processes == 1:
            return
        # All processes ask for the same parameters in the same order, whatever their batches reached.
        every = [p for task in self.model.held_back for found in self.parameters[task].values() for p in found]
        for p in dict.fromkeys(every):
            if p.requires_grad:
                mine = passed.get(p, torch.zeros_like(p))
                mean: Tensor = accelerator.reduce(mine, "mean")  # pyright: ignore[reportAssignmentType]
                p.grad = mean if p.grad is None else p.grad.add_(mean)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {
            task: gates[ALL].state_dict() if ALL in gates else {layer: g.state_dict() for layer, g in gates.items()}
            for task, gates in self.gates.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for task, gates in self.gates.items():
            for layer, gate in gates.items():
                gate.load_state_dict(state[task] if layer == ALL else state[task][layer])
        self._show()

    def _show(self) -> None:
        for task, gates in self.gates.items():
            values = {gate.value for gate in gates.values()}
            if len(values) == 1:
                self.model.gates[task] = values.pop()
                self.model.held_back.pop(task, None)
            else:
                self.model.gates.pop(task, None)
                self.model.held_back.setdefault(task, HeldBack())

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


def cosine(mine: Gradients, theirs: Gradients) -> float | None:
    """Return the cosine of two gradients over the parameters that both reach, None if there is none; 0 where one is 0.

    Example:
        >>> cosine([torch.ones(2), None], [torch.tensor([1.0, 0.0]), torch.ones(3)])  # doctest: +ELLIPSIS
        0.707...
    """
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    products = torch.stack([torch.stack([(a * b).sum(), (a * a).sum(), (b * b).sum()]).double() for a, b in pairs])
    product, own, other = products.sum(0).tolist()
    return product / (own * other) ** 0.5 if own > 0 and other > 0 else 0.0


def _below(model: HierarchicalModel, task: str) -> dict[str, list[nn.Parameter]]:
    """Return the parameters below a task that are not its own, by the layer whose gate concerns them."""
    high = model.places[task].high
    found = {layer: ps for layer, ps in shared_layers(model).items() if layer == OTHERS or int(layer) <= high}
    for layer, parameters in model.feeding_parameters(task).items():
        found[str(layer)].extend(parameters)
    return found


def _gradients(losses: Sequence[Tensor], parameters: Sequence[torch.nn.Parameter]) -> Gradients | None:
    """Return the gradient of a sum of losses; None where there is none to sum."""
    reaching = [loss for loss in losses if loss.requires_grad]
    return torch.autograd.grad(torch.stack(reaching).sum(), parameters, allow_unused=True) if reaching else None
