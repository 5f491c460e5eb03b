"""The analyzer of a folder of graphs. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

from hiernlp.decoding._base import Annotation
from hiernlp.encoding.subwords import Subwords
from hiernlp.graphs.running import GraphModel
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.segmenter import Segmentation


@final
class OnnxAnalyzer(BaseAnalyzer):
    """Analyses text with an exported model, on processors and without torch.

    It has all methods of :class:`hiernlp.inference.analyzer.Analyzer`, and the same answers. The graph for a depth is
    loaded when tasks of that depth are first asked for. Safe to call from several threads at once.

    Args:
        folder: a folder that ``hiernlp export`` made.
        threads: most threads of one run; by default one for each core.
        segmentation: how raw text is split into sentences and words: by ``rules`` for the model's language, or as the
            model has ``learned`` it; by default as learnt, if it has.

    Raises:
        ModelFolderError: the folder is missing, incomplete or damaged.
        NotInstalledError: onnxruntime or tokenizers is absent.
        HierNLPError: the model has learnt no segmentation, and that is asked for.
    """

    def __init__(
        self, folder: str | Path, *, threads: int | None = None, segmentation: Segmentation | None = None
    ) -> None:
        self.graphs = GraphModel(folder, threads=threads)
        manifest = self.graphs.manifest
        super().__init__(
            tasks=list(manifest.tasks),
            encoder=self.graphs.encoder,
            levels={name: dict.fromkeys(task.columns, task.level) for name, task in manifest.tasks.items()},
            language=manifest.language,
            segmentation=segmentation,
        )

    def reads_pairs(self, task: str) -> bool:  # noqa: ARG002 - none is exported that does
        return False

    def _depth(self, tasks: Sequence[str]) -> int:
        return self.graphs.depth_of(tasks)

    def _predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool,
    ) -> list[dict[str, Annotation]]:
        return self.graphs.predict(sentences, words, tasks=tasks, budget=budget, probabilities=probabilities)

    def _predict_pairs(self, *_: object, **__: object) -> list[dict[str, Annotation]]:
        raise AssertionError("no task is exported that reads pairs")
