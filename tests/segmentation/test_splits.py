"""Splits of multiword tokens: they give the words that they were made of, and the like for other tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.segmentation.splits import apply_split, split_of

short = st.text("abcdélDU'", min_size=1, max_size=4)


@given(st.lists(short, min_size=1, max_size=4), st.none() | short)
def test_a_split_gives_the_words_that_it_was_made_of(words, token):
    token = token or "".join(words)
    split = split_of(token, words)
    if split is None:
        assert "".join(words) != token  # words that stand in the token can always be told
        return
    pieces = apply_split(split, token)
    assert pieces is not None
    assert [piece.text for piece in pieces] == words


@given(st.text(max_size=8), short, st.lists(short, min_size=1, max_size=3))
def test_whatever_it_is_applied_to_it_fits_or_not(token, other, words):
    split = split_of(other, words)
    pieces = apply_split(split, token) if split else None
    if pieces is not None:
        places = list(dict.fromkeys((piece.start, piece.end) for piece in pieces))
        assert [token[start:end] for start, end in places] != []
        assert "".join(token[start:end] for start, end in places) == token
        assert all(piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("token", "words", "other", "others"),
    [
        ("couldn't", ["could", "n't"], "Wouldn't", ["Would", "n't"]),
        ("don't", ["do", "n't"], "Can't", ["Ca", "n't"]),
        ("Bush's", ["Bush", "'s"], "Clinton's", ["Clinton", "'s"]),
        ("du", ["de", "le"], "DU", ["DE", "LE"]),
        ("Zum", ["Zu", "dem"], "zum", ["zu", "dem"]),
        ("dámelo", ["da", "me", "lo"], "Dámela", ["Da", "me", "la"]),
        ("al", ["a", "el"], "Al", ["A", "el"]),
        ("הבית", ["ה", "בית"], "הילדים", ["ה", "ילדים"]),
    ],
)
def test_other_tokens_are_split_in_the_same_way(token, words, other, others):
    split = split_of(token, words)
    assert split is not None
    pieces = apply_split(split, other)
    assert pieces is not None
    assert [piece.text for piece in pieces] == others


@pytest.mark.parametrize(("split", "token"), [("* 3", "n't"), ("du>de+le", "des"), ("2 *", "am"), ("1 1", "abc")])
def test_what_does_not_fit_is_none(split, token):
    assert apply_split(split, token) is None


def test_places_are_those_in_the_token():
    assert [(p.start, p.end) for p in apply_split("* 1 2", "gimmesome") or []] == [(0, 6), (6, 7), (7, 9)]
    assert [(p.start, p.end) for p in apply_split("du>de+le", "du") or []] == [(0, 2), (0, 2)]
    assert [(p.text, p.start, p.end) for p in apply_split("1 l>el", "al") or []] == [("a", 0, 1), ("el", 1, 2)]
