"""hiernlp: one transformer encoder, many NLP tasks, each at the layer that suits it.

Example:
    >>> import hiernlp
    >>> analyzer = hiernlp.load("my-model")  # doctest: +SKIP
    >>> document = analyzer("Leibniz was born in Leipzig.", tasks=["upos"])  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hiernlp.graphs.analyzer import OnnxAnalyzer
    from hiernlp.inference.analyzer import Analyzer
    from hiernlp.inference.segmenter import Segmentation

__all__ = ["load", "load_exported", "register"]


def load(
    folder: str | Path,
    *,
    device: str | None = None,
    precision: str = "float32",
    compile: bool = False,  # noqa: A002 - as in recipes
    segmentation: Segmentation | None = None,
) -> Analyzer:
    """Load an analyzer from a model folder or a hub id.

    Args:
        folder: a folder that training made, or a hub id.
        device: where to run, such as ``cuda``; by default the accelerator that there is, or else the processor.
        precision: ``float32``; or, for speed where the hardware has it and with some other answers, ``bfloat16`` or
            ``int8`` (processors only).
        compile: compile the encoder's layers, which takes up to minutes when first used.
        segmentation: how raw text is split into sentences and words: by ``rules`` for the model's language, or as the
            model has ``learned`` it; by default as learnt, if it has.

    Raises:
        ModelFolderError: the folder is missing, incomplete or damaged.
        HierNLPError: the device, the precision and ``compile`` are not there or do not go together; the model has
            learnt no segmentation, and that is asked for.
    """
    from hiernlp.inference.analyzer import Analyzer  # noqa: PLC0415 - torch and transformers take seconds

    return Analyzer.load(folder, device=device, precision=precision, compile=compile, segmentation=segmentation)


def load_exported(
    folder: str | Path, *, threads: int | None = None, segmentation: Segmentation | None = None
) -> OnnxAnalyzer:
    """Load an analyzer from a folder of ONNX graphs that ``hiernlp export`` made; torch is not needed.

    Args:
        folder: the folder.
        threads: most threads of one run; by default one for each core.
        segmentation: how raw text is split into sentences and words (see :func:`load`).

    Raises:
        ModelFolderError: the folder is missing, incomplete or damaged.
        NotInstalledError: onnxruntime or tokenizers is absent.
        HierNLPError: the model has learnt no segmentation, and that is asked for.
    """
    from hiernlp.graphs.analyzer import OnnxAnalyzer  # noqa: PLC0415 - numpy and pydantic take a moment

    return OnnxAnalyzer(folder, threads=threads, segmentation=segmentation)


def register() -> None:
    """Make transformers know models of hiernlp: ``AutoConfig``, ``AutoModel`` and ``pipeline("hiernlp-analysis")``.

    It is not done on import, as transformers takes seconds to import.

    Example:
        >>> from transformers import pipeline
        >>> register()
        >>> pipeline("hiernlp-analysis", model="my-model")("Birds sing.")  # doctest: +SKIP
    """
    from hiernlp.integrations.transformers import register as registered  # noqa: PLC0415 - as above

    registered()
