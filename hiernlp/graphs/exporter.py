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
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from hiernlp.encoding.collate import WordBatch
from hiernlp.encoding.grid import lay_out
from hiernlp.encoding.joined import lay_out_joined, turned
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import HierNLPError, NotInstalledError
from hiernlp.graphs.batch import GraphBatch
from hiernlp.graphs.inputs import FED, JOINED, SAID, SIDES, graph_inputs, joined
from hiernlp.graphs.manifest import RECIPE, TOKENIZER, WEIGHTS, ExportedTask, Graph, Manifest, Reads, write_manifest
from hiernlp.hub.folder import Bundle, restricted
from hiernlp.inference.analyzer import task_infos
from hiernlp.kinds._base import Kind, OnHost
from hiernlp.model import HierarchicalModel
from hiernlp.version import library_version

OPSET = 20
"""Version of ONNX's operators; the newest that onnxruntime runs as fast as torch."""
WHOLE, VECTOR = "whole.onnx", "/vector"
SAMPLE = ("The quick brown fox jumped over 42 lazy dogs and 7 cats .", "Why not ?", "Unbelievably")
"""Sentences that go through the model while its graph is made; of their sizes nothing remains in it."""
WINDOW = 10
"""Subwords of a window of the sample. Windows, subwords, sentences and words must differ in number: sizes that are
alike in the sample are alike in the graph."""
PAIRS = ((0, 1), (1, 2), (0, 2), (2, 1))
"""Pairs of these sentences that do, as many as make no size alike to another."""
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
        HierNLPError: there is no such task.
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
    return model.needed(list(model.tasks if tasks is None else tasks))


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
        self.infos = task_infos(bundle)
        self.groups = _groups(self.model)

    def __call__(self) -> Manifest:
        with torch.no_grad():
            plain = {task: list(self._arrays(task, LENGTHS, probabilities=False)) for task in self.model.tasks}
            likely = {task: list(self._arrays(task, LENGTHS, probabilities=True)) for task in self.model.tasks}
            self._whole()
            graphs = self._cut(plain, likely)
            choices = {task: self._choice(task) for task in self.model.tasks}
        (self.folder / WHOLE).unlink()
        tokenizer = self.bundle.encoder.tokenizer.backend_tokenizer
        tokenizer.save(str(self.folder / TOKENIZER))
        if self.bundle.recipe:
            text = yaml.safe_dump(self.bundle.recipe, sort_keys=False, allow_unicode=True)
            (self.folder / RECIPE).write_text(text, encoding="utf-8")
        manifest = Manifest(
            hiernlp_version=library_version(),
            language=self.bundle.language,
            layers=self.model.scheme.depth,
            encoding=self.bundle.encoding,
            limit=self.bundle.encoder.limit,
            special=self.bundle.encoder.special,
            tasks={
                task: ExportedTask.model_validate({**vars(info), "choice": choices[task]})
                for task, info in self.infos.items()
            },
            graphs=graphs,
            sizes={file.name: file.stat().st_size for file in sorted(self.folder.iterdir())},
        )
        write_manifest(manifest, self.folder)
        return manifest

    def _arrays(self, task: str, lengths: Sequence[int], *, probabilities: bool = True) -> dict[str, Tensor]:
        """Return what a task's head says of any states of sentences of so many words."""
        head = _head(self.model, task)
        return head.arrays(head(*self._states(task, lengths).values()), probabilities=probabilities)

    def _states(self, task: str, lengths: Sequence[int]) -> dict[str, Tensor]:
        """Return any states that a task's head may read of sentences of so many words, and their mask."""
        words = max(lengths)
        return {
            "words": torch.randn(len(lengths), words, _head(self.model, task).hidden_size),
            "mask": torch.arange(words) < torch.tensor(lengths).unsqueeze(-1),
        }

    def _whole(self) -> None:
        """Write the graph of all that there is, with its weights in a file of their own."""
        import onnx_ir  # noqa: PLC0415 - an extra

        sample = _sample(self.bundle, self.groups)
        names = {task: f"t{number}" for number, task in enumerate(self.model.tasks)}
        # Modules under some names, such as `type`, are none to torch's exporter, which takes them for methods.
        whole = _Whole(self.model.renamed(names), names=names, groups=self.groups, inputs=sample)
        outputs = list(whole.named(sample))
        try:
            program = _exported(whole, sample, sizes={n: _free(n, t) for n, t in sample.items()}, outputs=outputs)
        except Exception as error:
            raise self._explained(error) from error
        onnx_ir.save(program.model, self.folder / WHOLE, external_data=WEIGHTS)

    def _explained(self, error: Exception) -> HierNLPError:
        """Return what to tell of a model of which torch can make no graph: the first task whose head is at fault."""
        for task in self.model.tasks:
            sample = self._states(task, LENGTHS)
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
        """Write, for each depth at which a task ends, a graph of each way of reading that tasks up to there have.

        Most are there without and with what probabilities take.
        """
        from hiernlp.graphs.cutting import cut  # noqa: PLC0415 - an extra

        graphs: list[Graph] = []
        for reads, readers in self.groups.items():
            for depth in sorted({self.infos[task].depth for task in readers}):
                tasks = [task for task in readers if self.infos[task].depth <= depth]
                for probabilities in (False,) if reads == "vectors" else (False, True):
                    arrays = whole if probabilities else plain
                    outputs = [f"{task}/{name}" for task in tasks for name in arrays[task]]
                    if reads == "vectors":
                        outputs = [f"{task}{VECTOR}" for task in tasks]
                    elif reads == "judged":
                        outputs += [f"{task}{SAID}" for task in tasks]
                    stem = f"{'depth' if reads == 'sentences' else reads}-{depth}"
                    file = f"{stem}{'-probabilities' if probabilities else ''}.onnx"
                    rows = {"judged": f"{tasks[0]}/{SIDES[0]}", "joined": f"{JOINED}word_mask"}.get(reads)
                    cut(self.folder / WHOLE, outputs, self.folder / file, rows=rows)
                    graphs.append(
                        Graph(
                            file=file,
                            reads=reads,
                            depth=depth,
                            tasks=tasks,
                            probabilities=probabilities,
                            both_orders=reads == "joined" and _both_orders(self.model, readers),
                        )
                    )
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
    """All tasks of a model, in all ways of reading that they have.

    Args:
        model: the model, its tasks under other names.
        names: these names by the tasks' own ones.
        groups: the tasks by what they read.
        inputs: names of the inputs.
    """

    def __init__(
        self,
        model: HierarchicalModel,
        *,
        names: Mapping[str, str],
        groups: Mapping[Reads, Sequence[str]],
        inputs: Iterable[str],
    ) -> None:
        super().__init__(inputs)
        self.model = model
        self.renamed = dict(names)
        self.groups = {reads: list(tasks) for reads, tasks in groups.items()}

    def outputs(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        return list(self.named(inputs).values())

    def named(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the graph's outputs by name."""
        found: dict[str, Tensor] = {}
        tasks = {reads: [self.renamed[task] for task in readers] for reads, readers in self.groups.items()}
        sentences = {name: tensor for name, tensor in inputs.items() if not name.startswith(JOINED) and "/" not in name}
        if "sentences" in tasks:
            found |= self._said("sentences", self.model(_batch(sentences), tasks=tasks["sentences"]))
        if "vectors" in tasks:
            vectors = self.model.vectors(_batch(sentences), tasks=tasks["vectors"])
            found |= {f"{task}{VECTOR}": vectors[self.renamed[task]] for task in self.groups["vectors"]}
            first, second = ({task: inputs[f"{task}/{side}"] for task in self.groups["judged"]} for side in SIDES)
            judged = self.model.judge({self.renamed[task]: (first[task], second[task]) for task in first})
            found |= self._said("judged", judged)
            found |= {f"{task}{SAID}": judged[self.renamed[task]] for task in self.groups["judged"]}
        if "joined" in tasks:
            batch = {n.removeprefix(JOINED): t for n, t in inputs.items() if n.startswith(JOINED) and "/" not in n}
            said = {new: inputs[name] for task, new in self.renamed.items() if (name := f"{task}{FED}") in inputs}
            outputs = self.model.read_rows(
                _batch(batch),
                tasks=tasks["joined"],
                judged=said,
                both_orders=_both_orders(self.model, tasks["joined"]),
            )
            found |= self._said("joined", outputs)
        return found

    def _said(self, reads: Reads, outputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the arrays of tasks that read alike."""
        found: dict[str, Tensor] = {}
        for task in self.groups[reads]:
            name = self.renamed[task]
            arrays = _head(self.model, name).arrays(outputs[name], probabilities=True)
            found |= {f"{task}/{array}": tensor for array, tensor in arrays.items()}
        return found


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


def _groups(model: HierarchicalModel) -> dict[Reads, list[str]]:
    """Return the tasks by what their graphs read, bottom-up."""
    found: dict[Reads, list[str]] = {
        "sentences": [task for task in model.tasks if not model.reads_pairs(task)],
        "vectors": [task for task in model.tasks if task in model.apart],
        "judged": [task for task in model.tasks if task in model.apart],
        "joined": [task for task in model.tasks if task in model.joined],
    }
    return {reads: tasks for reads, tasks in found.items() if tasks}


def _both_orders(model: HierarchicalModel, joined: Collection[str]) -> bool:
    """Tell whether the graphs of joined pairs read them in both orders."""
    return not model.symmetric.isdisjoint(joined)


def _sample(bundle: Bundle, groups: Mapping[Reads, Sequence[str]]) -> dict[str, Tensor]:
    """Return what goes through a model while its graph is made; of its sizes nothing remains in the graph."""
    model, mean = bundle.model, bundle.encoding.subword == "mean"
    special = bundle.encoder.special
    narrow = SubwordEncoder(
        bundle.encoder.tokenizer,
        limit=len(special.prefix) + WINDOW + len(special.suffix),
        letter_case=bundle.encoding.letter_case,
        special=special,
    )
    arrays: dict[str, np.ndarray] = {}
    if "sentences" in groups or "vectors" in groups:
        layout = lay_out(narrow.encode([sentence.split() for sentence in SAMPLE]), narrow)
        arrays |= graph_inputs(layout, mean=mean)
    sizes = {size for array in arrays.values() for size in array.shape}
    rows = 0
    if "joined" in groups:
        sentences = bundle.encoder.encode([sentence.split() for sentence in SAMPLE])
        both = _both_orders(model, groups["joined"])
        rows = _unlike(sizes, step=1 + both)
        pairs = [(sentences[i], sentences[j]) for i, j in islice(cycle(PAIRS), rows // (1 + both))]
        layout = lay_out_joined([*pairs, *turned(pairs)] if both else pairs, bundle.encoder)
        arrays |= joined(graph_inputs(layout, mean=mean, both_orders=both))
        sizes |= {rows, *layout.ids.shape, *layout.present.shape}
    sample = {name: torch.from_numpy(array) for name, array in arrays.items()}
    number = _unlike(sizes)
    for task in groups.get("judged", ()):
        sample |= {f"{task}/{side}": torch.randn(number, model.scheme.hidden_size) for side in SIDES}
    for task in dict.fromkeys(f.source for f in model.feeds if f.source in model.apart and f.target in model.joined):
        head = _head(model, task)
        states = torch.randn(rows, 1, head.hidden_size)
        sample[f"{task}{FED}"] = head(states, torch.ones(rows, 1, dtype=torch.bool))
    return sample


def _unlike(sizes: Collection[int], *, step: int = 1) -> int:
    """Return a number of rows, a multiple of ``step``, that is no other size of the sample, and neither 0 nor 1."""
    return next(size for size in count(2 * step, step) if size not in sizes)


def _free(name: str, tensor: Tensor) -> Iterable[int]:
    """Return which dimensions of an input of the whole graph may be of another size."""
    of_pairs = name.endswith((FED, *(f"/{side}" for side in SIDES)))
    return (0,) if of_pairs else range(tensor.dim())


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
