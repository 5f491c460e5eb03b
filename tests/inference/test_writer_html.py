"""HTML: well-formed, harmless whatever the text, and showing all that was found."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.inference.document import SHOWN_SENTENCES, Document, Sentence
from hiernlp.inference.writers import writer

VOID = {"meta", "br"}
HARMLESS = {"div", "section", "p", "span", "b", "small", "table", "tr", "td", "mark", "br", "meta"} | {
    "svg", "text", "tspan", "textpath", "g", "path"
}  # fmt: skip


class Seen(HTMLParser):
    """Collects elements and text, and holds that what opens closes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(markup)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def marks(self, tag: str, kind: str) -> int:
        return sum(t == tag and a.get("class") == kind for t, a in self.elements)


def sentence(words: list[str], label: str = "x", *, nested: bool = False) -> Sentence:
    n = len(words)
    spans = [{"start": 0, "end": n, "label": label}, *([{"start": n - 1, "end": n, "label": label}] if nested else [])]
    annotations = {
        "upos": [label] * n,
        "lemma": words,
        "head": [0, *[1] * (n - 1)],
        "deprel": ["root", *[label] * (n - 1)],
        "entities": spans,
        "kind": label,
        "kind_probability": {label: 0.25},
    }
    return Sentence(words, annotations=annotations, row={"sentence": label})


def test_arcs_marks_tags_and_labels_are_there() -> None:
    found = Seen(Document(None, [sentence(["Birds", "sing", "loudly"], "label")]).to_html())
    assert found.marks("g", "displacy-arrow") == 2
    assert found.marks("tspan", "displacy-word") == 3
    assert found.marks("mark", "entity") == 1
    assert "Birds sing loudly label" in found.text
    assert "kind label 0.25" in found.text
    assert "lemma Birds sing loudly" in found.text


def test_spans_that_share_words_lie_below_them() -> None:
    found = Seen(Document(None, [sentence(["New", "York", "City"], "place", nested=True)]).to_html())
    assert found.marks("mark", "entity") == 0
    assert found.marks("div", "spans") == 1
    assert found.text.count("City place place") == 1


def test_what_is_not_there_is_not_drawn() -> None:
    empty = Sentence(["a", "b"], annotations={"chunks": []}, levels={"chunks": "spans"})
    found = Seen(Document(None, [empty, Sentence(["bare"])]).to_html())
    assert "chunks: none" in found.text
    assert "bare" in found.text
    assert not any(tag == "svg" for tag, _ in found.elements)
    pair = Sentence(["A", "b"], annotations={"holds": "yes"}, row={"second": ["C", "d"]})
    assert "holds yes A b C d" in Seen(Document(None, [pair]).to_html()).text


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "</svg>"])
def test_markup_in_words_and_labels_is_shown_as_text(evil: str, nested: bool) -> None:
    document = Document(evil, [sentence([evil, "x", evil], evil, nested=nested)])
    for markup in (document.to_html(), document._repr_html_(), document.sentences[0]._repr_html_()):
        found = Seen(markup)
        assert {tag for tag, _ in found.elements} <= HARMLESS
        assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
        assert evil in found.text


@given(st.lists(st.text(st.characters(), max_size=8), min_size=1, max_size=4), st.text(st.characters(), max_size=8))
def test_any_text_gives_harmless_utf8(words: list[str], label: str) -> None:
    for nested in (False, True):
        document = Document(None, [sentence(words, label, nested=nested)])
        markup = writer("html").write(document)
        assert markup == writer("html").write(document)
        found = Seen(markup.encode().decode())
        assert {tag for tag, _ in found.elements} <= HARMLESS
        assert found.marks("tspan", "displacy-word") == len(words)


def test_arcs_refer_to_paths_of_their_own_drawing() -> None:
    found = Seen(Document(None, [sentence(["a", "b"]), sentence(["a", "b", "c"])]).to_html())
    names = [a["id"] for t, a in found.elements if t == "path" and "id" in a]
    assert len(names) == len(set(names)) == 3
    assert sorted(f"#{name}" for name in names) == sorted(
        a["xlink:href"] or "" for t, a in found.elements if t == "textpath"
    )


def test_a_notebook_shows_the_first_sentences_and_counts_the_others() -> None:
    document = Document(None, [Sentence([f"word{i}"]) for i in range(SHOWN_SENTENCES + 2)])
    found = Seen(document._repr_html_())
    assert f"word{SHOWN_SENTENCES - 1}" in found.text
    assert f"word{SHOWN_SENTENCES}" not in found.text
    assert "… and 2 more sentences" in found.text
    assert f"word{SHOWN_SENTENCES + 1}" in Seen(document.to_html()).text
