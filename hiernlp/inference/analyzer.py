"""From text or words to a document, by one pass of one model, as deep as the tasks asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import torch

from hiernlp.decoding._base import Annotation
from hiernlp.encoding.joined import Pair
from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import HierNLPError
from hiernlp.hub.folder import Bundle, load_bundle
from hiernlp.inference._forks import stay_usable_after_forks
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.segmenter import Segmentation
from hiernlp.kinds._base import Kind
from hiernlp.prediction import choose_device, predict, predict_pairs

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@final
class Analyzer(BaseAnalyzer):
    """Analyses text with a trained model.

    Safe to call from several threads at once, with the same or with different tasks, and in processes forked from this
    one, which compute on one thread each.

    Args:
        bundle: the model with all that is needed to use it.
        device: where to run; by default the accelerator that there is, or else the processor.
        dtype: ``float32`` or ``bfloat16``.
        segmentation: how raw text is split into sentences and words: by ``rules`` for the model's language, or as the
            model has ``learned`` it; by default as learnt, if it has.

    Raises:
        HierNLPError: there is no such device here, no such number format, or the model has learnt no segmentation.
    """

    out_of_memory = (MemoryError, torch.OutOfMemoryError)

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str | None = None,
        dtype: str = "float32",
        segmentation: Segmentation | None = None,
    ) -> None:
        if dtype not in DTYPES:
            raise HierNLPError(f"dtype: expected {' or '.join(DTYPES)}, found {dtype!r}")
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
        self.model = bundle.model.eval().to(device=choose_device(device), dtype=DTYPES[dtype])

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        device: str | None = None,
        dtype: str = "float32",
        segmentation: Segmentation | None = None,
    ) -> Analyzer:
        """Load a model folder or a hub model (see :func:`hiernlp.load`)."""
        return cls(load_bundle(folder), device=device, dtype=dtype, segmentation=segmentation)

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
        )
