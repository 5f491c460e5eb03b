"""How one task's step changes another task's loss, measured at one moment of training.

Source: task affinity groupings (TAG; Fifty et al. 2021, arXiv 2109.04617, section 3.1), and the cosine of the tasks'
gradients, which has its sign where steps are small and follow the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hiernlp.insight.affinity_steps import Gradients, Lookahead

Matrix = dict[str, dict[str, float | None]]
"""A figure by the task that acts, then by the task that is acted on; None where it is not defined."""

CHUNK = 2**20
"""Numbers of a gradient that are multiplied in float64 at a time."""


@dataclass(frozen=True)
class Measurement:
    """What was measured at one moment of training.

    Attributes:
        step: steps of training done before.
        losses: each task's loss, the mean over its targets.
        affinity: Z_{i->j} by i, then j; tasks whose loss is not a finite number are left out.
        cosine: the cosine of the gradients of i and j over the parameters that both reach.
        cosine_by_layer: the same over the parameters of one layer, by layer.
    """

    step: int
    losses: dict[str, float]
    affinity: Matrix
    cosine: Matrix
    cosine_by_layer: dict[str, Matrix]


def measure(
    losses: Callable[[], Mapping[str, Tensor]],
    layers: Mapping[str, Sequence[nn.Parameter]],
    *,
    lookahead: Lookahead,
    step: int = 0,
) -> Measurement:
    """Measure how a step for each task changes the losses of all, and leave the parameters as they were, bit for bit.

    With shared parameters s, other parameters o, and d_i what a step for the task i takes away from s,

        Z_{i->j} = 1 - L_j(s - d_i, o) / L_j(s, o)

    so that Z > 0 where the step for i makes the loss of j smaller. With a plain gradient step of length e it is, to
    first order, Z = e <g_i, g_j> / L_j. Heads and all else that is not shared stay as they are.

    Args:
        losses: computes each task's loss, a scalar, with the parameters as they are; it must be the same function
            whenever it is called, hence without dropout.
        layers: the shared parameters, by layer; those that do not require a gradient are left out.
        lookahead: from a task's gradients to its step (see :mod:`hiernlp.insight.affinity_steps`).
        step: steps of training done before, for the record.

    Returns:
        The matrices; a cosine is None where no parameter is reached by both tasks or a gradient is zero, an affinity
        where the loss acted on is zero.

    Example:
        >>> from hiernlp.insight.affinity_steps import gradient_step
        >>> x = nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> found = measure(lambda: {"a": x[0] ** 2, "b": -x[0] + 3}, {"0": [x]}, lookahead=gradient_step(0.1))
        >>> {i: {j: round(z, 3) for j, z in row.items()} for i, row in found.affinity.items()}
        {'a': {'a': 0.36, 'b': -0.1}, 'b': {'a': -0.21, 'b': 0.05}}
    """
    learning = {layer: [p for p in found if p.requires_grad] for layer, found in layers.items()}
    shared = [p for found in learning.values() for p in found]
    with torch.enable_grad():
        before = losses()
        gradients = {
            task: _gradients(loss, shared, keep=number < len(before) - 1)
            for number, (task, loss) in enumerate(before.items())
        }
    values = {task: float(loss.detach()) for task, loss in before.items()}
    del before
    values = {task: value for task, value in values.items() if math.isfinite(value)}
    names = list(values)
    after = _after_steps(losses, shared, {task: gradients[task] for task in names}, lookahead)
    affinity: Matrix = {i: {j: _made_smaller(values[j], after[i][j]) for j in names} for i in names}
    products = {layer: torch.zeros(len(names), len(names), 3, dtype=torch.float64) for layer in learning}
    at = 0
    for layer, found in learning.items():
        parts = {task: gradients[task][at : at + len(found)] for task in names}
        products[layer] = _products([parts[task] for task in names])
        at += len(found)
    whole = sum(products.values(), start=torch.zeros(len(names), len(names), 3, dtype=torch.float64))
    return Measurement(
        step=step,
        losses=values,
        affinity=affinity,
        cosine=_cosines(names, whole),
        cosine_by_layer={layer: _cosines(names, found) for layer, found in products.items()},
    )


def _made_smaller(before: float, after: float) -> float | None:
    """Return by which share of itself a loss became smaller; None where that is not a number."""
    found = 1 - after / before if before else math.nan
    return found if math.isfinite(found) else None


def _gradients(loss: Tensor, parameters: Sequence[nn.Parameter], *, keep: bool) -> list[Tensor | None]:
    if not loss.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(loss, parameters, retain_graph=keep, allow_unused=True))


@torch.no_grad()
def _after_steps(
    losses: Callable[[], Mapping[str, Tensor]],
    shared: Sequence[nn.Parameter],
    gradients: Mapping[str, Gradients],
    lookahead: Lookahead,
) -> dict[str, dict[str, float]]:
    """Return all tasks' losses after a step for each task; every step starts from the same parameters."""
    was = [p.detach().clone() for p in shared]
    found: dict[str, dict[str, float]] = {}
    for task, own in gradients.items():
        away = lookahead(shared, own)
        moved = [(p, old, d) for p, old, d in zip(shared, was, away, strict=True) if d is not None]
        try:
            for p, _, d in moved:
                p.sub_(d)
            now = losses()
        finally:
            for p, old, _ in moved:
                p.copy_(old)
        found[task] = {other: float(loss) for other, loss in now.items()}
    return found


def _products(gradients: Sequence[Gradients]) -> Tensor:
    """Return <g_i, g_j>, |g_i|^2 and |g_j|^2 over the parameters that both tasks reach, shape (tasks, tasks, 3)."""
    size = len(gradients)
    found = torch.zeros(size, size, 3, dtype=torch.float64)
    for parts in zip(*gradients, strict=True):
        reached = [i for i, g in enumerate(parts) if g is not None]
        if not reached:
            continue
        flat = [g.flatten() for g in parts if g is not None]
        inner = torch.zeros(len(flat), len(flat), dtype=torch.float64)
        for pieces in zip(*(g.split(CHUNK) for g in flat), strict=True):
            piece = torch.stack(pieces).double()
            inner += (piece @ piece.T).cpu()
        squares = inner.diagonal()
        for a, i in enumerate(reached):
            for b, j in enumerate(reached):
                found[i, j] += torch.stack([inner[a, b], squares[a], squares[b]])
    return found


def _cosines(names: Sequence[str], products: Tensor) -> Matrix:
    rows: Matrix = {}
    for i, row in zip(names, products.tolist(), strict=True):
        rows[i] = {
            j: max(-1.0, min(1.0, inner / (one * other) ** 0.5)) if 0 < one * other < math.inf else None
            for j, (inner, one, other) in zip(names, row, strict=True)
        }
    return rows
