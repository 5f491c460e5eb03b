"""From what a recipe says about a corpus to its datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.corpora._cache import DEFAULT_CACHE
from hiernlp.corpora._schema import BASE, SECOND
from hiernlp.corpora._split import Split, cut, thin
from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.registry import readers
from hiernlp.settings import Settings, validate

if TYPE_CHECKING:
    import datasets

SPLITS = ("train", "dev", "test")
"""The names of a corpus's splits."""


def load_corpus(
    *,
    reader: str,
    options: Mapping[str, Any] | Settings,
    sources: Mapping[str, Sequence[str]],
    base: Path,
    split: Split | None = None,
    rename: Mapping[str, str] | None = None,
    cache_dir: Path | None = DEFAULT_CACHE,
) -> dict[str, datasets.Dataset]:
    """Read a corpus into the annotation schema (see :mod:`hiernlp.corpora`).

    Args:
        reader: name of the reader, such as ``"conllu"``.
        options: the reader's settings.
        sources: for ``train``, ``dev`` and ``test``, any of them, the files or patterns (the hub reader: split names).
        base: the folder that relative paths start from, such as the recipe's.
        split: shares to cut from ``train``, and how much of the rest to keep.
        rename: other names for annotation columns, by the names that the reader gives them.
        cache_dir: where Arrow files are kept; None keeps the corpus in memory.

    Returns:
        The splits that there are, in the order of :data:`SPLITS`.

    Raises:
        RecipeError: there is no such reader, option, split or column to rename, two columns would have one name, or a
            split is given both by files and by share.
        DataError: the sources cannot be read as declared, or hold no sentence.
    """
    if reader not in readers.names():
        raise RecipeError(f"reader: there is no reader called {reader!r}{did_you_mean(reader, readers.names())}")
    unknown = [name for name in sources if name not in SPLITS]
    if unknown:
        raise RecipeError(f"there is no split called {unknown[0]!r}{did_you_mean(unknown[0], SPLITS)}")
    given = {name: sources[name] for name in SPLITS if sources.get(name)}
    if not given:
        raise RecipeError(f"expected files for at least one of {', '.join(SPLITS)}, found none")
    shares = {name for name in ("dev", "test") if split and getattr(split, name)}
    twice = sorted(shares & set(given))
    if twice:
        raise RecipeError(f"split.{twice[0]}: {twice[0]} has files of its own; leave out the share or the files")
    if shares and "train" not in given:
        raise RecipeError("split: there is no training data to cut shares from; give files for train")

    part = readers.load(reader)
    made = part(_settings(part.Options, options))
    _check_names(list(made.columns()), rename or {})
    splits = {name: made.read(files, base=base, cache_dir=cache_dir) for name, files in given.items()}
    if split and shares:
        splits |= cut(splits["train"], split)
    if split and "train" in splits:
        splits["train"] = thin(splits["train"], split)
    return {name: _renamed(splits[name], rename or {}) for name in SPLITS if name in splits}


def _check_names(columns: Sequence[str], rename: Mapping[str, str]) -> None:
    for old, new in rename.items():
        if old not in columns:
            raise RecipeError(f"rename.{old}: the reader gives no such column{did_you_mean(old, columns)}")
        kept = [rename.get(column, column) for column in columns]
        if new in (*BASE, SECOND) or kept.count(new) > 1:
            raise RecipeError(f"rename.{old}: there is a column {new!r} already; choose another name")


def _renamed(dataset: datasets.Dataset, rename: Mapping[str, str]) -> datasets.Dataset:
    present = {old: new for old, new in rename.items() if old in dataset.column_names}
    return dataset.rename_columns(present) if present else dataset


def _settings(kind: type[Settings], options: Mapping[str, Any] | Settings) -> Settings:
    """Return validated settings.

    Raises:
        RecipeError: a key is unknown or a value has the wrong type; names the first.
    """
    if isinstance(options, kind):
        return options
    if isinstance(options, Settings):
        raise RecipeError(f"options: expected {kind.__name__}, found {type(options).__name__}")
    return validate(kind, dict(options), path="options")
