"""How far a lookahead step goes: as the optimizer would go for one task's gradient, or along that gradient itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Gradients = Sequence[Tensor | None]
"""A gradient for each shared parameter; None where the loss does not reach it."""
Lookahead = Callable[[Sequence[nn.Parameter], Gradients], list[Tensor | None]]
"""Given parameters and one task's gradients, returns what a step takes away from each parameter."""


def gradient_step(rate: float) -> Lookahead:
    """Return plain gradient steps of a length: what is taken away is ``rate`` * gradient."""

    def displacements(_: Sequence[nn.Parameter], gradients: Gradients) -> list[Tensor | None]:
        return [None if g is None else rate * g for g in gradients]

    return displacements


def optimizer_step(optimizer: torch.optim.AdamW, *, clip: float | None = None) -> Lookahead:
    """Return the steps that AdamW would take at this moment if a batch trained one task alone.

    With the learning rate r of a parameter's group, second moments v after t steps, and the task's gradient g (Kingma
    and Ba 2015, algorithm 1), what is taken away is

        r g / (sqrt(v') + eps),  v' = (b2 v + (1 - b2) g^2) / (1 - b2^(t + 1))

    that is AdamW's update without its momentum and weight decay, which are the same whatever task is looked at. The
    optimizer itself is not changed.

    Args:
        optimizer: the optimizer that trains the model; its learning rates are those of the moment.
        clip: largest norm of the task's gradient over all shared parameters; longer ones are scaled down.
    """
    groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}

    @torch.no_grad()
    def displacements(parameters: Sequence[nn.Parameter], gradients: Gradients) -> list[Tensor | None]:
        scale = 1.0
        if clip is not None:
            norms = [torch.linalg.vector_norm(g) for g in gradients if g is not None]
            norm = float(torch.linalg.vector_norm(torch.stack(norms))) if norms else 0.0
            scale = min(1.0, clip / norm) if norm else 1.0
        found: list[Tensor | None] = []
        for parameter, gradient in zip(parameters, gradients, strict=True):
            if gradient is None:
                found.append(None)
                continue
            group, state = groups[id(parameter)], optimizer.state.get(parameter, {})
            decay, g = group["betas"][1], scale * gradient
            second, steps = (1 - decay) * g**2, 0.0
            if state:
                second, steps = second + decay * state["exp_avg_sq"], float(state["step"])
            size = (second / (1 - decay ** (steps + 1))).sqrt() + group["eps"]
            found.append(group["lr"] * g / size)
        return found

    return displacements
