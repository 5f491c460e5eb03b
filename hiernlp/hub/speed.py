"""How fast a model is by the depth that the tasks asked for need."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from hiernlp.errors import HierNLPError
from hiernlp.prediction import ModelPredictor

if TYPE_CHECKING:
    from hiernlp.hub.folder import Bundle


def measure_speed(
    bundle: Bundle, sentences: Sequence[Sequence[str]], *, budget: int = 1024, rounds: int = 3
) -> dict[str, Any]:
    """Measure how many words a second a model analyses at each depth, on the device that it is on.

    At each layer on which a task ends, all tasks up to it are asked for; only those that read one sentence are. Depths
    are measured in turn, so that what else the machine does meets them alike, and the median of the rounds is taken.

    Args:
        bundle: the model.
        sentences: words of sentences to be analysed.
        budget: most subwords a batch, padding included.
        rounds: how often each depth is measured, after one round to warm up.

    Returns:
        What ``scores.json`` keeps: ``device``, ``words``, ``sentences``, and ``depths``, each with its ``depth``, its
        ``tasks`` and its ``words_per_second``.

    Raises:
        HierNLPError: no task reads one sentence, or there is no sentence.
    """
    model = bundle.model
    tasks = [task for task in model.tasks if not model.reads_pairs(task)]
    words = [list(sentence) for sentence in sentences if sentence]
    if not tasks or not words:
        found = "only tasks that read pairs" if words else "none"
        raise HierNLPError(f"speed: expected sentences and tasks that read one, found {found}")
    asked: dict[int, list[str]] = {}
    for depth in sorted({model.places[task].high for task in tasks}):
        within = [task for task in tasks if model.places[task].high <= depth]
        asked[model.depth_of(model.needed(within))] = within
    device = next(model.parameters()).device
    predictor = ModelPredictor(model, encoder=bundle.encoder, encoding=bundle.encoding)
    taken: dict[int, list[float]] = {depth: [] for depth in asked}
    for turn in range(rounds + 1):
        for depth, within in asked.items():
            begun = time.perf_counter()
            predictor.predict(bundle.encoder.encode(words), words, tasks=within, budget=budget)
            if turn:
                taken[depth].append(time.perf_counter() - begun)
    count = sum(map(len, words))
    return {
        "device": _named(device),
        "sentences": len(words),
        "words": count,
        "depths": [
            {"depth": depth, "tasks": asked[depth], "words_per_second": round(count / statistics.median(seconds))}
            for depth, seconds in taken.items()
        ],
    }


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    return f"{platform.machine()} processor, {cores}" if device.type == "cpu" else device.type
