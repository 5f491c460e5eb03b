"""Documents of spaCy: the same text, and everything where spaCy's users look for it."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from hiernlp.errors import HierNLPError
from hiernlp.inference.document import Document, Sentence
from hiernlp.segmentation import segment

TEXT = " Anna Schmidt  sings.\n\nLoudly! "


@pytest.fixture(scope="module")
def document() -> Document:
    first = Sentence(
        ["Anna", "Schmidt", "sings", "."],
        text=TEXT[1:21],
        start=1,
        end=21,
        word_starts=[1, 6, 15, 20],
        annotations={
            "upos": ["PROPN", "PROPN", "VERB", "NOPOS"],
            "upos_probability": [0.5, 0.75, 1.0, 0.25],
            "xpos": ["NNP", "NNP", "VBZ", "."],
            "lemma": ["Anna", "Schmidt", "sing", "."],
            "feats": ["Number=Sing", None, "Number=Sing|Tense=Pres", "_"],
            "shape": ["Xx", "Xx", "x", "."],
            "head": [3, 1, 0, 3],
            "deprel": ["nsubj", "flat", "root", "punct"],
            "entities": [{"start": 0, "end": 2, "label": "person"}, {"start": 1, "end": 2, "label": "name"}],
            "entities_probability": [0.75, 0.5],
            "chunks": [{"start": 0, "end": 2, "label": "NP"}],
            "kind": "decl",
            "kind_probability": {"decl": 0.75, "wh": 0.25},
            "topics": ["song"],
            "length": 4.0,
        },
        levels={"topics": "sentence"},
    )
    second = Sentence(
        ["Loudly", "!"],
        text="Loudly!",
        start=23,
        end=30,
        word_starts=[23, 29],
        annotations={
            "upos": ["ADV", "PUNCT"],
            "xpos": ["RB", "."],
            "head": [0, 1],
            "deprel": ["root", "punct"],
            "entities": [],
            "kind": "wh",
            "kind_probability": {"decl": 0.25, "wh": 0.75},
            "topics": [],
            "length": 2.0,
        },
        levels={"topics": "sentence"},
    )
    return Document(TEXT, [first, second])


def test_tags_trees_spans_and_labels_are_in_their_places(document: Document) -> None:
    doc = document.to_spacy()
    words = [token for token in doc if not token.is_space]
    assert [token.text for token in words] == ["Anna", "Schmidt", "sings", ".", "Loudly", "!"]
    assert [token.pos_ for token in words] == ["PROPN", "PROPN", "VERB", "", "ADV", "PUNCT"]
    assert [token.tag_ for token in words] == ["NNP", "NNP", "VBZ", ".", "RB", "."]
    assert [token.lemma_ for token in words] == ["Anna", "Schmidt", "sing", ".", "", ""]
    assert [str(token.morph) for token in words][:4] == ["Number=Sing", "", "Number=Sing|Tense=Pres", ""]
    assert [(t.head.text, t.dep_) for t in words] == [
        ("sings", "nsubj"), ("Anna", "flat"), ("sings", "ROOT"), ("sings", "punct"),
        ("Loudly", "ROOT"), ("Loudly", "punct"),
    ]  # fmt: skip
    assert words[0]._.hiernlp == {"shape": "Xx", "upos_probability": 0.5}
    assert words[0].is_alpha
    assert [(e.text, e.label_) for e in doc.ents] == [("Anna Schmidt", "person")]
    assert [(s.text, s.label_) for s in doc.spans["entities"]] == [("Anna Schmidt", "person"), ("Schmidt", "name")]
    assert doc.spans["entities"].attrs == {"probabilities": [0.75, 0.5]}
    assert [s.text for s in doc.spans["chunks"]] == ["Anna Schmidt"]
    assert doc.spans["chunks"].attrs == {}
    assert doc.cats == {"kind=decl": 0.5, "kind=wh": 0.5, "topics=song": 0.5, "length": 3.0}
    first, second = doc.sents
    assert first._.hiernlp["kind"] == "decl"
    assert first._.hiernlp["kind_probability"] == {"decl": 0.75, "wh": 0.25}
    assert second._.hiernlp["topics"] == []


def test_the_text_is_the_users_and_white_space_hangs_on_the_word_before(document: Document) -> None:
    doc = document.to_spacy()
    assert doc.text == TEXT
    spaces = [token for token in doc if token.is_space]
    assert [token.text for token in spaces] == [" ", " ", "\n\n"]
    assert {(token.pos_, token.tag_, token.dep_) for token in spaces} == {("SPACE", "_SP", "dep")}
    assert [token.head.text for token in spaces] == ["Anna", "Schmidt", "."]
    assert [sentence.text.split() for sentence in doc.sents] == [["Anna", "Schmidt", "sings."], ["Loudly!"]]
    for sentence in document:
        for span in sentence.spans("entities"):
            found = doc.char_span(span.start_char, span.end_char)
            assert found is not None
            assert found.text == span.text


def plain(said: dict[str, object]) -> dict[str, object]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in said.items()}


def test_it_survives_spacys_own_bytes(document: Document) -> None:
    doc = document.to_spacy()
    again = Doc(doc.vocab).from_bytes(doc.to_bytes())
    (boxed,) = DocBin(docs=[doc], store_user_data=True).get_docs(spacy.blank("xx").vocab)
    for copy in (again, boxed):
        assert copy.cats == doc.cats
        assert copy.to_json()["tokens"] == doc.to_json()["tokens"]
        assert [plain(s._.hiernlp) for s in copy.sents] == [plain(s._.hiernlp) for s in doc.sents]
        assert [t._.hiernlp for t in copy] == [t._.hiernlp for t in doc]
        assert [(s.text, s.label_) for s in copy.spans["entities"]] == [
            (s.text, s.label_) for s in doc.spans["entities"]
        ]


def test_entities_may_come_from_another_column_and_the_vocabulary_from_a_pipeline(document: Document) -> None:
    nlp = spacy.blank("en")
    doc = document.to_spacy(nlp.vocab, entities="chunks")
    assert doc.vocab is nlp.vocab
    assert [e.label_ for e in doc.ents] == ["NP"]
    assert set(doc.spans) == {"entities", "chunks"}


def test_without_a_tree_sentences_begin_where_they_did() -> None:
    document = Document(None, [Sentence(["a", "b"], annotations={"upos": ["X", "X"]}), Sentence(["c"])])
    doc = document.to_spacy()
    assert doc.text == "a b c"
    assert [s.text for s in doc.sents] == ["a b", "c"]
    assert not doc.has_annotation("DEP")
    assert not doc.has_annotation("ENT_IOB")
    assert doc.cats == {}
    spaced = Sentence(["Hi", "!"], row={"text": "Hi!"})
    assert Document(None, [spaced, spaced]).to_spacy().text == "Hi! Hi!"


def test_nothing_and_white_space_alone() -> None:
    assert Document(None, []).to_spacy().text == ""
    assert Document("\n ", []).to_spacy().text == "\n "


def test_pairs_have_no_place_there() -> None:
    with pytest.raises(HierNLPError, match="found pairs; use to_dict"):
        Document(None, [Sentence(["a"], row={"second": ["b"]})]).to_spacy()


@settings(deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_text_comes_back_whole(text: str) -> None:
    sentences = [
        Sentence(s.words, text=text[s.start : s.end], start=s.start, end=s.end, word_starts=s.starts)
        for s in segment(text)
    ]
    doc = Document(text, sentences).to_spacy()
    assert doc.text == "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert [len([t for t in s if not t.is_space]) for s in doc.sents] == [
        len(s.words) for s in sentences
    ] or not sentences


@settings(deadline=None)
@given(st.data())
def test_any_tree_with_one_root_is_one_sentence(data: st.DataObject) -> None:
    sentences = []
    for _ in range(2):
        n = data.draw(st.integers(1, 6))
        order = data.draw(st.permutations(range(n)))
        heads = [0] * n
        for i in range(1, n):
            heads[order[i]] = order[data.draw(st.integers(0, i - 1))] + 1
        sentences.append(Sentence([f"w{i}" for i in range(n)], annotations={"head": heads, "deprel": ["x"] * n}))
    doc = Document(None, sentences).to_spacy()
    assert [len(s) for s in doc.sents] == [len(s) for s in sentences]
    for found, sentence in zip(doc.sents, sentences, strict=True):
        assert [t.head.i - found.start + 1 if t.head.i != t.i else 0 for t in found] == sentence["head"]
