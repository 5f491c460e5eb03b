"""Running a model over many sentences: length-sorted batches in, annotations in the sentences' order out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from hiernlp.decoding._consulting import reconsidered, with_consulted
from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.collate import collate
from hiernlp.encoding.joined import JUDGED, Pair, distinct, turned
from hiernlp.encoding.pairs import collate_joined
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder, Subwords
from hiernlp.errors import HierNLPError
from hiernlp.kinds._base import Annotation, Kind
from hiernlp.model import HierarchicalModel
from hiernlp.predictor import BATCH_SUBWORDS
from hiernlp.threads import side_by_side

Found = TypeVar("Found")


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


@dataclass(frozen=True)
class ModelPredictor:
    """A model with what it reads by, which answers for sentences and for pairs of them.

    The model is run as deep as the tasks ask for, in evaluation mode and without gradients; whether it was in training
    mode is restored.

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
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each sentence's annotation by task (see :class:`hiernlp.predictor.Predictor`)."""
        found: list[dict[str, Annotation]] = [{} for _ in sentences]
        special = len(self.encoder.prefix) + len(self.encoder.suffix)
        device = self._device
        asked = with_consulted(tasks, self.model.consulted)

        def run(chosen: Sequence[int]) -> dict[str, list[Annotation]]:
            batch = collate(
                [sentences[i] for i in chosen],
                self.encoder,
                mean=self.encoding.subword == "mean",
                pad_to_multiple=self.encoding.pad_to_multiple,
            )
            outputs = self.model(batch.to(device, non_blocking=True), tasks=asked)
            forms = [words[i] for i in chosen]
            first = {
                task: self._head(task).decode(o, forms, probabilities=probabilities and task in tasks)
                for task, o in outputs.items()
            }

            def reconsider(task: str, found: list[Annotation], answers: list[Annotation]) -> list[Annotation]:
                return self._head(task).reconsider(found, outputs[task], forms, answers)

            last = reconsidered(first, self.model.consulted, reconsider)
            return {task: last[task] for task in tasks}

        sizes, lengths = [len(s.ids) + special for s in sentences], [len(s.lengths) for s in sentences]
        batches = plan_batches(sizes, budget=budget, words=lengths)
        with _evaluating(self.model):
            for chosen, annotations in zip(batches, self._each(run, batches), strict=True):
                for task, of_task in annotations.items():
                    for i, annotation in zip(chosen, of_task, strict=True):
                        found[i][task] = annotation
        return found

    def predict_pairs(
        self,
        pairs: Sequence[Pair],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each pair's annotation by task (see :class:`hiernlp.predictor.Predictor`).

        For tasks that read pairs apart, a sentence that is in several pairs is encoded once.
        """
        found: list[dict[str, Annotation]] = [{} for _ in pairs]
        if not pairs:
            return found
        needed = self.model.needed(tasks)
        apart = [task for task in needed if task in self.model.apart]
        joined = [task for task in needed if task in self.model.joined]
        both_orders = any(task in self.model.symmetric for task in joined)
        layout = {"mean": self.encoding.subword == "mean", "pad_to_multiple": self.encoding.pad_to_multiple}
        device = self._device

        def decode(outputs: Mapping[str, Any], chosen: Sequence[int]) -> None:
            for task in tasks:
                if task in outputs:
                    forms = [words[i] for i in chosen]
                    decoded = self._head(task).decode(outputs[task], forms, probabilities=probabilities)
                    for i, annotation in zip(chosen, decoded, strict=True):
                        found[i][task] = annotation

        with _evaluating(self.model):
            vectors: dict[str, Tensor] = {}
            places = torch.empty(0)
            if apart:
                sentences, at = distinct(pairs)
                places = torch.tensor(at, device=device)
                special = len(self.encoder.prefix) + len(self.encoder.suffix)

                def encode(chosen: Sequence[int]) -> dict[str, Tensor]:
                    batch = collate([sentences[i] for i in chosen], self.encoder, **layout)
                    return self.model.vectors(batch.to(device, non_blocking=True), tasks=apart)

                plan = plan_batches([len(s.ids) + special for s in sentences], budget=budget)
                parts = list(self._each(encode, plan))
                back = torch.tensor([i for chosen in plan for i in chosen], device=device).argsort()
                vectors = {task: torch.cat([part[task] for part in parts])[back] for task in apart}

            def judge(chosen: Sequence[int]) -> dict[str, Any]:
                rows = places[torch.tensor(chosen, device=device)] if apart else places
                return self.model.judge({task: (v[rows[:, 0]], v[rows[:, 1]]) for task, v in vectors.items()})

            wanted_apart = any(task in apart for task in tasks)  # others only feed, and are judged with what they feed
            for start in range(0, len(pairs) if wanted_apart else 0, JUDGED):
                chosen = range(start, min(start + JUDGED, len(pairs)))
                decode(judge(chosen), chosen)

            def read(chosen: Sequence[int]) -> None:
                rows = [pairs[i] for i in chosen]
                batch = collate_joined([*rows, *turned(rows)] if both_orders else rows, self.encoder, **layout)
                outputs = self.model.read_joined(
                    batch.to(device, non_blocking=True), tasks=joined, judged=judge(chosen), both_orders=both_orders
                )
                decode(outputs, chosen)

            more = self.encoder.joint.special
            sizes = [len(first.ids) + len(second.ids) + more for first, second in pairs] if joined else []
            for _ in self._each(read, plan_batches(sizes, budget=max(1, budget // (1 + both_orders)))):
                pass
        return found

    def _each(self, run: Callable[[list[int]], Found], batches: Sequence[list[int]]) -> Iterator[Found]:
        """Yield what a function returns for every batch, of which a processor may run several at a time."""
        run = torch.inference_mode()(run)  # which every thread must be told
        return (side_by_side if self.threaded and self._device.type == "cpu" else map)(run, batches)

    def _head(self, task: str) -> Kind[Any, Any]:
        return self.model.heads[task]  # pyright: ignore[reportReturnType]

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


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
