"""What a folder of graphs holds. Nothing here needs torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hiernlp.encoding.subwords import EncodingSettings, SpecialSubwords
from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.settings import Settings, validate

MANIFEST, WEIGHTS, TOKENIZER = "manifest.json", "weights.bin", "tokenizer.json"
MODEL_TYPE = "hiernlp-onnx"
FORMAT = 1
"""Version of the folder's layout."""


class ExportedTask(Settings):
    """One task, as far as its answers are made of its graph's arrays."""

    kind: str
    """Name of its decoder."""
    options: dict[str, Any]
    """All of its options."""
    labels: dict[str, list[str]]
    """Its label spaces by role."""
    level: Literal["token", "spans", "sentence"]
    """What its columns are said of."""
    columns: list[str]
    """The annotation columns that it writes."""
    depth: int = Field(ge=0)
    """The deepest layer that it reads."""
    choice: str | None = None
    """File of the graph that is run once the decoder has chosen, if there is one."""


class Graph(Settings):
    """One graph over sentences."""

    file: str
    """Its file."""
    depth: int = Field(ge=0)
    """Number of layers that it computes."""
    tasks: list[str]
    """The tasks whose arrays it gives."""
    probabilities: bool
    """Whether it gives what probabilities take."""


class Manifest(Settings):
    """What a folder of graphs holds."""

    model_type: Literal["hiernlp-onnx"] = MODEL_TYPE
    """What tells it from other files of this name."""
    format: Literal[1] = FORMAT
    """Version of the folder's layout."""
    hiernlp_version: str
    """The library that made it."""
    language: str
    """Language code of the rules that split raw text."""
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

    def graph_for(self, depth: int, *, probabilities: bool) -> Graph:
        """Return the graph of all tasks up to a layer on which one ends."""
        return next(g for g in self.graphs if g.depth == depth and g.probabilities == probabilities)


def is_exported(folder: str | Path) -> bool:
    """Tell whether a folder says that it holds graphs."""
    return (Path(folder).expanduser() / MANIFEST).is_file()


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest of a folder whose other files are complete."""
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")


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
        depths = {(graph.depth, graph.probabilities) for graph in manifest.graphs}
        for name, task in manifest.tasks.items():
            if not {(task.depth, False), (task.depth, True)} <= depths:
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
