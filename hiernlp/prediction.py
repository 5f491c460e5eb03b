"""Running a model over many sentences: length-sorted batches in, annotations in the sentences' order out."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.collate import collate
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder, Subwords
from hiernlp.kinds._base import Annotation, Kind
from hiernlp.model import HierarchicalModel


def predict(
    model: HierarchicalModel,
    sentences: Sequence[Subwords],
    words: Sequence[Sequence[str]],
    *,
    encoder: SubwordEncoder,
    encoding: EncodingSettings,
    tasks: Sequence[str],
    budget: int = 1024,
    probabilities: bool = False,
) -> list[dict[str, Annotation]]:
    """Return each sentence's annotation by task, in the sentences' order.

    The model is run as deep as the tasks ask for, in evaluation mode and without gradients; whether it was in training
    mode is restored.

    Args:
        model: the model.
        sentences: the sentences' subwords; each has at least one word.
        words: the sentences' words themselves, which some kinds read when they decode.
        encoder: the subword encoder that made them.
        encoding: how words are read and lengths padded.
        tasks: the tasks wanted.
        budget: most subwords a batch, padding included.
        probabilities: whether annotations have probabilities.
    """
    found: list[dict[str, Annotation]] = [{} for _ in sentences]
    special = len(encoder.prefix) + len(encoder.suffix)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for chosen in plan_batches([len(s.ids) + special for s in sentences], budget=budget):
                batch = collate(
                    [sentences[i] for i in chosen],
                    encoder,
                    mean=encoding.subword == "mean",
                    pad_to_multiple=encoding.pad_to_multiple,
                )
                outputs = model(batch.to(device, non_blocking=True), tasks=tasks)
                for task, output in outputs.items():
                    head: Kind = model.heads[task]  # pyright: ignore[reportAssignmentType]
                    decoded = head.decode(output, [words[i] for i in chosen], probabilities=probabilities)
                    for i, annotation in zip(chosen, decoded, strict=True):
                        found[i][task] = annotation
    finally:
        if was_training:
            model.train()
    return found
