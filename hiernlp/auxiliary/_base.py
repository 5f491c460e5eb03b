"""What a label maker is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from hiernlp.corpora import Shape
from hiernlp.settings import Settings

Row = Mapping[str, Any]
"""One sentence in the annotation schema: ``words`` and the columns that the maker needs."""

Options = TypeVar("Options", bound=Settings)

YES, NO = "yes", "no"
"""The labels of a question about a sentence."""


class Maker(ABC, Generic[Options]):
    """Makes a task's labels from what a corpus holds.

    Args:
        options: the maker's own settings.
        base: the folder that relative paths in them start from.
    """

    Options: ClassVar[type[Settings]]
    kind: ClassVar[str]
    """The kind of task that learns the labels, unless the task says otherwise."""
    shape: ClassVar[Shape]
    """What one sentence's value is."""
    view: ClassVar[Mapping[str, Any]] = {}
    """What a task of these labels reads, unless it says otherwise, if not the sentences themselves."""
    space: ClassVar[tuple[str, ...]] = ()
    """Labels of words that there are whatever the training data hold."""

    def __init__(self, options: Options, *, base: Path) -> None:
        self.options = options
        self.base = base

    @classmethod
    def shape_of(cls, options: Options) -> Shape:  # noqa: ARG003 - most have one
        """Return what one sentence's value is with these settings."""
        return cls.shape

    @classmethod
    def needs(cls, options: Options) -> tuple[str, ...]:  # noqa: ARG003 - most need words alone
        """Return the columns that the maker reads besides ``words``."""
        return ()

    def fit(self, rows: Iterable[Row]) -> None:
        """Learn what there is to learn from the training sentences of all corpora, and from nothing else."""

    @abstractmethod
    def label(self, row: Row) -> Any:  # noqa: ANN401 - as the shape says
        """Return a sentence's value, None where it has none."""

    def labels(self, rows: Iterable[Row]) -> Iterator[Any]:
        """Yield the values of a whole split, whose sentences come in the corpus's order."""
        return map(self.label, rows)
