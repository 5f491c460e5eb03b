"""Successive regularisation (Hashimoto et al. 2017, section 3.2): a task in training leaves those below as they are.

While task k is trained, its objective has the term ``delta * ||theta - theta'||^2``: theta is all that the tasks below
it use, theta' its values when the turn of task k - 1 ended. While the lowest task is trained, theta is the embeddings,
and theta' their values when the highest task's turn ended in the epoch before; in the first epoch there is no such
term.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hiernlp.model import HierarchicalModel
from hiernlp.training.settings import SuccessiveSettings


class Successive:
    """Holds the parameters of lower tasks near a snapshot.

    Only parameters that the step moves are held: the term of one that has no gradient is a constant.

    Args:
        model: the model.
        settings: the weights of the term.
        order: the tasks in the order in which they are trained.
    """

    def __init__(self, model: HierarchicalModel, settings: SuccessiveSettings, *, order: Sequence[str]) -> None:
        self.model = model
        self.settings = settings
        self.order = tuple(order)
        self.stage: tuple[int, str] | None = None
        self._held: list[tuple[nn.Parameter, float]] = []
        self._snapshot: list[Tensor] = []

    def enter(self, epoch: int, task: str) -> None:
        """Note that a step of an epoch (counted from 0) trains a task; the first of a turn takes the snapshot."""
        if self.stage == (epoch, task):
            return
        self.stage = (epoch, task)
        self._held = self.held()
        self._snapshot = [parameter.detach().clone() for parameter, _ in self._held]

    def held(self) -> list[tuple[nn.Parameter, float]]:
        """Return the parameters that are held in the turn under way, each with its delta."""
        if self.stage is None:
            return []
        epoch, task = self.stage
        below = self.order[: self.order.index(task)]
        layers = [encoder.parameters_by_layer() for encoder in self.model.scheme.encoders]
        cased = [] if self.model.case_embedding is None else [self.model.case_embedding]
        embeddings = [p for groups in layers for p in groups[0]] + cased
        if not below:
            return [(p, self.settings.delta) for p in embeddings] if epoch else []
        depth = self.model.depth_of(self.model.needed(below, answers=False))
        shared = embeddings + [p for groups in layers for group in groups[1 : depth + 1] for p in group]
        own = [p for lower in self.model.needed(below, answers=False) for p in self.model.own_parameters(lower)]
        heads = [*own, *self.model.fed_parameters(below)]
        return [(p, self.settings.delta) for p in shared] + [(p, self.settings.head_delta) for p in heads]

    @torch.no_grad()
    def add_gradient(self) -> None:
        """Add the term's gradient, ``2 delta (theta - theta')``, to the gradients that there are."""
        for (parameter, delta), before in zip(self._held, self._snapshot, strict=True):
            if parameter.grad is not None and delta:
                parameter.grad.add_(parameter - before, alpha=2 * delta)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs to go on within a turn."""
        return {"stage": None if self.stage is None else list(self.stage), "snapshot": self._snapshot}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        stage = state["stage"]
        self.stage = None if stage is None else (int(stage[0]), str(stage[1]))
        self._held = self.held()
        self._snapshot = [
            saved.to(device=parameter.device)
            for saved, (parameter, _) in zip(state["snapshot"], self._held, strict=True)
        ]
