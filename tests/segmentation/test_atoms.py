"""Atoms: every character but white space is in exactly one, and words of a treebank are made of whole ones."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.segmentation.atoms import split_atoms

any_text = (
    st.text(max_size=60)
    | st.text(st.characters(), max_size=30)
    | st.text("aé1२.- '\n\u200d\u0301漢ไ\ud800", max_size=40)
)


@given(any_text, any_text)
def test_no_character_but_white_space_is_lost(text, before):
    start = len(before)
    atoms = split_atoms(before + text + before, start, start + len(text))
    at = start
    for atom in atoms:
        assert atom.text == (before + text)[atom.start : atom.end] != ""
        assert not (before + text)[at : atom.start].strip()
        assert not any(map(str.isspace, atom.text))
        at = atom.end
    assert not text[at - start :].strip()


def test_white_space_is_what_python_takes_for_it():
    blanks = [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]
    assert [bool(split_atoms(blank)) for blank in blanks] == [False] * len(blanks)


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("Don't!!! e-mail", ["Don", "'", "t", "!!!", "e", "-", "mail"]),
        ("3pm, 2½ x_y", ["3", "pm", ",", "2½", "x", "_", "y"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("हिन्दी", ["हिन्दी"]),
        ("漢字かなABC", ["漢", "字", "か", "な", "ABC"]),
        ("\u0301", ["\u0301"]),
        (" \n\x1c\u3000", []),
    ],
)
def test_runs_of_letters_digits_and_a_mark_are_atoms(text, atoms):
    assert [atom.text for atom in split_atoms(text)] == atoms


@pytest.mark.parametrize(
    "text", ["x" * 200_000, "漢" * 50_000, "a\u0301" * 100_000, "-" * 200_000, " " * 200_000, "a1" * 50_000]
)
def test_time_does_not_grow_faster_than_the_text(text):
    begin = time.perf_counter()
    atoms = split_atoms(text)
    assert "".join(atom.text for atom in atoms) == text.strip()
    assert time.perf_counter() - begin < 20
