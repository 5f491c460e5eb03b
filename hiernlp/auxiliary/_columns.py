"""From a maker to an annotation column in every split of a corpus."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.corpora import SECOND, column_type
from hiernlp.errors import DataError, HierNLPError
from hiernlp.registry import auxiliary
from hiernlp.settings import validate

if TYPE_CHECKING:
    import datasets

Splits = dict[str, "datasets.Dataset"]
"""The splits of one corpus by name."""

NAMED = "corpus"
"""The column in which a maker finds the corpus's name; only makers see it."""


def add_hint(
    corpora: Mapping[str, Splits], *, task: str, maker: str, options: Mapping[str, Any], base: Path
) -> dict[str, Splits]:
    """Return some corpora with a hint's labels as the column ``task`` in every split.

    Corpora of pairs are left as they are, as are a corpus and a split that lack a column which the maker needs.

    Args:
        corpora: the splits by corpus; the maker learns from those called ``train``.
        task: the task, which gives the column its name.
        maker: the name of the maker.
        options: its settings.
        base: the folder that relative paths in them start from.

    Raises:
        HierNLPError: the column is there already, no corpus has what the maker needs, or it failed on a sentence.
    """
    made = auxiliary.load(maker)
    settings = validate(made.Options, options, path=f"tasks.{task}.hint.options")
    needs = made.needs(settings)
    fitting = {
        name: splits
        for name, splits in corpora.items()
        if SECOND not in splits["train"].column_names
        and all(column in splits["train"].column_names for column in needs)
    }
    if not fitting:
        wanted = " and ".join(map(repr, needs)) or "single sentences"
        raise DataError(
            f"tasks.{task}.hint: the maker {maker!r} reads {wanted}, which no corpus has; give a corpus that has it, "
            "or another maker"
        )
    for name, splits in fitting.items():
        if task in splits["train"].column_names:
            raise DataError(
                f"tasks.{task}.hint: the corpus {name!r} has an annotation {task!r} already; give the task another name"
            )
    with _told_of(task):
        instance = made(settings, base=base)
        instance.fit(row for splits in fitting.values() for row in splits["train"].select_columns(["words", *needs]))
    identity = json.dumps([maker, options, task, sorted(fitting)], default=str)
    found = dict(corpora)
    for name, splits in fitting.items():
        found[name] = {}
        for split, rows in splits.items():
            if any(column not in rows.column_names for column in needs):
                found[name][split] = rows
                continue
            present = [
                column for column in ("words", *needs, "document", "file", "line") if column in rows.column_names
            ]
            sentences = (dict(row) | {NAMED: name} for row in rows.select_columns(present))
            with _told_of(task):
                values = list(instance.labels(sentences))
            prints = "".join(s["train"]._fingerprint for s in fitting.values())
            state = f"{rows._fingerprint}\0{prints}\0{identity}"
            found[name][split] = rows.add_column(
                task,
                values,  # pyright: ignore[reportArgumentType] - a list will do
                new_fingerprint=hashlib.sha256(state.encode()).hexdigest()[:32],
                feature=column_type(made.shape_of(settings)),
            )
    return found


@contextmanager
def _told_of(task: str) -> Iterator[None]:
    """Let a mistake in the block say whose hint it is about."""
    try:
        yield
    except HierNLPError as error:
        raise type(error)(f"tasks.{task}.hint: {error}") from None
