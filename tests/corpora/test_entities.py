"""Entity brackets: nesting, several of one identity, empty nodes, and what is broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.corpora._entities import EntityFormat, EntityReader


def read(values, form=None):
    """Read the brackets of one sentence; None for a word without."""
    reader = EntityReader(form or EntityFormat())
    for i, value in enumerate(values):
        if value is not None:
            reader.add(value, start=i, end=i + 1, line=i + 1)
    assert reader.unclosed() is None
    return [(s["start"], s["end"], s["label"]) for s in reader.spans()]


nested = st.lists(
    st.tuples(st.integers(0, 6), st.integers(1, 7), st.sampled_from(["person", "place"])), max_size=6
).map(lambda spans: sorted({(s, min(s + w, 8), t) for s, w, t in spans}, key=lambda x: (x[0], -x[1])))


@given(nested, st.booleans())
def test_any_spans_written_as_brackets_are_read_back(spans, same_identity):
    crossing = any(a[0] < b[0] < a[1] < b[1] for a in spans for b in spans)
    if same_identity and crossing:
        return  # of one identity, the last opened closes first: crossing spans cannot be told
    opened, closed = [""] * 8, [""] * 8
    for i, (start, end, label) in enumerate(spans):
        name = "1" if same_identity else str(i + 1)
        if end - start == 1:
            opened[start] += f"({name}-{label}-new)"
        else:
            opened[start] += f"({name}-{label}-new"
            closed[end - 1] = f"{name})" + closed[end - 1]
    values = [(c + o) or None for o, c in zip(opened, closed, strict=True)]
    assert read(values) == spans


def test_fields_may_hold_odd_characters():
    assert read(["(1-place-new-1,2-Saint-Étienne_%28Loire%29(2-person[x]-Ω=/:)", "1)"]) == [
        (0, 2, "place"),
        (0, 1, "person[x]"),
    ]


def test_the_parts_of_a_discontinuous_mention_are_spans():
    assert read(["(e1[1/2]-person-1-", "e1[1/2])", None, "(e1[2/2]-person-1-)"]) == [(0, 2, "person"), (3, 4, "person")]


def test_the_fields_order_is_declared():
    old = EntityFormat.declared("entity-GRP-infstat")
    assert read(["(person-7-new", "person-7)"], old) == [(0, 2, "person")]
    assert read(["(person-7-new", "7)"], old) == [(0, 2, "person")]
    assert EntityFormat.declared("eid-etype-head") == EntityFormat(0, 1)
    with pytest.raises(ValueError, match="etype"):
        EntityFormat.declared("eid-head")


def test_an_entity_of_nothing_but_empty_nodes_is_left_out():
    reader = EntityReader(EntityFormat())
    reader.add("(1-person(2-person)", start=1, end=1, line=1)
    reader.add("1)", start=1, end=2, line=2)
    assert reader.spans() == [{"start": 1, "end": 2, "label": "person"}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("3)", "closes what was not opened"),
        ("((", "to have a type"),
        ("(3)", "to have a type"),
        ("(3--new)", "to have a type"),
        (")", "expected entity brackets"),
        ("3", "expected entity brackets"),
        ("", None),
    ],
)
def test_broken_brackets_are_refused(value, message):
    if message is None:
        assert read([value]) == []
        return
    with pytest.raises(ValueError, match=message):
        read([value])
