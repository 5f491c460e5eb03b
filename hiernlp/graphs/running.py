"""Running the graphs of a folder over many sentences. Nothing here needs torch."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder
from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.grid import lay_out
from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import ModelFolderError, NotInstalledError
from hiernlp.graphs.inputs import graph_inputs
from hiernlp.graphs.manifest import read_manifest
from hiernlp.graphs.tokenizer import subword_encoder
from hiernlp.registry import decoders

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ERRORS_ONLY = 3
"""What onnxruntime logs: it warns of each operator that it does not fold."""


class GraphModel:
    """The graphs of a folder, each of which is loaded when it is first needed.

    Safe to call from several threads at once.

    Args:
        folder: a folder that ``hiernlp export`` made.
        threads: most threads of one run; by default one for each core.

    Raises:
        ModelFolderError: the folder is missing, incomplete or damaged.
        NotInstalledError: onnxruntime or tokenizers is absent.
    """

    def __init__(self, folder: str | Path, *, threads: int | None = None) -> None:
        self.folder = Path(folder).expanduser()
        self.manifest = read_manifest(self.folder)
        self.encoder = subword_encoder(self.manifest, self.folder)
        self._threads = threads or 0
        self._lock = threading.Lock()
        self._sessions: dict[str, InferenceSession] = {}
        self._decoders: dict[str, Decoder] = {
            name: decoders.load(task.kind)(options=task.options, labels=task.labels)
            for name, task in self.manifest.tasks.items()
        }

    def depth_of(self, tasks: Sequence[str]) -> int:
        """Return the number of layers that a run for these tasks computes."""
        return max(self.manifest.tasks[task].depth for task in tasks)

    def predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each sentence's annotation by task, in the sentences' order.

        Args:
            sentences: the sentences' subwords; each has at least one word.
            words: the sentences' words themselves, which some decoders read.
            tasks: the tasks wanted; no layer above the deepest of them is computed.
            budget: most subwords a batch, padding included.
            probabilities: whether annotations have probabilities.
        """
        found: list[dict[str, Annotation]] = [{} for _ in sentences]
        encoding, special = self.manifest.encoding, len(self.encoder.prefix) + len(self.encoder.suffix)
        graph = self.manifest.graph_for(self.depth_of(tasks), probabilities=probabilities)
        session = self._session(graph.file)
        outputs = [o.name for o in session.get_outputs() if _task_of(o.name) in tasks]
        sizes, lengths = [len(s.ids) + special for s in sentences], [len(s.lengths) for s in sentences]
        for chosen in plan_batches(sizes, budget=budget, words=lengths):
            layout = lay_out([sentences[i] for i in chosen], self.encoder, pad_to_multiple=encoding.pad_to_multiple)
            given = graph_inputs(layout, mean=encoding.subword == "mean")
            arrays = self._run(graph.file, given, outputs)
            for task in tasks:
                of_task = {n.removeprefix(f"{task}/"): a for n, a in arrays.items() if _task_of(n) == task}
                answers = self._decode(task, of_task, [words[i] for i in chosen], probabilities=probabilities)
                for i, annotation in zip(chosen, answers, strict=True):
                    found[i][task] = annotation
        return found

    def _decode(
        self, task: str, arrays: dict[str, np.ndarray], words: Sequence[Sequence[str]], *, probabilities: bool
    ) -> list[Annotation]:
        """Return a batch's annotations, given the arrays of a task."""
        decoder, after = self._decoders[task], self.manifest.tasks[task].choice
        if after is not None:
            arrays = arrays | decoder.choose(arrays, words)
            arrays |= self._run(after, arrays)
        return decoder(arrays, words, probabilities=probabilities)

    def _run(
        self, file: str, given: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Run a graph on those of the arrays that it reads; by default for all its outputs."""
        session = self._session(file)
        names = list(outputs or (o.name for o in session.get_outputs()))
        try:
            found: Any = session.run(names, {i.name: given[i.name] for i in session.get_inputs()})
        except Exception as error:  # onnxruntime has no class of its own for it
            if "allocate" in str(error) or "bad_alloc" in str(error):
                raise MemoryError(str(error)) from None
            raise
        return dict(zip(names, found, strict=True))

    def _session(self, file: str) -> InferenceSession:
        with self._lock:
            if file not in self._sessions:
                self._sessions[file] = self._load(self.folder / file)
            return self._sessions[file]

    def _load(self, file: Path) -> InferenceSession:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise NotInstalledError(
                "running ONNX graphs needs onnxruntime, which is not installed; pip install 'hiernlp[onnx]', or "
                "onnxruntime alone"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = ERRORS_ONLY
        try:
            return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's classes have no common base but this
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise ModelFolderError(
                f"{file}: onnxruntime cannot read the graph ({first}); export or copy the model again"
            ) from None


def _task_of(output: str) -> str:
    """Return the task of a graph's output, ``<task>/<array>``."""
    return output.rpartition("/")[0]
