"""From text or words to a document, by one pass of one model, as deep as the tasks asked for."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch

from hiernlp.decoding._base import Annotation
from hiernlp.encoding.joined import Pair
from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.hub.folder import Bundle, load_bundle
from hiernlp.inference._forks import stay_usable_after_forks
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.precision import precisions
from hiernlp.inference.precision._base import Precision
from hiernlp.inference.segmenter import Segmentation
from hiernlp.kinds._base import Kind
from hiernlp.prediction import choose_device, predict, predict_pairs


@final
class Analyzer(BaseAnalyzer):
    """Analyses text with a trained model.

    Safe to call from several threads at once, with the same or with different tasks, and in processes forked from this
    one, which compute on one thread each.

    Args:
        bundle: the model with all that is needed to use it.
        device: where to run; by default the accelerator that there is, or else the processor.
        precision: the numbers computed in, ``float32``, ``bfloat16`` or ``int8`` (:mod:`hiernlp.inference.precision`).
        compile: compile the encoder's layers (``torch.compile``), which takes up to minutes when first used.
        segmentation: how raw text is split into sentences and words: by ``rules`` for the model's language, or as the
            model has ``learned`` it; by default as learnt, if it has.

    The bundle's model stays as it is: another precision, or compiled layers, are those of a copy.

    Raises:
        HierNLPError: there is no such device here, or no such precision; the two or ``compile`` do not go together; the
            model has learnt no segmentation.
    """

    out_of_memory = (MemoryError, torch.OutOfMemoryError)

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str | None = None,
        precision: str = "float32",
        compile: bool = False,  # noqa: A002 - as in recipes
        segmentation: Segmentation | None = None,
    ) -> None:
        on = choose_device(device)
        chosen = _precision(precision, on, compiled=compile)
        stay_usable_after_forks()
        self.bundle = bundle
        heads: dict[str, Kind[Any, Any]] = dict(bundle.model.heads.items())  # pyright: ignore[reportAssignmentType]
        super().__init__(
            tasks=bundle.model.tasks,
            encoder=bundle.encoder,
            levels={task: dict.fromkeys(head.columns(head.options), head.level) for task, head in heads.items()},
            language=bundle.language,
            segmentation=segmentation,
        )
        model = bundle.model.eval()
        if compile or not chosen.holds(model):
            model = chosen.convert(copy.deepcopy(model))
        self.model = model.to(on)
        self._compiled = compile
        if compile:
            for encoder in self.model.scheme.encoders:
                encoder.compile_layers()

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str | None = None,
        precision: str = "float32",
        compile: bool = False,  # noqa: A002
        segmentation: Segmentation | None = None,
    ) -> Analyzer:
        """Load a model folder or a hub model (see :func:`hiernlp.load`)."""
        return cls(load_bundle(folder), device=device, precision=precision, compile=compile, segmentation=segmentation)

    def reads_pairs(self, task: str) -> bool:
        return self.model.reads_pairs(task)

    def _depth(self, tasks: Sequence[str]) -> int:
        return self.model.depth_of(self.model.needed(tasks))

    def _predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool,
    ) -> list[dict[str, Annotation]]:
        return predict(
            self.model,
            sentences,
            words,
            encoder=self.bundle.encoder,
            encoding=self.bundle.encoding,
            tasks=tasks,
            budget=budget,
            probabilities=probabilities,
            threaded=not self._compiled,
        )

    def _predict_pairs(
        self,
        pairs: Sequence[Pair],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool,
    ) -> list[dict[str, Annotation]]:
        return predict_pairs(
            self.model,
            pairs,
            words,
            encoder=self.bundle.encoder,
            encoding=self.bundle.encoding,
            tasks=tasks,
            budget=budget,
            probabilities=probabilities,
            threaded=not self._compiled,
        )


def _precision(name: str, device: torch.device, *, compiled: bool) -> Precision:
    """Return a precision that works on a device.

    Raises:
        HierNLPError: there is none of this name, or it does not go with the device or with compiled layers.
    """
    if name not in precisions.names():
        known = ", ".join(precisions.names())
        raise HierNLPError(
            f"precision: expected one of {known}, found {name!r}{did_you_mean(name, precisions.names())}"
        )
    chosen: Precision = precisions.load(name)()
    chosen.check(device)
    if compiled and not chosen.compiles:
        raise HierNLPError(f"compile: layers in {name} cannot be compiled; leave out one of the two")
    compiler = os.environ.get("CXX", "g++")
    if compiled and device.type == "cpu" and shutil.which(compiler) is None:
        raise HierNLPError(
            f"compile: torch.compile needs a C++ compiler, and {compiler!r} is not here; install one, or leave it out"
        )
    return chosen
