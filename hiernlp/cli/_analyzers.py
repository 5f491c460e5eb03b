"""The analyzer of a model, whether torch or onnxruntime runs it."""

from __future__ import annotations

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.graphs.manifest import is_exported
from hiernlp.inference.base import BaseAnalyzer


def open_analyzer(model: str, *, device: str | None, dtype: str, segmentation: str | None = None) -> BaseAnalyzer:
    """Load a model folder, a hub id, or a folder that ``hiernlp export`` made.

    Raises:
        HierNLPError: it cannot be loaded, or graphs are to run on another device or in another number format than
            they do.
    """
    if not is_exported(model):
        return hiernlp.load(model, device=device, dtype=dtype, segmentation=segmentation)  # pyright: ignore[reportArgumentType]
    if device not in (None, "cpu") or dtype != "float32":
        asked = f"--device {device}" if device not in (None, "cpu") else f"--dtype {dtype}"
        raise HierNLPError(f"{asked}: {model} is an export, which runs on the processor in float32; leave it out")
    return hiernlp.load_exported(model, segmentation=segmentation)  # pyright: ignore[reportArgumentType]
