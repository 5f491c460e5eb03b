"""Running the graphs of a folder over many sentences. Nothing here needs torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder
from hiernlp.decoding._consulting import consulted, reconsidered, with_consulted
from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.grid import lay_out
from hiernlp.encoding.joined import JUDGED, Pair, distinct, lay_out_joined, turned
from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import ModelFolderError, NotInstalledError
from hiernlp.graphs._forks import Sessions, is_fork
from hiernlp.graphs.inputs import FED, SAID, SIDES, graph_inputs, joined
from hiernlp.graphs.manifest import MANIFEST, Graph, read_manifest
from hiernlp.graphs.tokenizer import subword_encoder
from hiernlp.predictor import BATCH_SUBWORDS
from hiernlp.registry import decoders

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Arrays = dict[str, np.ndarray]
"""A graph's inputs or outputs by name."""

ERRORS_ONLY = 3
"""What onnxruntime logs: it warns of each operator that it does not fold."""


class GraphModel:
    """The graphs of a folder, each of which is loaded when it is first needed.

    Safe to call from several threads at once, and in processes forked from this one, which load the graphs anew and
    compute on one thread each.

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
        self._threads = threads
        self._sessions = Sessions()
        self._decoders: dict[str, Decoder] = {
            name: decoders.load(task.kind)(options=task.options, labels=task.labels)
            for name, task in self.manifest.tasks.items()
        }
        single = {name: task for name, task in self.manifest.tasks.items() if not task.pairs}
        self._consulted = consulted(
            {name: self._decoders[name].consults for name in single},
            {name: task.columns for name, task in single.items()},
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies in other processes read the folder themselves: sessions cannot be copied."""
        return functools.partial(GraphModel, threads=self._threads), (self.folder,)

    @property
    def files(self) -> list[str]:
        """Names of the folder's files."""
        return [*self.manifest.sizes, MANIFEST]

    def predict(
        self,
        sentences: Sequence[Subwords],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each sentence's annotation by task (see :class:`hiernlp.predictor.Predictor`)."""
        found: list[dict[str, Annotation]] = [{} for _ in sentences]
        graph = self.manifest.graph_for("sentences", tasks, probabilities=probabilities)
        outputs = self._outputs(graph, with_consulted(tasks, self._consulted))
        for chosen, given in self._batches(sentences, budget):
            arrays = self._run(graph.file, given, outputs)
            self._annotate(found, chosen, arrays, words=words, tasks=tasks, probabilities=probabilities)
        return found

    def predict_pairs(
        self,
        pairs: Sequence[Pair],
        words: Sequence[Sequence[str]],
        *,
        tasks: Sequence[str],
        budget: int = BATCH_SUBWORDS,
        probabilities: bool = False,
    ) -> list[dict[str, Annotation]]:
        """Return each pair's annotation by task (see :class:`hiernlp.predictor.Predictor`).

        For tasks that read pairs apart, a sentence that is in several pairs is encoded once.
        """
        found: list[dict[str, Annotation]] = [{} for _ in pairs]
        if not pairs:
            return found
        how: dict[str, Any] = {"words": words, "probabilities": probabilities}
        apart = [task for task in tasks if not self.manifest.joins(task)]
        together = [task for task in tasks if self.manifest.joins(task)]
        joint = self.manifest.graph_for("joined", together, probabilities=probabilities) if together else None
        fed = [] if joint is None else self._fed(joint)
        judge = None
        if apart or fed:
            graph = self.manifest.graph_for("judged", [*apart, *fed], probabilities=probabilities)
            judge = self._judge(graph, pairs, budget=budget)
            outputs = self._outputs(graph, apart)
            for start in range(0, len(pairs) if apart else 0, JUDGED):
                chosen = range(start, min(start + JUDGED, len(pairs)))
                self._annotate(found, chosen, judge(chosen, outputs), tasks=apart, **how)
        if joint is not None:
            outputs = self._outputs(joint, together)
            for chosen, given in self._joined_batches(pairs, budget=budget, both_orders=joint.both_orders):
                if judge is not None and fed:
                    for name, said in judge(chosen, [f"{task}{SAID}" for task in fed]).items():
                        twice = np.concatenate([said, said])
                        given[f"{_task_of(name)}{FED}"] = twice if joint.both_orders else said
                arrays = self._run(joint.file, given, outputs)
                # What is said of the pairs turned round is half of what is said of the pairs already.
                arrays = {name: array[: len(chosen)] for name, array in arrays.items()}
                self._annotate(found, chosen, arrays, tasks=together, **how)
        return found

    def _batches(self, sentences: Sequence[Subwords], budget: int) -> Iterator[tuple[list[int], Arrays]]:
        """Yield which sentences are in each batch, and the batch as a graph's inputs."""
        encoding, special = self.manifest.encoding, len(self.encoder.prefix) + len(self.encoder.suffix)
        sizes, lengths = [len(s.ids) + special for s in sentences], [len(s.lengths) for s in sentences]
        for chosen in plan_batches(sizes, budget=budget, words=lengths):
            layout = lay_out([sentences[i] for i in chosen], self.encoder, pad_to_multiple=encoding.pad_to_multiple)
            yield chosen, graph_inputs(layout, mean=encoding.subword == "mean")

    def _judge(
        self, graph: Graph, pairs: Sequence[Pair], *, budget: int
    ) -> Callable[[Sequence[int], Sequence[str]], Arrays]:
        """Encode the different sentences of pairs; return what gives a graph's outputs for some of the pairs."""
        sentences, at = distinct(pairs)
        places = np.array(at)
        source = self.manifest.graph_for("vectors", graph.tasks)
        parts: dict[str, list[np.ndarray]] = {}
        order: list[int] = []
        for chosen, given in self._batches(sentences, budget):
            for name, array in self._run(source.file, given).items():
                parts.setdefault(_task_of(name), []).append(array)
            order += chosen
        back = np.argsort(order)
        vectors = {task: np.concatenate(found)[back] for task, found in parts.items()}

        def judge(chosen: Sequence[int], outputs: Sequence[str]) -> Arrays:
            rows = places[list(chosen)]
            given = {f"{task}/{side}": v[rows[:, i]] for task, v in vectors.items() for i, side in enumerate(SIDES)}
            return self._run(graph.file, given, outputs)

        return judge

    def _joined_batches(
        self, pairs: Sequence[Pair], *, budget: int, both_orders: bool
    ) -> Iterator[tuple[list[int], Arrays]]:
        """Yield which pairs are in each batch, and the batch as a graph's inputs, each pair in one row."""
        encoding = self.manifest.encoding
        sizes = [len(first.ids) + len(second.ids) + self.encoder.joint.special for first, second in pairs]
        for chosen in plan_batches(sizes, budget=max(1, budget // (1 + both_orders))):
            rows = [pairs[i] for i in chosen]
            layout = lay_out_joined(
                [*rows, *turned(rows)] if both_orders else rows,
                self.encoder,
                pad_to_multiple=encoding.pad_to_multiple,
            )
            yield chosen, joined(graph_inputs(layout, mean=encoding.subword == "mean", both_orders=both_orders))

    def _fed(self, graph: Graph) -> list[str]:
        """Return the tasks on pairs read apart whose beliefs a graph reads."""
        return [_task_of(i.name) for i in self._session(graph.file).get_inputs() if i.name.endswith(FED)]

    def _outputs(self, graph: Graph, tasks: Sequence[str]) -> list[str]:
        """Return the names of those of a graph's outputs of which some tasks' answers are made."""
        names = [output.name for output in self._session(graph.file).get_outputs()]
        return [name for name in names if _task_of(name) in tasks and not name.endswith(SAID)]

    def _annotate(
        self,
        found: Sequence[dict[str, Annotation]],
        chosen: Sequence[int],
        arrays: Arrays,
        *,
        words: Sequence[Sequence[str]],
        tasks: Sequence[str],
        probabilities: bool,
    ) -> None:
        """Put the annotations of a batch where they belong, given the arrays of the tasks."""
        forms = [words[i] for i in chosen]
        of_task = {
            task: {n.removeprefix(f"{task}/"): a for n, a in arrays.items() if _task_of(n) == task}
            for task in with_consulted(tasks, self._consulted)
        }
        first = {
            task: self._decode(task, own, forms, probabilities=probabilities and task in tasks)
            for task, own in of_task.items()
        }

        def reconsider(task: str, annotations: list[Annotation], answers: list[Annotation]) -> list[Annotation]:
            return self._decoders[task].reconsider(annotations, of_task[task], forms, answers)

        last = reconsidered(first, self._consulted, reconsider)
        for task in tasks:
            for i, annotation in zip(chosen, last[task], strict=True):
                found[i][task] = annotation

    def _decode(
        self, task: str, arrays: Arrays, words: Sequence[Sequence[str]], *, probabilities: bool
    ) -> list[Annotation]:
        """Return a batch's annotations, given the arrays of a task."""
        decoder, after = self._decoders[task], self.manifest.tasks[task].choice
        if after is not None:
            arrays = arrays | decoder.choose(arrays, words)
            arrays |= self._run(after, arrays)
        return decoder(arrays, words, probabilities=probabilities)

    def _run(self, file: str, given: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> Arrays:
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
        with self._sessions.lock:
            known = self._sessions.by_file
            if file not in known:
                known[file] = self._load(self.folder / file)
            return known[file]

    def _load(self, file: Path) -> InferenceSession:
        try:
            import onnxruntime  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise NotInstalledError(
                "running ONNX graphs needs onnxruntime, which is not installed; pip install 'hiernlp[onnx]', or "
                "onnxruntime alone"
            ) from None
        options = onnxruntime.SessionOptions()
        # A fork is one of several processes at work, so that one thread is its share.
        options.intra_op_num_threads = 1 if is_fork() else self._threads or 0
        # Threads that wait for work by turning in circles take the processor from whatever else runs: a service's
        # requests, another graph's threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
