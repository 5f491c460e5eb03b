"""The room of writers, and JSON lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError
from hiernlp.inference.document import Document, Sentence
from hiernlp.inference.writers import formats, writer
from hiernlp.inference.writers._base import Writer


@pytest.mark.parametrize("name", formats.names())
def test_every_format_writes_any_document_and_ends_its_lines(name: str) -> None:
    one = writer(name)
    assert isinstance(one, Writer)
    for document in (Document(None, []), Document("Hi!", [Sentence(["Hi", "!"], annotations={"upos": ["INTJ", "X"]})])):
        text = one.write(document)
        assert text == one.write(document)
        assert not text or text.endswith("\n")


def test_a_misspelt_format_names_close_matches() -> None:
    with pytest.raises(HierNLPError, match=r"no output format called 'jsn'; did you mean 'json'\?"):
        writer("jsn")


def test_json_turns_what_it_lacks_into_null() -> None:
    document = Document(None, [Sentence(["a"], annotations={"score": float("nan"), "other": [float("inf")]})])
    annotations = json.loads(writer("json").write(document))["sentences"][0]["annotations"]
    assert annotations == {"score": None, "other": [None]}


@given(st.text(st.characters(), max_size=20), st.lists(st.text(st.characters()), min_size=1, max_size=4))
def test_json_is_one_line_of_utf8_that_reads_back(text: str, words: list[str]) -> None:
    line = writer("json").write(Document(text, [Sentence(words, annotations={"upos": words})]))
    assert line.splitlines(keepends=True) == [line]
    found = json.loads(line.encode("utf-8"))
    assert found["text"] == text
    assert found["sentences"][0]["words"] == words
    assert found["sentences"][0]["annotations"]["upos"] == words
