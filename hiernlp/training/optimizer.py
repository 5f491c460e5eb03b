"""Parameter groups, learning rates over time, and which layers learn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn

from hiernlp.model import HierarchicalModel
from hiernlp.training.settings import TrainingSettings

PEAK = "peak"
"""Key of a group's highest learning rate."""


def build_optimizer(
    model: HierarchicalModel,
    settings: TrainingSettings,
    *,
    extra: Iterable[nn.Parameter] = (),
    rates: Mapping[str, float] | None = None,
) -> torch.optim.AdamW:
    """Return AdamW with the encoder's layers and the heads in groups of their own.

    The encoder's layer k of L has ``encoder_learning_rate * layer_decay ** (L - k)``; a task's own parameters have its
    learning rate, if it has one, and all else ``head_learning_rate``. Vectors and embeddings of labels and letter case
    have no weight decay.

    Args:
        model: the model.
        settings: learning rates, decay and moments.
        extra: parameters outside the model (a balancer's), without weight decay.
        rates: learning rates of tasks that have one of their own.
    """
    groups: list[dict[str, object]] = []
    in_encoder: set[int] = set()
    for encoder in model.scheme.encoders:
        layers = encoder.parameters_by_layer()
        for layer, parameters in enumerate(layers):
            in_encoder |= {id(p) for p in parameters}
            peak = settings.encoder_learning_rate * settings.layer_decay ** (len(layers) - 1 - layer)
            groups += _split_by_decay(parameters, peak=peak, decay=settings.weight_decay, name=f"encoder.{layer}")
    placed = set(in_encoder)
    for task, rate in (rates or {}).items():
        own = model.own_parameters(task)
        placed |= {id(p) for p in own}
        groups += _split_by_decay(own, peak=rate, decay=settings.weight_decay, name="heads")
    undecayed = {id(p) for p in (*model.label_embeddings.parameters(), model.case_embedding)}
    rest = [p for p in model.parameters() if id(p) not in placed]
    decayed = [p for p in rest if id(p) not in undecayed]
    peak = settings.head_learning_rate
    groups += _split_by_decay(decayed, peak=peak, decay=settings.weight_decay, name="heads")
    plain = [p for p in rest if id(p) in undecayed] + list(extra)
    groups += [{"params": plain, "lr": peak, PEAK: peak, "weight_decay": 0.0, "name": "heads"}] if plain else []
    devices = {p.device.type for group in groups for p in group["params"]}  # pyright: ignore[reportGeneralTypeIssues]
    return torch.optim.AdamW(groups, betas=settings.betas, fused=devices <= {"cpu", "cuda"})


def _split_by_decay(
    parameters: Iterable[nn.Parameter], *, peak: float, decay: float, name: str
) -> list[dict[str, object]]:
    matrices, vectors = [], []
    for parameter in parameters:
        (matrices if parameter.ndim > 1 else vectors).append(parameter)
    return [
        {"params": found, "lr": peak, PEAK: peak, "weight_decay": value, "name": name}
        for found, value in ((matrices, decay), (vectors, 0.0))
        if found
    ]


def learning_rate_factor(progress: float, settings: TrainingSettings) -> float:
    """Return the learning rate as a share of its highest, given the share of training that is done.

    Example:
        >>> settings = TrainingSettings(warmup=0.1)
        >>> [round(learning_rate_factor(p, settings), 3) for p in (0.05, 0.1, 0.55, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < settings.warmup:
        return progress / settings.warmup
    left = (1.0 - progress) / (1.0 - settings.warmup)
    if settings.schedule == "constant":
        return 1.0
    return max(0.0, left) if settings.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * (1.0 - left)))


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> dict[str, float]:
    """Set every group's learning rate to a share of its highest; return the highest of encoder and heads now."""
    rates = {"encoder": 0.0, "heads": 0.0}
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK] * factor
        key = "heads" if group["name"] == "heads" else "encoder"
        rates[key] = max(rates[key], group["lr"])
    return rates


def frozen_layers(epoch: float, settings: TrainingSettings, *, depth: int) -> int:
    """Return how many of the groups embeddings, layer 1, ..., layer ``depth`` do not learn at a moment of training.

    Args:
        epoch: epochs done, with fractions.
        settings: ``frozen_layers`` and ``unfreeze_epochs``.
        depth: number of layers.

    Example:
        >>> settings = TrainingSettings(unfreeze_epochs=1.0)
        >>> [frozen_layers(e, settings, depth=2) for e in (0.0, 1.0, 2.0, 3.0)]
        [3, 2, 1, 0]
    """
    always = settings.frozen_layers + 1 if settings.frozen_layers else 0
    if not settings.unfreeze_epochs:
        return always
    return max(always, depth + 1 - int(epoch / settings.unfreeze_epochs))


def freeze(model: HierarchicalModel, frozen: int) -> None:
    """Let the lowest ``frozen`` groups of parameters (embeddings first) of every encoder learn nothing."""
    for encoder in model.scheme.encoders:
        for layer, parameters in enumerate(encoder.parameters_by_layer()):
            for parameter in parameters:
                parameter.requires_grad_(layer >= frozen)
                if layer < frozen:
                    parameter.grad = None
