"""Losses and gradients of a model in training, looked at without a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hiernlp.model import HierarchicalModel
from hiernlp.training.data import TrainingBatch

OTHERS = "between"
"""Stands for shared parameters that belong to no layer of an encoder, such as units that mix several."""


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


def target_counts(batches: Sequence[TrainingBatch]) -> dict[str, float]:
    """Return the number of targets of each task in some batches."""
    counts: dict[str, float] = {}
    for batch in batches:
        for task, targets in batch.targets.items():
            counts[task] = counts.get(task, 0.0) + targets.count
    return counts


def mean_losses(
    model: HierarchicalModel, batches: Sequence[TrainingBatch], counts: Mapping[str, float]
) -> dict[str, Tensor]:
    """Return each task's loss, the mean over its targets in the batches; tasks without a target are left out.

    Args:
        model: the model, whose number format is float32 here whatever training uses.
        batches: the batches.
        counts: what :func:`target_counts` says of them; tasks that are not there are left out, too.
    """
    sums: dict[str, Tensor] = {}
    for batch in batches:
        tasks = tuple(task for task in batch.targets if counts.get(task))
        if not tasks:
            continue
        # Not by calling the model, whose call may be wrapped to train in another number format.
        found = HierarchicalModel.forward(model, batch.words, tasks=tasks, targets=batch.targets, views=batch.views)
        for task, loss in found.items():
            sums[task] = sums[task] + loss if task in sums else loss
    return {task: sums[task] / counts[task] for task in model.tasks if task in sums}


@contextmanager
def undisturbed(model: HierarchicalModel, device: torch.device) -> Iterator[None]:
    """Put a model in evaluation mode with all gates open; restore them, each module's mode and all random numbers."""
    modes = [(module, module.training) for module in model.modules()]
    gates, held_back = dict(model.gates), dict(model.held_back)
    model.gates.clear()
    model.held_back.clear()
    model.eval()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        model.gates.update(gates)
        model.held_back.update(held_back)
        for module, mode in modes:
            module.training = mode
