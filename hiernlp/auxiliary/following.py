"""What the next sentence is: a label that exists only while training (using the future to predict the present)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from pydantic import Field

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.settings import Settings


class FollowingOptions(Settings):
    """Settings of hints by what follows."""

    column: str = "sentence_type"
    """The annotation of sentences by a label that is looked up further on."""
    distance: int = Field(default=1, ge=1)
    """How many sentences further on."""
    whole_files: bool = False
    """Take a file that marks no documents as one document; its sentences must then be in their order, so that no share
    of them may be cut out at random."""


class Following(Maker[FollowingOptions]):
    """The label of a later sentence of the same document; none at the document's end.

    Analysis never reads the column: it takes a trained model to nothing but words.
    """

    Options = FollowingOptions
    kind = "sentence_labels"
    shape = "label"

    @classmethod
    def needs(cls, options: FollowingOptions) -> tuple[str, ...]:
        return (options.column, "document", "file")

    def label(self, row: Row) -> None:
        """Return nothing: a sentence by itself has no next one."""

    def labels(self, rows: Iterable[Row]) -> Iterator[str | None]:
        ahead = deque[Row | None]()
        for later in chain(rows, repeat(None, self.options.distance)):
            ahead.append(later)
            if len(ahead) <= self.options.distance:
                continue
            row = ahead.popleft()
            if row is None:  # fewer sentences than the distance
                continue
            value = later[self.options.column] if later is not None and self._together(row, later) else None
            yield None if value is None else str(value)

    def _together(self, row: Row, later: Row) -> bool:
        marked = row["document"] is not None or (self.options.whole_files and row["file"] is not None)
        return marked and (row["file"], row["document"]) == (later["file"], later["document"])
