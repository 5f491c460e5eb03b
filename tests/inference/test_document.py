"""Documents: access, offsets, what JSON gets."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hiernlp.errors import HierNLPError
from hiernlp.inference.annotations import Dependency, Label, Tag
from hiernlp.inference.document import Document, Sentence
from hiernlp.inference.writers.table import width

TEXT = "  Anna Schmidt\nsings.  Loudly!"


def parsed() -> Document:
    first = Sentence(
        ["Anna", "Schmidt", "sings", "."],
        text=TEXT[2:21],
        start=2,
        end=21,
        word_starts=[2, 7, 15, 20],
        annotations={
            "upos": ["PROPN", "PROPN", "VERB", "PUNCT"],
            "upos_probability": [0.9, 0.8, 1.0, 0.75],
            "entities": [{"start": 0, "end": 2, "label": "person"}, {"start": 1, "end": 2, "label": "name"}],
            "entities_probability": [0.7, 0.6],
            "sentence_type": "decl",
            "sentence_type_probability": {"decl": 0.93, "wh": 0.07},
        },
        row={"sentence": "s1"},
    )
    second = Sentence(
        ["Loudly", "!"],
        text="Loudly!",
        start=23,
        end=30,
        word_starts=[23, 29],
        annotations={"upos": ["ADV", "PUNCT"], "entities": [], "sentence_type": "frag"},
    )
    return Document(TEXT, [first, second])


def test_columns_are_read_by_name() -> None:
    sentence = parsed().sentences[0]
    assert sentence["upos"] == ["PROPN", "PROPN", "VERB", "PUNCT"]
    assert sentence["sentence_type_probability"]["decl"] == 0.93
    assert sentence.columns == ["upos", "entities", "sentence_type"]
    assert "upos" in sentence
    assert "xpos" not in sentence
    assert sentence.get("xpos") is None
    assert len(sentence) == 4
    assert list(sentence) == ["Anna", "Schmidt", "sings", "."]


def test_an_unknown_column_names_close_matches() -> None:
    sentence = parsed().sentences[0]
    for error in (KeyError, HierNLPError):
        with pytest.raises(error) as caught:
            sentence["entites"]
        assert str(caught.value) == "the sentence has no annotation 'entites'; did you mean 'entities'?"
    with pytest.raises(HierNLPError, match="no annotation 'zzz'"):
        sentence.spans("zzz")


def test_all_offsets_point_into_the_users_string() -> None:
    document = parsed()
    assert document.text is not None
    for sentence in document:
        assert document.text[sentence.start : sentence.end] == sentence.text
        for i, word in enumerate(sentence.words):
            place = sentence.characters(i, i + 1)
            assert place is not None
            assert document.text[slice(*place)] == word
    outer, inner = document.sentences[0].spans("entities")
    assert document.text[outer.start_char : outer.end_char] == outer.text == "Anna Schmidt"
    assert (inner.text, inner.label, inner.probability) == ("Schmidt", "name", 0.6)
    assert document.sentences[1].spans("entities") == []


def test_spans_without_raw_text_join_words() -> None:
    sentence = Sentence(["New", "York"], annotations={"entities": [{"start": 0, "end": 2, "label": "place"}]})
    (span,) = sentence.spans("entities")
    assert (span.text, span.start_char, span.end_char) == ("New York", None, None)
    with pytest.raises(HierNLPError, match="of level token, not spans; use sentence\\['upos'\\]"):
        Sentence(["a"], annotations={"upos": ["X"]}).spans("upos")


def test_levels_follow_the_values_unless_they_are_given() -> None:
    annotations = {"tags": ["a", "b"], "topics": ["x", "y"], "many": ["x"], "label": "x", "none": [], "score": 0.5}
    sentence = Sentence(["a", "b"], annotations=annotations, levels={"topics": "sentence"})
    assert {column: sentence.level(column) for column in annotations} == {
        "tags": "token",
        "topics": "sentence",
        "many": "sentence",
        "label": "sentence",
        "none": "spans",
        "score": "sentence",
    }


def test_a_dict_has_the_same_keys_always_and_survives_json() -> None:
    full = parsed().to_dict()
    bare = Document(None, [Sentence(["a"])]).to_dict()
    assert full.keys() == bare.keys()
    assert full["sentences"][0].keys() == bare["sentences"][0].keys()
    assert json.loads(json.dumps(full)) == full
    assert json.loads(parsed().to_json()) == full
    assert full["sentences"][0]["annotations"]["entities"][1] == {
        "start": 1,
        "end": 2,
        "label": "name",
        "text": "Schmidt",
        "start_char": 7,
        "end_char": 14,
    }


def test_repr_is_one_line_and_str_is_an_aligned_table() -> None:
    document = parsed()
    assert repr(document) == "Document(2 sentences, 6 words, annotations: upos, entities, sentence_type)"
    assert repr(document.sentences[1]) == "Sentence('Loudly !', annotations: upos, entities, sentence_type)"
    assert str(document.sentences[0]) == (
        "# s1\n"
        "#  word     upos   p\n"
        "1  Anna     PROPN  0.90\n"
        "2  Schmidt  PROPN  0.80\n"
        "3  sings    VERB   1.00\n"
        "4  .        PUNCT  0.75\n"
        "entities       person  Anna Schmidt  words 1-2  0.70\n"
        "               name    Schmidt       word 2     0.60\n"
        "sentence_type  decl    0.93\n"
    )
    assert str(document) == str(document.sentences[0]) + "\n" + str(document.sentences[1])


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_a_table_has_a_line_a_word_and_nothing_that_moves_the_cursor(words: list[str]) -> None:
    lines = str(Sentence(words, annotations={"upos": ["X"] * len(words)})).split("\n")
    assert len(lines) == len(words) + 2
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for line in lines for char in line)
    starts = {width(line[: line.rindex("X")]) for line in lines[1:-1]}
    assert len(starts) == 1


def test_words_trees_and_labels_have_names_and_probabilities() -> None:
    sentence = parsed().sentences[0]
    assert sentence.tags("upos")[1] == Tag("Schmidt", "PROPN", 0.8)
    assert parsed().sentences[1].tags("upos")[0] == Tag("Loudly", "ADV", None)
    label = sentence.label("sentence_type")
    assert (label.value, label.probability, dict(label.probabilities or {})) == (
        "decl",
        0.93,
        {"decl": 0.93, "wh": 0.07},
    )
    assert parsed().sentences[1].label("sentence_type") == Label("frag")
    annotations = {"head": [2, 0, None], "deprel": ["nsubj", "root", None], "head_probability": [0.5, 0.6, 0.7]}
    tree = Sentence(["Birds", "sing", "x"], annotations=annotations).tree()
    assert tree == [Dependency(0, 1, "nsubj", 0.5), Dependency(1, None, "root", 0.6)]
    assert Sentence(["a"], annotations={"head": [0]}).tree() == [Dependency(0, None, None)]
    many = Sentence(["a"], annotations={"topics": ["x", "y"], "score": 0.5, "score_probability": None})
    assert (many.label("topics").value, many.label("topics").probability) == (["x", "y"], None)
    assert many.label("score").probability is None
    for ask in (sentence.tags, sentence.tree):
        with pytest.raises(HierNLPError, match="of level sentence, not token"):
            ask("sentence_type")
    with pytest.raises(HierNLPError, match="of level token, not sentence"):
        sentence.label("upos")
    with pytest.raises(HierNLPError, match="no annotation 'head'"):
        sentence.tree()


def test_a_rich_console_shows_what_the_table_shows_and_obeys_no_brackets() -> None:
    document = parsed()
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(document)
    shown = console.file.getvalue()
    cells = [line.split() for line in str(document).splitlines() if line]
    for line in cells:
        assert all(cell in shown for cell in line if not cell.startswith(("words", "word", "1-2")))
    console = Console(width=200, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    console.print(Sentence(["[bold]x[/bold]", "\x1b[31m"], annotations={"upos": ["[red]", "X"], "a": "[b]"}))
    shown = console.file.getvalue()
    assert "[bold]x[/bold]" in shown
    assert "[red]" in shown
    assert "\x1b[31m" not in shown
    pair = Sentence(["a"], annotations={"holds": "yes"}, row={"second": ["b", "c"]})
    console.print(pair)
    assert "b c" in console.file.getvalue()
