"""The analyzer of a folder, whether torch or onnxruntime is to run what lies there."""

from __future__ import annotations

from pathlib import Path

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.graphs.manifest import is_exported
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.segmenter import Segmentation


def open_analyzer(
    model: str | Path,
    *,
    device: str | None = None,
    precision: str = "float32",
    compile: bool = False,  # noqa: A002 - as in recipes
    segmentation: Segmentation | None = None,
) -> BaseAnalyzer:
    """Load a model folder, a hub id, or a folder that ``hiernlp export`` made; torch is imported for the former alone.

    Args:
        model: the folder or the id.
        device: where a model runs (see :func:`hiernlp.load`).
        precision: the numbers that a model computes in.
        compile: whether a model's layers are compiled.
        segmentation: how raw text is split into sentences and words.

    Raises:
        HierNLPError: it cannot be loaded, or graphs are to run on another device or in another precision than
            they do.
    """
    if not is_exported(model):
        return hiernlp.load(model, device=device, precision=precision, compile=compile, segmentation=segmentation)
    wrong = [
        what
        for what, fits in (
            ("compile", not compile),
            (f"device {device}", device in (None, "cpu")),
            (f"precision {precision}", precision == "float32"),
        )
        if not fits
    ]
    if wrong:
        raise HierNLPError(
            f"{' and '.join(wrong)}: {model} is an export, which runs on the processor in float32 as it is; leave "
            f"{'it' if len(wrong) == 1 else 'them'} out"
        )
    return hiernlp.load_exported(model, segmentation=segmentation)
