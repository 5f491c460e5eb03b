"""Making ONNX graphs of a model.

The whole model goes through torch's exporter once, which takes most of the time; the graph for each depth is then cut
out of the whole one. onnxruntime computes all of a graph, whichever outputs it is asked for, so that a request as deep
as its tasks takes a graph for each depth.
"""

from __future__ import annotations

import logging
import warnings
from abc import ABC, abstractmethod
from collections import UserDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from hiernlp.encoding.collate import WordBatch
from hiernlp.encoding.grid import lay_out
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import HierNLPError, NotInstalledError
from hiernlp.graphs.batch import GraphBatch
from hiernlp.graphs.inputs import graph_inputs
from hiernlp.graphs.manifest import TOKENIZER, WEIGHTS, ExportedTask, Graph, Manifest, write_manifest
from hiernlp.hub.folder import Bundle, library_version, restricted
from hiernlp.kinds._base import Kind, OnHost
from hiernlp.model import HierarchicalModel

OPSET = 20
"""Version of ONNX's operators; the newest that onnxruntime runs as fast as torch."""
WHOLE = "whole.onnx"
SAMPLE = ("The quick brown fox jumped over 42 lazy dogs and 7 cats .", "Why not ?", "Unbelievably")
"""Sentences that go through the model while its graph is made; of their sizes nothing remains in it."""
WINDOW = 10
"""Subwords of a window of the sample. Windows, subwords, sentences and words must differ in number: sizes that are
alike in the sample are alike in the graph."""
LENGTHS, OTHER_LENGTHS = (13, 3, 1), (11, 2)
"""Numbers of words of sentences of which heads are asked by themselves."""


def export(bundle: Bundle, folder: Path, *, tasks: Collection[str] | None = None) -> Manifest:
    """Write a model as ONNX graphs into an existing, empty folder.

    Args:
        bundle: the model.
        folder: the folder.
        tasks: the tasks to export, by default all; what feeds them comes along.

    Returns:
        What the folder holds.

    Raises:
        HierNLPError: a task cannot be exported, and which.
        NotInstalledError: a library is absent.
    """
    kept = checked_tasks(bundle, tasks)
    with _quiet():
        return _Exporter(restricted(bundle, kept), folder)()


def checked_tasks(bundle: Bundle, tasks: Collection[str] | None) -> tuple[str, ...]:
    """Return the tasks that an export holds, bottom-up: those asked for and what feeds them.

    Raises:
        HierNLPError: there is no such task, or one reads pairs.
        NotInstalledError: a library that export takes is absent.
    """
    try:
        import onnxruntime  # noqa: F401, PLC0415 - an extra
        import onnxscript  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"export needs libraries that are not installed ({error.name}); pip install 'hiernlp[onnx]'"
        ) from None
    model = bundle.model
    kept = model.needed(list(model.tasks if tasks is None else tasks))
    pairs = [task for task in kept if model.reads_pairs(task)]
    if pairs:
        rest = [task for task in model.tasks if not model.reads_pairs(task)]
        how = f"export the others: --tasks {','.join(rest)}" if rest else "no other task of this model can be exported"
        raise HierNLPError(
            f"tasks: those that read pairs of sentences cannot be exported, found {', '.join(pairs)}; {how}"
        )
    return kept


class _Exporter:
    """Writes the graphs of a model.

    Args:
        bundle: the model, cut to the tasks.
        folder: where they go.
    """

    def __init__(self, bundle: Bundle, folder: Path) -> None:
        self.bundle = bundle
        self.folder = folder
        self.model = bundle.model.eval().float().cpu()
        self.mean = bundle.encoding.subword == "mean"
        special = bundle.encoder.special
        narrow = SubwordEncoder(
            bundle.encoder.tokenizer,
            limit=len(special.prefix) + WINDOW + len(special.suffix),
            letter_case=bundle.encoding.letter_case,
            special=special,
        )
        layout = lay_out(narrow.encode([sentence.split() for sentence in SAMPLE]), narrow)
        self.sample = {name: torch.from_numpy(a) for name, a in graph_inputs(layout, mean=self.mean).items()}

    def __call__(self) -> Manifest:
        with torch.no_grad():
            plain = {task: list(self._arrays(task, LENGTHS, probabilities=False)) for task in self.model.tasks}
            likely = {task: list(self._arrays(task, LENGTHS, probabilities=True)) for task in self.model.tasks}
            self._whole([f"{task}/{name}" for task, names in likely.items() for name in names])
            graphs = self._cut(plain, likely)
            choices = {task: self._choice(task) for task in self.model.tasks}
        (self.folder / WHOLE).unlink()
        tokenizer = self.bundle.encoder.tokenizer.backend_tokenizer
        tokenizer.save(str(self.folder / TOKENIZER))
        manifest = Manifest(
            hiernlp_version=library_version(),
            language=self.bundle.language,
            encoding=self.bundle.encoding,
            limit=self.bundle.encoder.limit,
            special=self.bundle.encoder.special,
            tasks={task: self._record(task, choices[task]) for task in self.model.tasks},
            graphs=graphs,
            sizes={file.name: file.stat().st_size for file in sorted(self.folder.iterdir())},
        )
        write_manifest(manifest, self.folder)
        return manifest

    def _arrays(self, task: str, lengths: Sequence[int], *, probabilities: bool = True) -> dict[str, Tensor]:
        """Return what a task's head says of any states of sentences of so many words."""
        return _head(self.model, task).arrays(
            _head(self.model, task)(*self._states(lengths).values()), probabilities=probabilities
        )

    def _states(self, lengths: Sequence[int]) -> dict[str, Tensor]:
        """Return any states of sentences of so many words, and their mask."""
        words = max(lengths)
        return {
            "words": torch.randn(len(lengths), words, self.model.scheme.hidden_size),
            "mask": torch.arange(words) < torch.tensor(lengths).unsqueeze(-1),
        }

    def _whole(self, outputs: Sequence[str]) -> None:
        """Write the graph of all tasks, with its weights in a file of their own."""
        import onnx_ir  # noqa: PLC0415 - an extra

        names = {task: f"t{number}" for number, task in enumerate(self.model.tasks)}
        # Modules under some names, such as `type`, are none to torch's exporter, which takes them for methods.
        whole = _Whole(self.model.renamed(names), self.sample)
        try:
            program = _exported(whole, self.sample, outputs=outputs)
        except Exception as error:
            raise self._explained(error) from error
        onnx_ir.save(program.model, self.folder / WHOLE, external_data=WEIGHTS)

    def _explained(self, error: Exception) -> HierNLPError:
        """Return what to tell of a model of which torch can make no graph: the first task whose head is at fault."""
        sample = self._states(LENGTHS)
        for task in self.model.tasks:
            try:
                _exported(_HeadAlone(_head(self.model, task), sample), sample)
            except Exception as found:  # whatever it is, the task is named
                kind = self.bundle.tasks[task].kind
                rest = [other for other in self.model.tasks if other != task]
                return HierNLPError(
                    f"tasks: torch can make no ONNX graph of {task!r}, of the kind {kind} ({_first_line(found)}); "
                    f"leave it out, such as by --tasks {','.join(rest)}"
                )
        name = type(self.model.scheme.encoders[0].model).__name__
        return HierNLPError(
            f"torch can make no ONNX graph of this model with the encoder {name} ({_first_line(error)})"
        )

    def _cut(self, plain: Mapping[str, Collection[str]], whole: Mapping[str, Collection[str]]) -> list[Graph]:
        """Write a graph for each depth at which a task ends, without and with what probabilities take."""
        from hiernlp.graphs.cutting import cut  # noqa: PLC0415 - an extra

        graphs: list[Graph] = []
        for depth in sorted({place.high for place in self.model.places.values()}):
            tasks = [task for task in self.model.tasks if self.model.places[task].high <= depth]
            for probabilities, arrays in ((False, plain), (True, whole)):
                file = f"depth-{depth}{'-probabilities' if probabilities else ''}.onnx"
                outputs = [f"{task}/{name}" for task in tasks for name in arrays[task]]
                cut(self.folder / WHOLE, outputs, self.folder / file)
                graphs.append(Graph(file=file, depth=depth, tasks=tasks, probabilities=probabilities))
        return graphs

    def _choice(self, task: str) -> str | None:
        """Write the graph of what a task's head says once its decoder has chosen, and return its file's name.

        None if the decoder does not choose before it has all.
        """
        from hiernlp.graphs.cutting import cut  # noqa: PLC0415 - an extra

        head = _head(self.model, task)
        given, other = self._given(task, LENGTHS), self._given(task, OTHER_LENGTHS)
        if given is None or other is None:
            return None
        read = _Read(given)
        outputs = list(head.given(read, probabilities=True))
        used = {name: tensor for name, tensor in given.items() if name in read.names}
        # What depends on the batch is of another size in another batch.
        sizes = {
            n: [i for i, (a, b) in enumerate(zip(t.shape, other[n].shape, strict=True)) if a != b]
            for n, t in used.items()
        }
        program = _exported(_Given(head, used), used, sizes=sizes, outputs=outputs)
        program.save(str(self.folder / WHOLE))
        file = f"choice-{self.model.tasks.index(task)}.onnx"
        cut(self.folder / WHOLE, outputs, self.folder / file)
        return file

    def _given(self, task: str, lengths: Sequence[int]) -> dict[str, Tensor] | None:
        """Return a head's arrays for sentences of so many words, and what its decoder chooses; None if it does not."""
        arrays = self._arrays(task, lengths)
        choice = _head(self.model, task).decoder.choose(OnHost(arrays), [["word"] * length for length in lengths])
        return arrays | {name: torch.as_tensor(array) for name, array in choice.items()} if choice else None

    def _record(self, task: str, choice: str | None) -> ExportedTask:
        head, record = _head(self.model, task), self.bundle.tasks[task]
        return ExportedTask(
            kind=record.kind,
            options=head.options.model_dump(mode="json"),
            labels=record.labels,
            level=head.level,
            columns=list(head.columns(head.options)),
            depth=self.model.places[task].high,
            choice=choice,
        )


class _Read(UserDict[str, Tensor]):
    """Arrays, and the names of those that were read one by one."""

    def __init__(self, arrays: Mapping[str, Tensor]) -> None:
        self.names: set[str] = set()
        super().__init__(arrays)

    def __getitem__(self, name: str) -> Tensor:
        self.names.add(name)
        return super().__getitem__(name)


class _Function(nn.Module, ABC):
    """A function of tensors, of which a graph is made.

    Args:
        names: names of the tensors.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.names = tuple(names)

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        return self.outputs(dict(zip(self.names, inputs, strict=True)))

    @abstractmethod
    def outputs(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Return what the graph is to give."""


class _Whole(_Function):
    """All tasks of a model."""

    def __init__(self, model: HierarchicalModel, names: Iterable[str]) -> None:
        super().__init__(names)
        self.model = model

    def outputs(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        outputs = self.model(_batch(inputs), tasks=self.model.tasks)
        return [
            array
            for task, output in outputs.items()
            for array in _head(self.model, task).arrays(output, probabilities=True).values()
        ]


class _HeadAlone(_Function):
    """All that a graph computes of one head."""

    def __init__(self, head: Kind[Any, Any], names: Iterable[str]) -> None:
        super().__init__(names)
        self.head = head

    def outputs(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        output = self.head(inputs["words"], inputs["mask"])
        return [*self.head.arrays(output, probabilities=True).values(), self.head.feedback(output)]


class _Given(_Function):
    """What a head says once its decoder has chosen, given its arrays and the choice."""

    def __init__(self, head: Kind[Any, Any], names: Iterable[str]) -> None:
        super().__init__(names)
        self.head = head

    def outputs(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        return list(self.head.given(inputs, probabilities=True).values())


def _exported(
    function: _Function,
    inputs: Mapping[str, Tensor],
    *,
    sizes: Mapping[str, Iterable[int]] | None = None,
    outputs: Sequence[str] | None = None,
) -> torch.onnx.ONNXProgram:
    """Return the graph of a function.

    Args:
        function: the function.
        inputs: its inputs, by name.
        sizes: which dimensions of each input may be of another size; by default the first two.
        outputs: names of its outputs.
    """
    free = [dict.fromkeys((0, 1) if sizes is None else sizes[name], torch.export.Dim.AUTO) for name in inputs]
    # Of a view of another tensor it would be asked what it is a view of.
    whole = [tensor.clone(memory_format=torch.contiguous_format) for tensor in inputs.values()]
    traced = torch.export.export(function.eval(), (whole,), dynamic_shapes=(free,), strict=False)
    program = torch.onnx.export(
        traced,
        input_names=list(inputs),
        output_names=outputs,
        dynamo=True,
        opset_version=OPSET,
        # onnxruntime does as much itself, and what is done here fails on graphs of all kinds.
        optimize=False,
        verbose=False,
    )
    assert program is not None
    return program


def _batch(inputs: Mapping[str, Tensor]) -> WordBatch:
    # A graph's own operators, which a model calls by the same names.
    return cast("WordBatch", GraphBatch(**inputs))


def _head(model: HierarchicalModel, task: str) -> Kind[Any, Any]:
    return model.heads[task]  # pyright: ignore[reportReturnType]


def _first_line(error: BaseException) -> str:
    """Return the reason at the root of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings of torch's exporter, which are not the user's, to itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
