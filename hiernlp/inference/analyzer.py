"""From text or words to a document, by one pass of one model, as deep as the tasks asked for."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any, final

import torch

from hiernlp.errors import HierNLPError, did_you_mean
from hiernlp.hub.folder import Bundle, load_bundle, write_bundle
from hiernlp.inference._forks import stay_usable_after_forks
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.precision import precisions
from hiernlp.inference.precision._base import Precision
from hiernlp.inference.segmenter import Segmentation
from hiernlp.inference.tasks import TaskInfo
from hiernlp.kinds._base import Kind
from hiernlp.prediction import ModelPredictor, choose_device


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
        model = bundle.model.eval()
        if compile or not chosen.holds(model):
            model = chosen.convert(copy.deepcopy(model))
        self.model = model.to(on)
        if compile:
            for encoder in self.model.scheme.encoders:
                encoder.compile_layers()
        super().__init__(
            predictor=ModelPredictor(
                self.model, encoder=bundle.encoder, encoding=bundle.encoding, threaded=not compile
            ),
            tasks=task_infos(bundle),
            layers=bundle.model.scheme.depth,
            encoder=bundle.encoder,
            language=bundle.language,
            segmentation=segmentation,
        )

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

    @property
    def recipe(self) -> dict[str, Any]:
        return self.bundle.recipe

    def save(self, folder: Path) -> None:
        write_bundle(self.bundle, folder)


def task_infos(bundle: Bundle) -> dict[str, TaskInfo]:
    """Return what there is to tell of a model's tasks, bottom-up."""
    return {task: _info(bundle, task) for task in bundle.model.tasks}


def _info(bundle: Bundle, task: str) -> TaskInfo:
    model, record = bundle.model, bundle.tasks[task]
    head: Kind[Any, Any] = model.heads[task]  # pyright: ignore[reportAssignmentType]
    return TaskInfo(
        kind=record.kind,
        options=head.options.model_dump(mode="json"),
        labels=record.labels,
        level=head.level,
        columns=list(head.columns(head.options)),
        low=model.places[task].low,
        high=model.places[task].high,
        depth=model.depth_of(model.needed([task])),
        pairs=model.reads_pairs(task),
        feeds=[feed.target or "encoder" for feed in model.feeds if feed.source == task],
        description=record.description,
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
