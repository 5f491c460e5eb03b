"""Edit scripts: every lemma comes back, scripts carry over to other words, and nothing is ever empty."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hiernlp.decoding._edit_scripts import EditScript, apply_script, script_of

# The last characters change their length with their case, or have cases that do not come back.
HARD = "aAbBsSiIıİßẞŉΣσςﬁǅ\u0307 \t'_=\"\\|"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(HARD, max_size=12)


@given(form=words, lemma=words)
@example(form="İSTANBUL", lemma="İstanbul")
@example(form="STRASSE", lemma="Straße")
@example(form="", lemma="a")
@example(form="x" * 5000, lemma="x" * 4999)
def test_every_lemma_comes_back(form: str, lemma: str) -> None:
    assert apply_script(script_of(form, lemma), form) == (lemma or "_")


@given(form=words, lemma=words, other=words)
def test_any_script_on_any_word_gives_some_lemma(form: str, lemma: str, other: str) -> None:
    script = script_of(form, lemma)
    made = EditScript.parse(script)(other)
    assert made != ""
    assert apply_script(script, other) == (made or other or "_")
    assert str(EditScript.parse(script)) == script


@pytest.mark.parametrize(
    ("form", "lemma", "script"),
    [
        ("cats", "cat", EditScript("lower", after="s")),
        ("Cats", "cat", EditScript("lower", after="s")),
        ("LIBRARIES", "library", EditScript("lower", after="ies", end="y")),
        ("the", "the", EditScript("lower")),
        ("3.", "3.", EditScript("lower")),
        ("Rome", "Rome", EditScript("name")),
        ("rome", "Rome", EditScript("name")),
        ("I", "I", EditScript("name")),
        ("i", "I", EditScript("name")),
        ("NASA", "NASA", EditScript("name")),
        ("McDonalds", "McDonald", EditScript("name", after="s")),
        ("ROME", "Rome", EditScript("title")),
        ("romans", "Roman", EditScript("name", after="s")),
        ("nato", "NATO", EditScript("upper")),
        ("gegangen", "gehen", EditScript("lower", after="gangen", end="hen")),
        ("gemacht", "machen", EditScript("lower", before="ge", after="t", end="en")),
        ("was", "be", EditScript("whole", start="be")),
        ("iphone", "iPhone", EditScript("whole", start="iPhone")),
        ("IPHONE", "iPhone", EditScript("name", before="I", start="i", after="HONE", end="hone")),
        ("猫", "猫", EditScript("lower")),
        ("ab", "", EditScript("whole", start="_")),
    ],
)
def test_scripts_by_hand(form: str, lemma: str, script: EditScript) -> None:
    assert EditScript.parse(script_of(form, lemma)) == script


@pytest.mark.parametrize(
    ("script", "form", "lemma"),
    [
        (EditScript("lower", after="ies", end="y"), "Berries", "berry"),
        (EditScript("lower", after="ies", end="y"), "geese", None),
        (EditScript("lower", after="s"), "s", None),  # would leave nothing
        (EditScript("lower", before="ge", after="en"), "gen", None),  # the two may not overlap
        (EditScript("name", after="s"), "IBMs", "IBM"),
        (EditScript("name", after="s"), "IBMS", None),
        (EditScript("name", after="s"), "romans", "Roman"),
        (EditScript("upper"), "straße", "STRASSE"),
        (EditScript("whole", start="be"), "anything", "be"),
        (EditScript("title"), "", None),
    ],
)
def test_scripts_carry_over_to_words_that_have_what_they_remove(
    script: EditScript, form: str, lemma: str | None
) -> None:
    assert script(form) == lemma
    assert apply_script(str(script), form) == (lemma or form or "_")
