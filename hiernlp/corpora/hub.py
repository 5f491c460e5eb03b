"""Datasets from the hub, from a folder that ``save_to_disk`` wrote, or from a folder of data files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.corpora._base import Part, Reader
from hiernlp.corpora._files import find_files
from hiernlp.corpora._schema import Row, Shape
from hiernlp.corpora._values import TableOptions
from hiernlp.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import datasets

SAVED = ("dataset_dict.json", "state.json")
"""Files by one of which a folder that ``save_to_disk`` wrote is known."""


class HubOptions(TableOptions):
    """Settings of the reader of datasets."""

    dataset: str
    """Id of a dataset on the hub, such as ``universal_dependencies/ewt``, or a folder."""
    name: str | None = None
    """The dataset's configuration, where it has several."""
    revision: str | None = None
    """Branch, tag or commit of a dataset on the hub; name one so that a later run reads the same data."""


class Hub(Reader[HubOptions]):
    """Reads datasets of the ``datasets`` library; the sources are names of splits, such as ``train``.

    Class labels stored as numbers become their names, for sentences as for words (tags that mark spans too). Code that
    comes with a dataset is never run. In messages, the line is the number of the row, counted from 1.
    """

    Options = HubOptions

    def columns(self) -> Mapping[str, Shape]:
        """Return the annotations of the options."""
        return self.options.shapes()

    def parts(self, sources: Sequence[str], *, base: Path) -> list[Part]:
        """Return one part a split."""
        splits = load_splits(self.options, base=base)
        parts: list[Part] = []
        for source in dict.fromkeys(sources):
            if source not in splits:
                raise DataError(
                    f"there is no split {source!r}{did_you_mean(source, splits)}", file=self.options.dataset
                )
            split = splits[source]
            name = f"{self.options.dataset} ({source})"
            self.options.check_available(split.column_names, file=name)
            # The fingerprint identifies a dataset's content; there is no public name for it.
            parts.append(Part(name, split._fingerprint, _rows_of(split, self.options, name)))
        return parts


def load_splits(options: HubOptions, *, base: Path) -> dict[str, datasets.Dataset]:
    """Return a dataset's splits by name.

    Raises:
        DataError: it is not there, or cannot be loaded.
    """
    import datasets  # noqa: PLC0415 - takes a second
    from datasets.exceptions import DatasetsError  # noqa: PLC0415

    folder = (base / Path(options.dataset).expanduser()).absolute()
    saved = any((folder / file).is_file() for file in SAVED)
    if not folder.exists() and options.dataset.startswith((".", "/", "~")):
        find_files([options.dataset], base=base)
    try:
        if saved:
            found = datasets.load_from_disk(str(folder))
        elif folder.is_dir():
            found = datasets.load_dataset(str(folder), options.name)
        else:
            found = datasets.load_dataset(options.dataset, options.name, revision=options.revision)
    except LookupError:  # what the library raises for a saved split without rows, or a damaged one
        raise DataError("the dataset cannot be loaded: it is empty or damaged", file=options.dataset) from None
    except (OSError, ValueError, DatasetsError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"the dataset cannot be loaded: {reason}", file=options.dataset) from None
    if isinstance(found, datasets.Dataset):
        return {str(found.split or "train"): found}
    return {str(name): split for name, split in found.items()}


def _rows_of(split: datasets.Dataset, options: HubOptions, name: str) -> Callable[[], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        needed = [str(column) for column in options.needed()]
        chosen = split.with_format(None).select_columns(needed)
        names = {column: _namer(chosen.features[column]) for column in needed}
        for number, cells in enumerate(chosen, start=1):
            named = {column: names[column](value) for column, value in dict(cells).items()}
            yield options.row(named, file=name, line=number)

    return rows


def _namer(feature: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - any of the types of features
    """Return the function that turns numbers of class labels into names, at any depth of lists."""
    import datasets  # noqa: PLC0415

    if isinstance(feature, datasets.ClassLabel):
        names = feature.names
        return lambda value: None if value is None or value < 0 else names[value]
    if isinstance(feature, datasets.List | datasets.LargeList):
        inner = _namer(feature.feature)
        return lambda values: None if values is None else [inner(value) for value in values]
    return lambda value: value
