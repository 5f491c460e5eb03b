"""Letter case: every word has one class, which depends on nothing but its cased letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.letter_case import CASES, case_of


@pytest.mark.parametrize(
    ("words", "case"),
    [
        (["", "1990", "?", "\u200b", "\u4e2d\u6587", "\ud800"], "none"),
        (["the", "o'clock", "\u00e9t\u00e9", "x2", "\u00df"], "lower"),
        (["I", "J.", "\u00c9", "5C"], "capital"),
        (["Paris", "It's", "'Tis", "\u0141\u00f3d\u017a"], "capitalised"),
        (["USA", "U.S.", "COVID-19"], "upper"),
        (["iPhone", "McRae", "USAs", "e-Mail"], "mixed"),
    ],
)
def test_classes(words: list[str], case: str) -> None:
    assert {CASES[case_of(word)] for word in words} == {case}


@given(st.text(), st.text(alphabet="0123456789-.'\u4e2d\u200b "))
def test_every_word_has_a_class_and_uncased_characters_do_not_matter(word: str, uncased: str) -> None:
    case = case_of(word)
    assert 1 <= case < len(CASES)
    assert case_of(uncased + word + uncased) == case


@given(st.text(alphabet=st.characters(categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F)))
def test_lower_casing_leaves_no_capital(word: str) -> None:
    assert CASES[case_of(word.lower())] in ("none", "lower")
