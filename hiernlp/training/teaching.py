"""Knowledge distillation: what trained models say of the training sentences, for another model to learn from.

Sources: Hinton, Vinyals and Dean 2015 (arXiv 1503.02531), without their temperature; Clark et al. 2019 (arXiv
1907.04829), by whom several single-task models teach one multi-task model and the annotation's share of the target
grows from 0 to 1 over training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from hiernlp.encoding.batches import plan_batches
from hiernlp.kinds._base import Arrays
from hiernlp.model import HierarchicalModel
from hiernlp.training.data import BatchBuilder
from hiernlp.training.settings import TrainingSettings


def teachers_share(done: float, settings: TrainingSettings) -> float:
    """Return the teacher's share of a target when a share of all training is done.

    Example:
        >>> teachers_share(0.25, TrainingSettings(teachers="models"))
        0.75
    """
    return 1 - done if settings.teaching == "annealed" else settings.teaching


def lessons_of(
    teacher: HierarchicalModel, builder: BatchBuilder, *, corpus: str, tasks: Sequence[str], budget: int
) -> dict[str, list[Arrays | None]]:
    """Return what a teacher says of each sentence of a corpus, by task.

    The teacher answers as in analysis: nothing is dropped out. What it says is kept on the host, in float16.

    Args:
        teacher: the model.
        builder: builds the batches that it reads.
        corpus: the corpus.
        tasks: the tasks that it teaches.
        budget: most subwords a batch, padding included.
    """
    split = builder.splits[corpus]
    device = next(teacher.parameters()).device
    found: dict[str, list[Arrays | None]] = {task: [None] * len(split) for task in tasks}
    with _answering(teacher):
        for indices in plan_batches(split.sizes, budget=budget):
            batch = builder(corpus, indices, tasks=()).words.to(device)
            outputs = teacher(batch, tasks=tasks)
            for task in tasks:
                with torch.autocast(device.type, enabled=False):
                    said = builder.heads[task].lessons(outputs[task], batch.lengths)
                for index, lesson in zip(indices, said, strict=True):
                    found[task][index] = lesson
    return found


@contextmanager
def _answering(model: HierarchicalModel) -> Iterator[None]:
    """Put a model into the mode of analysis for a while."""
    before = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(before)
