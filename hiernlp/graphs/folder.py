"""A folder of graphs, made and checked before any of its files is in place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.files import replaced_files
from hiernlp.graphs.checking import TaskCheck, check, disagreement, with_words
from hiernlp.graphs.exporter import checked_tasks, export
from hiernlp.graphs.manifest import is_exported, read_manifest
from hiernlp.graphs.running import GraphModel
from hiernlp.hub.folder import CONFIG, Bundle


def save_graphs(
    bundle: Bundle,
    folder: Path,
    *,
    sentences: Sequence[Sequence[str]],
    tasks: Collection[str] | None = None,
    told: Callable[[Mapping[str, TaskCheck]], object] = lambda _: None,
) -> Mapping[str, TaskCheck]:
    """Export a model into a folder; what lay there before stays until all is written and checked.

    Args:
        bundle: the model.
        folder: the folder.
        sentences: the words of sentences to check the graphs on.
        tasks: the tasks to export, by default all; what feeds them comes along.
        told: called with how the answers compare, whether that is good enough or not.

    Raises:
        HierNLPError: a task cannot be exported, or its graphs do not say what torch says.
        ModelFolderError: the folder is that of a model, or cannot be written to.
        NotInstalledError: a library is absent.
    """
    checked_tasks(bundle, tasks)
    sentences = with_words(sentences)
    if folder.is_file() or (folder / CONFIG).exists():
        what = "a file" if folder.is_file() else "a model folder"
        raise ModelFolderError(f"{folder}: expected a folder to make, found {what}; choose another")
    old = set(read_manifest(folder).sizes) if is_exported(folder) else set()
    try:
        with replaced_files(folder) as new:
            manifest = export(bundle, new, tasks=tasks)
            found = check(bundle, GraphModel(new), sentences)
            told(found)
            wrong = disagreement(found)
            if wrong:
                raise HierNLPError(f"{wrong}; nothing was written")
    except OSError as error:
        raise ModelFolderError(f"{folder}: the graphs cannot be saved ({error})") from error
    for name in old - set(manifest.sizes):
        (folder / name).unlink()
    return found
