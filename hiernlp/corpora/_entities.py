"""Entity brackets as CorefUD writes them in MISC.

``Entity=(3-abstract-new(5-object-new)`` opens entity 3, and opens and closes entity 5 (a span of this one word);
``Entity=4)3)`` closes two. A bracket's fields are declared by ``# global.Entity = eid-etype-...``. Of several open
brackets with the same identity, the last opened closes first; the parts of a discontinuous mention (``e1[1/2]``) are
spans of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hiernlp.corpora._schema import in_reading_order

_BRACKET = re.compile(r"\([^()]*\)?|[^()]+\)")
_IDENTITY = {"eid", "GRP"}
_TYPE = {"etype", "entity"}


@dataclass(frozen=True)
class EntityFormat:
    """Which field of a bracket holds what, counted from 0."""

    identity: int = 0
    type: int = 1

    @classmethod
    def declared(cls, fields: str) -> EntityFormat:
        """Return the format that a comment ``# global.Entity = ...`` declares.

        Raises:
            ValueError: no field is the entity's identity or its type.

        Example:
            >>> EntityFormat.declared("GRP-etype-infstat")
            EntityFormat(identity=0, type=1)
        """
        names = fields.split("-")
        identity = next((i for i, name in enumerate(names) if name in _IDENTITY), None)
        kind = next((i for i, name in enumerate(names) if name in _TYPE), None)
        if identity is None or kind is None:
            raise ValueError(
                f"expected fields with eid (or GRP) and etype (or entity), such as eid-etype-head, found {fields!r}"
            )
        return cls(identity, kind)


@dataclass(frozen=True)
class _Open:
    identity: str
    label: str
    start: int
    line: int
    order: int


class EntityReader:
    """Gathers the entities of one sentence, bracket by bracket.

    Args:
        form: which fields brackets have.
    """

    def __init__(self, form: EntityFormat) -> None:
        self.form = form
        self._open: list[_Open] = []
        self._opened = 0
        self._spans: dict[int, tuple[int, int, str]] = {}

    def add(self, value: str, *, start: int, end: int, line: int) -> None:
        """Read the brackets of one word (or empty node).

        Args:
            value: what stands after ``Entity=``.
            start: where a span begins that opens here; words are counted from 0.
            end: where a span ends (exclusive) that closes here.
            line: the word's line.

        Raises:
            ValueError: the brackets are broken, or a bracket closes that was not opened.
        """
        if "".join(_BRACKET.findall(value)) != value:
            raise ValueError(f"expected entity brackets such as (1-person or 1), found {value!r}")
        for bracket in _BRACKET.findall(value):
            fields = bracket.strip("()").split("-")
            if bracket[0] == "(":
                opened = self._opening(fields, bracket=bracket, start=start, line=line)
                if bracket[-1] == ")":
                    self._close(opened, end)
                else:
                    self._open.append(opened)
            else:
                identity = fields[self.form.identity] if len(fields) > self.form.identity else fields[0]
                at = next((i for i in reversed(range(len(self._open))) if self._open[i].identity == identity), None)
                if at is None:
                    raise ValueError(
                        f"the entity bracket {bracket!r} closes what was not opened in this sentence; an entity lies "
                        "within one sentence"
                    )
                self._close(self._open.pop(at), end)

    def spans(self) -> list[dict[str, Any]]:
        """Return the spans in reading order; those that cover no word (only empty nodes) are left out.

        Of spans with the same words, the first opened is the first.
        """
        return in_reading_order(self._spans[order] for order in sorted(self._spans))

    def unclosed(self) -> tuple[str, int] | None:
        """Return the identity and the line of an entity that is still open, if any."""
        return (self._open[-1].identity, self._open[-1].line) if self._open else None

    def _opening(self, fields: list[str], *, bracket: str, start: int, line: int) -> _Open:
        if len(fields) <= max(self.form.identity, self.form.type) or not fields[self.form.type]:
            raise ValueError(
                f"expected the entity bracket {bracket!r} to have a type as its field {self.form.type + 1}; if these "
                "entities have no types, set the reader's option `entities: null`"
            )
        self._opened += 1
        return _Open(fields[self.form.identity], fields[self.form.type], start, line, self._opened)

    def _close(self, opened: _Open, end: int) -> None:
        if end > opened.start:
            self._spans[opened.order] = (opened.start, end, opened.label)
