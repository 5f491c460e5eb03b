"""How a sentence is tied to the next one: a relation of discourse that is known only when all of the text is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from hiernlp.auxiliary._base import Maker, Row
from hiernlp.errors import DataError
from hiernlp.settings import Settings

UNTIED = "none"


class DiscourseOptions(Settings):
    """Settings of helpers by relations of discourse."""

    column: str = "discourse"
    """The annotation of words in which units of discourse begin, as GUM has it in MISC: ``relation:unit->head``. The
    reader ``conllu`` gives it by ``misc: {discourse: {key: Discourse}}``."""
    coarse: bool = True
    """Take of a relation what stands before its first hyphen: ``adversative`` of ``adversative-concession``."""


@dataclass(frozen=True)
class _Unit:
    relation: str
    number: str
    head: str | None


class Discourse(Maker[DiscourseOptions]):
    """The relation between a unit of the sentence and one of the next, whichever is the head; ``none`` without one.

    Nothing at a document's end. Analysis never reads the column: it takes a trained model to nothing but words.
    """

    Options = DiscourseOptions
    kind = "sentence_labels"
    shape = "label"

    @classmethod
    def needs(cls, options: DiscourseOptions) -> tuple[str, ...]:
        return (options.column, "document", "file")

    def label(self, row: Row) -> None:
        """Return nothing: a sentence by itself has no next one."""

    def labels(self, rows: Iterable[Row]) -> Iterator[str | None]:
        for row, later in pairwise(chain(rows, [None])):
            assert row is not None
            if later is None or row["document"] is None or _place(row) != _place(later):
                yield None
                continue
            mine, theirs = self._units(row), self._units(later)
            yield self._tie(mine, theirs) if mine and theirs else None

    def _tie(self, mine: list[_Unit], theirs: list[_Unit]) -> str:
        numbers = {unit.number for unit in mine}, {unit.number for unit in theirs}
        for units, heads in ((theirs, numbers[0]), (mine, numbers[1])):
            for unit in units:
                if unit.head in heads:
                    return unit.relation.partition("-")[0] if self.options.coarse else unit.relation
        return UNTIED

    def _units(self, row: Row) -> list[_Unit]:
        found: list[_Unit] = []
        # A unit may have several relations; the first is that of the tree.
        for cell in (cell.split(";")[0] for cell in row[self.options.column] or () if cell):
            relation, _, rest = cell.partition(":")
            number, arrow, head = rest.partition("->")
            if not rest:
                raise DataError(
                    f"column {self.options.column!r}: expected relation:unit->head, found {cell!r}",
                    file=row.get("file"),
                    line=row.get("line"),
                )
            found.append(_Unit(relation, number.partition(":")[0], head.partition(":")[0] if arrow else None))
        return found


def _place(row: Row) -> tuple[str | None, str | None]:
    return row["file"], row["document"]
