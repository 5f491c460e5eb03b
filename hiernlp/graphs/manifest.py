"""What a folder of graphs holds. Nothing here needs torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hiernlp.encoding.subwords import EncodingSettings, SpecialSubwords
from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.inference.document import Level
from hiernlp.inference.tasks import TaskInfo
from hiernlp.settings import Settings, validate

MANIFEST, WEIGHTS, TOKENIZER, RECIPE = "manifest.json", "weights.bin", "tokenizer.json", "recipe.yaml"
MODEL_TYPE = "hiernlp-onnx"
FORMAT = 2
"""Version of the folder's layout."""


class ExportedTask(Settings):
    """One task: how its answers are made of its graph's arrays, and what there is to tell of it."""

    kind: str
    """Name of its decoder."""
    options: dict[str, Any]
    """All of its options."""
    labels: dict[str, list[str]]
    """Its label spaces by role."""
    level: Level
    """What its columns are said of."""
    columns: list[str]
    """The annotation columns that it writes."""
    low: int = Field(ge=0)
    """The lowest layer that it reads."""
    high: int = Field(ge=0)
    """The highest layer that it reads."""
    depth: int = Field(ge=0)
    """Number of layers that are computed for it alone."""
    pairs: bool = False
    """Whether it reads pairs of sentences."""
    feeds: list[str] = []
    """What its beliefs are fed to: other tasks, or the encoder."""
    description: str = ""
    """What it is, in a sentence."""
    choice: str | None = None
    """File of the graph that is run once the decoder has chosen, if there is one."""

    @property
    def info(self) -> TaskInfo:
        """What an analyzer can tell of it."""
        return TaskInfo(**self.model_dump(exclude={"choice"}))


Reads = Literal["sentences", "vectors", "judged", "joined"]
"""What a graph reads and gives: ``sentences`` to what their tasks say; sentences to the ``vectors`` by which pairs are
read apart; two vectors a pair to what is ``judged`` of the pairs; ``joined`` pairs to what their tasks say."""


class Graph(Settings):
    """One graph."""

    file: str
    """Its file."""
    reads: Reads
    """What it reads and gives."""
    depth: int = Field(ge=0)
    """Number of layers that it computes."""
    tasks: list[str]
    """The tasks whose arrays it gives."""
    probabilities: bool
    """Whether it gives what probabilities take."""
    both_orders: bool = False
    """Whether joined pairs are followed by the same pairs turned round."""


class Manifest(Settings):
    """What a folder of graphs holds."""

    model_type: Literal["hiernlp-onnx"] = MODEL_TYPE
    """What tells it from other files of this name."""
    format: Literal[2] = FORMAT
    """Version of the folder's layout."""
    hiernlp_version: str
    """The library that made it."""
    language: str
    """Language code of the rules that split raw text."""
    layers: int = Field(ge=0)
    """Number of layers of the model's encoder, whether a task reads the highest or not."""
    encoding: EncodingSettings
    """How words become subwords and batches."""
    limit: int = Field(ge=1)
    """Most subwords in one run, special ones included."""
    special: SpecialSubwords
    """The tokenizer's special subwords."""
    tasks: dict[str, ExportedTask]
    """The tasks, bottom-up."""
    graphs: list[Graph]
    """The graphs, by depth."""
    sizes: dict[str, int]
    """The size in bytes of every other file of the folder."""

    def graph_for(self, reads: Reads, tasks: Sequence[str], *, probabilities: bool = False) -> Graph:
        """Return the graph that goes as deep as some tasks, for all tasks up to there that read alike."""
        depth = max(self.tasks[task].depth for task in tasks)
        fitting = (g for g in self.graphs if (g.reads, g.depth, g.probabilities) == (reads, depth, probabilities))
        return next(fitting)

    def joins(self, task: str) -> bool:
        """Tell whether a task reads pairs of sentences joined."""
        return any(graph.reads == "joined" and task in graph.tasks for graph in self.graphs)


def is_exported(folder: str | Path) -> bool:
    """Tell whether a folder says that it holds graphs."""
    return (Path(folder).expanduser() / MANIFEST).is_file()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest of a folder whose other files are complete."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")


def read_recipe(folder: Path) -> dict[str, Any]:
    """Return the resolved recipe that the model was trained by; empty if it came without one."""
    import yaml  # noqa: PLC0415 - analysis takes it not

    file = folder / RECIPE
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}


def read_manifest(folder: str | Path) -> Manifest:
    """Read a folder's manifest, and look whether all its files are there and whole.

    Raises:
        ModelFolderError: it is no folder of graphs, it is of another version, or a file is missing or cut off.
    """
    path = Path(folder).expanduser()
    file = path / MANIFEST
    if not file.is_file():
        raise ModelFolderError(
            f"{path}: expected a folder that `hiernlp export` made, with {MANIFEST}, found "
            + ("none in the folder" if path.is_dir() else "no folder")
        )
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("model_type") != MODEL_TYPE:
            raise ValueError(f"model_type is not {MODEL_TYPE!r}")
        if data.get("format") != FORMAT:
            raise ModelFolderError(
                f"{file}: expected format {FORMAT}, found {data.get('format')!r}, which hiernlp "
                f"{data.get('hiernlp_version')} made; export the model again"
            )
        manifest = validate(Manifest, data)
        for name, task in manifest.tasks.items():
            own = [g for g in manifest.graphs if g.depth == task.depth and name in g.tasks and g.reads != "vectors"]
            if {graph.probabilities for graph in own} != {False, True}:
                raise ValueError(f"no graph computes the task {name!r}")
    except ModelFolderError:
        raise
    except (OSError, ValueError) as error:
        what = str(error) if isinstance(error, HierNLPError) else next(iter(str(error).splitlines()), "")
        raise ModelFolderError(f"{file}: damaged ({what}); export or copy the model again") from None
    for name, size in manifest.sizes.items():
        found = (path / name).stat().st_size if (path / name).is_file() else None
        if found != size:
            raise ModelFolderError(
                f"{path / name}: expected a file of {size:,} bytes, found "
                f"{'none' if found is None else f'one of {found:,}'}; export or copy the model again"
            )
    return manifest
