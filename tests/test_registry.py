"""Rooms of parts: a file's name is its registration."""

from __future__ import annotations

import pytest

from hiernlp.errors import DataError, HierNLPError, did_you_mean
from hiernlp.kinds._base import Kind
from hiernlp.registry import Room, balancing, kinds, readers, sharing


@pytest.mark.parametrize("room", [kinds, readers, sharing, balancing], ids=lambda room: room.what)
def test_every_file_is_a_part(room: Room) -> None:
    names = room.names()
    assert names == sorted(names)
    assert names
    for name in names:
        part = room.load(name)
        assert part.__name__.lower() == name.replace("_", "")
        assert part.Options.__doc__
        assert not name.startswith("_")


def test_kinds_declare_their_columns_and_level() -> None:
    for name in kinds.names():
        kind = kinds.load(name)
        assert issubclass(kind, Kind)
        assert kind.level in ("token", "spans", "sentence")


@pytest.mark.parametrize("name", ["token_lables", "_base", "../model", ""])
def test_no_such_part(name: str) -> None:
    with pytest.raises(HierNLPError, match="there is no kind called"):
        kinds.load(name)
    with pytest.raises(HierNLPError, match="did you mean 'token_labels'"):
        kinds.load("token_lables")


def test_close_matches() -> None:
    assert did_you_mean("entites", ["entities", "upos"]) == "; did you mean 'entities'?"
    assert did_you_mean("zzz", ["b", "a"]) == "; choose from a, b"
    assert did_you_mean("zzz", []) == ""


def test_where_data_errors_are() -> None:
    assert str(DataError("odd", file="x.conllu", line=3)) == "x.conllu, line 3: odd"
    assert str(DataError("odd", file="x.conllu")) == "x.conllu: odd"
    assert str(DataError("odd")) == "odd"
    assert issubclass(DataError, ValueError)
