"""Tags into spans: against seqeval, round trips, and the reading of illegal sequences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from hiernlp.corpora._tags import TagError, spans_from_tags


def as_tuples(tags, scheme="auto"):
    return [(s["start"], s["end"], s["label"]) for s in spans_from_tags(tags, scheme=scheme)]


tags_of = {
    scheme: st.lists(st.sampled_from(["O", *(f"{p}-{label}" for p in prefixes for label in ("A", "B-C"))]), max_size=12)
    for scheme, prefixes in (("iob2", "BI"), ("bioes", "BIES"))
}
spans = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["X", "Y"])), max_size=6)


def lay_out(pieces):
    """Return disjoint spans in order, and the number of words, from (gap, width, label)."""
    at, laid = 0, []
    for gap, width, label in pieces:
        laid.append((at + gap, at + gap + width, label))
        at += gap + width
    return laid, at + 1


@given(tags_of["iob2"])
def test_any_iob_sequence_is_read_as_seqeval_reads_it(tags):
    expected = [(start, end + 1, label) for label, start, end in get_entities(tags)]
    assert as_tuples(tags, "iob2") == expected
    assert as_tuples(tags, "auto") == expected


@given(tags_of["bioes"])
def test_any_bioes_sequence_is_read_as_seqeval_reads_it(tags):
    assert as_tuples(tags, "bioes") == [(start, end + 1, label) for label, start, end in get_entities(tags)]


@given(spans)
def test_iob1_and_iob2_and_bioes_of_the_same_spans_agree(pieces):
    laid, words = lay_out(pieces)
    iob1, iob2, bioes = (["O"] * words for _ in range(3))
    for start, end, label in laid:
        touches = start > 0 and iob1[start - 1][1:] == f"-{label}"
        for i in range(start, end):
            iob2[i] = f"{'B' if i == start else 'I'}-{label}"
            iob1[i] = f"{'B' if i == start and touches else 'I'}-{label}"
            bioes[i] = f"{'S' if end - start == 1 else 'B' if i == start else 'E' if i == end - 1 else 'I'}-{label}"
    assert as_tuples(iob1, "iob1") == as_tuples(iob2, "iob2") == as_tuples(bioes, "bioes") == laid


@given(st.lists(st.none() | st.sampled_from(["O", "B-A", "I-A", "I-B"]), max_size=10))
def test_none_is_outside(tags):
    assert as_tuples(tags) == as_tuples(["O" if tag is None else tag for tag in tags])


@pytest.mark.parametrize("tag", ["X-NP", "NP", "B-", "-NP", "o", "", "O-NP", "BI-NP"])
def test_unknown_tags_are_refused(tag):
    with pytest.raises(TagError, match="expected O or one of") as caught:
        spans_from_tags(["O", tag], scheme="auto")
    assert caught.value.index == 1


def test_a_prefix_of_another_scheme_is_refused():
    with pytest.raises(TagError, match="S-A"):
        spans_from_tags(["S-A"], scheme="iob2")
