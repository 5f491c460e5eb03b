"""The analyzer of a model, whether torch or onnxruntime runs it."""

from __future__ import annotations

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.graphs.manifest import is_exported
from hiernlp.inference.base import BaseAnalyzer


def open_analyzer(
    model: str, *, device: str | None, precision: str, compiled: bool, segmentation: str | None = None
) -> BaseAnalyzer:
    """Load a model folder, a hub id, or a folder that ``hiernlp export`` made.

    Raises:
        HierNLPError: it cannot be loaded, or graphs are to run on another device or in another precision than
            they do.
    """
    if not is_exported(model):
        return hiernlp.load(
            model,
            device=device,
            precision=precision,
            compile=compiled,
            segmentation=segmentation,  # pyright: ignore[reportArgumentType]
        )
    if device not in (None, "cpu") or precision != "float32" or compiled:
        asked = f"--device {device}" if device not in (None, "cpu") else f"--precision {precision}"
        asked = "--compile" if compiled else asked
        raise HierNLPError(f"{asked}: {model} is an export, which runs on the processor in float32; leave it out")
    return hiernlp.load_exported(model, segmentation=segmentation)  # pyright: ignore[reportArgumentType]
