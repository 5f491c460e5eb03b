"""The analyzer of a folder of graphs. Nothing here needs torch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, final

from hiernlp.graphs.manifest import read_recipe
from hiernlp.graphs.running import GraphModel
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.segmenter import Segmentation


@final
class OnnxAnalyzer(BaseAnalyzer):
    """Analyses text with an exported model, on processors and without torch.

    It has all methods of :class:`hiernlp.inference.analyzer.Analyzer`, and the same answers. The graph for a depth is
    loaded when tasks of that depth are first asked for. Safe to call from several threads at once, and in processes
    forked from this one, which compute on one thread each.

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
            predictor=self.graphs,
            tasks={name: task.info for name, task in manifest.tasks.items()},
            layers=manifest.layers,
            encoder=self.graphs.encoder,
            language=manifest.language,
            segmentation=segmentation,
        )

    @property
    def recipe(self) -> dict[str, Any]:
        return read_recipe(self.graphs.folder)

    def save(self, folder: Path) -> None:
        for name in self.graphs.files:
            shutil.copyfile(self.graphs.folder / name, folder / name)
