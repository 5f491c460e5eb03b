"""Tasks whose decoders consult the answers of other tasks: lemmas, which go by tags."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from hiernlp.decoding._base import Annotation

Consulted = Mapping[str, Mapping[str, str]]
"""Of each task that consults others, the columns that it goes by and the tasks that answer them."""


def consulted(
    wanted: Mapping[str, Collection[str]], written: Mapping[str, Collection[str]]
) -> dict[str, dict[str, str]]:
    """Return which tasks consult which; a task goes without the others unless the model answers all that it wants.

    Args:
        wanted: the columns that each task consults.
        written: the columns that each task answers.

    Example:
        >>> consulted({"upos": (), "lemmas": ("upos",)}, {"upos": ("upos",), "lemmas": ("lemma",)})
        {'lemmas': {'upos': 'upos'}}
    """
    found: dict[str, dict[str, str]] = {}
    for task, columns in wanted.items():
        of = {column: other for other, own in written.items() for column in own if other != task and column in columns}
        if columns and of.keys() == set(columns):
            found[task] = of
    return found


def with_consulted(tasks: Sequence[str], consulting: Consulted) -> list[str]:
    """Return tasks and, after them, the others whose answers they consult."""
    others = (other for task in tasks for other in consulting.get(task, {}).values())
    return list(dict.fromkeys([*tasks, *others]))


def reconsidered(
    annotations: Mapping[str, list[Annotation]],
    consulting: Consulted,
    reconsider: Callable[[str, list[Annotation], list[Annotation]], list[Annotation]],
) -> dict[str, list[Annotation]]:
    """Return a batch's annotations after those tasks that consult others have done so, all by the first answers.

    Args:
        annotations: each task's annotations, one a sentence, those of consulted tasks included.
        consulting: which tasks consult which.
        reconsider: makes a task's annotations anew, given them and each sentence's consulted columns.
    """
    found = dict(annotations)
    for task in annotations.keys() & consulting.keys():
        columns = consulting[task]
        answers = [
            {column: annotations[other][i][column] for column, other in columns.items()}
            for i in range(len(annotations[task]))
        ]
        found[task] = reconsider(task, annotations[task], answers)
    return found
