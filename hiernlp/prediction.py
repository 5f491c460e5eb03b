"""Running a model over many sentences: length-sorted batches in, annotations in the sentences' order out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.collate import collate
from hiernlp.encoding.joined import JUDGED, Pair, distinct, turned
from hiernlp.encoding.pairs import collate_joined
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder, Subwords
from hiernlp.errors import HierNLPError
from hiernlp.kinds._base import Annotation, Kind
from hiernlp.model import HierarchicalModel
from hiernlp.threads import side_by_side


def choose_device(name: str | torch.device | None) -> torch.device:
    """Return a device that works here; by default the accelerator that there is, or else the processor.

    Raises:
        HierNLPError: there is no such device here.
    """
    if name is None:
        found = torch.accelerator.current_accelerator()
        return found if found is not None and torch.accelerator.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a build of torch without that device
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise HierNLPError(f"device: {str(name)!r} cannot be used here ({reason}); cpu always can") from None
    return device


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
    threaded: bool = False,
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
        threaded: whether a processor may run several batches at a time (see :mod:`hiernlp.threads`).
    """
    found: list[dict[str, Annotation]] = [{} for _ in sentences]
    special = len(encoder.prefix) + len(encoder.suffix)
    device = next(model.parameters()).device

    @torch.inference_mode()
    def run(chosen: Sequence[int]) -> dict[str, list[Annotation]]:
        batch = collate(
            [sentences[i] for i in chosen],
            encoder,
            mean=encoding.subword == "mean",
            pad_to_multiple=encoding.pad_to_multiple,
        )
        outputs = model(batch.to(device, non_blocking=True), tasks=tasks)
        heads: dict[str, Kind[Any, Any]] = {task: model.heads[task] for task in outputs}  # pyright: ignore[reportAssignmentType]
        said = [words[i] for i in chosen]
        return {task: heads[task].decode(output, said, probabilities=probabilities) for task, output in outputs.items()}

    sizes, lengths = [len(s.ids) + special for s in sentences], [len(s.lengths) for s in sentences]
    batches = plan_batches(sizes, budget=budget, words=lengths)
    with _evaluating(model):
        decoded = (side_by_side if device.type == "cpu" and threaded else map)(run, batches)
        for chosen, annotations in zip(batches, decoded, strict=True):
            for task, of_task in annotations.items():
                for i, annotation in zip(chosen, of_task, strict=True):
                    found[i][task] = annotation
    return found


def predict_pairs(
    model: HierarchicalModel,
    pairs: Sequence[Pair],
    words: Sequence[Sequence[str]],
    *,
    encoder: SubwordEncoder,
    encoding: EncodingSettings,
    tasks: Sequence[str],
    budget: int = 1024,
    probabilities: bool = False,
    threaded: bool = False,
) -> list[dict[str, Annotation]]:
    """Return each pair's annotation by task, in the pairs' order.

    For tasks that read pairs apart, a sentence that is in several pairs is encoded once.

    Args:
        model: the model.
        pairs: the two sentences' subwords; each sentence has at least one word.
        words: the words of both sentences of each pair.
        encoder: the subword encoder that made them.
        encoding: how words are read and lengths padded.
        tasks: the tasks wanted, all of which read pairs.
        budget: most subwords a batch, padding included.
        probabilities: whether annotations have probabilities.
        threaded: whether a processor may run several batches at a time (see :mod:`hiernlp.threads`).
    """
    found: list[dict[str, Annotation]] = [{} for _ in pairs]
    if not pairs:
        return found
    needed = model.needed(tasks)
    apart = [task for task in needed if task in model.apart]
    joined = [task for task in needed if task in model.joined]
    both_orders = any(task in model.symmetric for task in joined)
    layout = {"mean": encoding.subword == "mean", "pad_to_multiple": encoding.pad_to_multiple}
    device = next(model.parameters()).device
    each = side_by_side if device.type == "cpu" and threaded else map

    def decode(outputs: Mapping[str, Any], chosen: Sequence[int]) -> None:
        for task in tasks:
            if task in outputs:
                head: Kind = model.heads[task]  # pyright: ignore[reportAssignmentType]
                decoded = head.decode(outputs[task], [words[i] for i in chosen], probabilities=probabilities)
                for i, annotation in zip(chosen, decoded, strict=True):
                    found[i][task] = annotation

    with _evaluating(model):
        vectors: dict[str, Tensor] = {}
        places = torch.empty(0)
        if apart:
            sentences, at = distinct(pairs)
            places = torch.tensor(at, device=device)
            special = len(encoder.prefix) + len(encoder.suffix)

            @torch.inference_mode()
            def encode(chosen: Sequence[int]) -> dict[str, Tensor]:
                batch = collate([sentences[i] for i in chosen], encoder, **layout)
                return model.vectors(batch.to(device, non_blocking=True), tasks=apart)

            plan = plan_batches([len(s.ids) + special for s in sentences], budget=budget)
            parts = list(each(encode, plan))
            back = torch.tensor([i for chosen in plan for i in chosen], device=device).argsort()
            vectors = {task: torch.cat([part[task] for part in parts])[back] for task in apart}

        def judge(chosen: Sequence[int]) -> dict[str, Any]:
            rows = places[torch.tensor(chosen, device=device)] if apart else places
            return model.judge({task: (v[rows[:, 0]], v[rows[:, 1]]) for task, v in vectors.items()})

        wanted_apart = any(task in apart for task in tasks)  # others only feed, and are judged with what they feed
        for start in range(0, len(pairs) if wanted_apart else 0, JUDGED):
            chosen = range(start, min(start + JUDGED, len(pairs)))
            decode(judge(chosen), chosen)

        @torch.inference_mode()
        def read(chosen: Sequence[int]) -> None:
            rows = [pairs[i] for i in chosen]
            batch = collate_joined([*rows, *turned(rows)] if both_orders else rows, encoder, **layout)
            outputs = model.read_joined(
                batch.to(device, non_blocking=True), tasks=joined, judged=judge(chosen), both_orders=both_orders
            )
            decode(outputs, chosen)

        sizes = [len(first.ids) + len(second.ids) + encoder.joint.special for first, second in pairs] if joined else []
        for _ in each(read, plan_batches(sizes, budget=max(1, budget // (1 + both_orders)))):
            pass
    return found


@dataclass(frozen=True)
class ModelPredictor:
    """A model with what it reads by: what answers for sentences and pairs of them.

    Attributes:
        model: the model.
        encoder: its subword encoder.
        encoding: how words are read and lengths padded.
        threaded: whether a processor may run several batches at a time (see :mod:`hiernlp.threads`).
    """

    model: HierarchicalModel
    encoder: SubwordEncoder
    encoding: EncodingSettings
    threaded: bool = False

    def predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each sentence's annotation by task (see :func:`predict`)."""
        return predict(
            self.model,
            sentences,
            words,
            encoder=self.encoder,
            encoding=self.encoding,
            tasks=tasks,
            budget=budget,
            probabilities=probabilities,
            threaded=self.threaded,
        )

    def predict_pairs(
        self,
        pairs: Sequence[Pair],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each pair's annotation by task (see :func:`predict_pairs`)."""
        return predict_pairs(
            self.model,
            pairs,
            words,
            encoder=self.encoder,
            encoding=self.encoding,
            tasks=tasks,
            budget=budget,
            probabilities=probabilities,
            threaded=self.threaded,
        )


@contextmanager
def _evaluating(model: HierarchicalModel) -> Iterator[None]:
    """Put a model in evaluation mode, without gradients; restore its mode."""
    was_training = model.training
    if was_training:  # telling every module takes as long as a layer does on one short sentence
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()
