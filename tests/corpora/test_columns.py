"""Columns of words and tags: any order and separator, documents, and hostile files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hiernlp.corpora._escapes import unescaped
from hiernlp.corpora.columns import Columns, ColumnsOptions
from hiernlp.errors import DataError


def rows_of(text, **options):
    options.setdefault("columns", {"words": 0, "tag": 1})
    return list(Columns(ColumnsOptions(**options)).parse(text, file="f.txt"))


def test_columns_come_in_any_order_and_some_are_left_out():
    rows = rows_of(
        "B-NP x DT the\nI-NP x NN end\n\nO x . .\n", columns={"words": -1, "xpos": 2, "c": 0}, spans={"c": "iob2"}
    )
    assert rows == [
        {
            "file": "f.txt",
            "line": 1,
            "document": None,
            "words": ["the", "end"],
            "xpos": ["DT", "NN"],
            "c": [{"start": 0, "end": 2, "label": "NP"}],
        },
        {"file": "f.txt", "line": 4, "document": None, "words": ["."], "xpos": ["."], "c": []},
    ]


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=" \t\n\r"), min_size=1, max_size=4)
tags = st.sampled_from(["A", "B", "#", "O"])
corpora = st.lists(st.lists(st.tuples(words, tags), min_size=1, max_size=4), min_size=1, max_size=4)


@given(
    corpora, st.sampled_from([(None, " "), (None, " \t "), ("\t", "\t"), ("||", "||")]), st.sampled_from(["\n", "\r\n"])
)
def test_any_corpus_is_read_back(corpus, separators, end):
    option, between = separators
    corpus = [[(word.replace("|", "-"), tag) for word, tag in sentence] for sentence in corpus]
    corpus[0][0] = ("x" + corpus[0][0][0], corpus[0][0][1])
    text = (end * 2).join(end.join(f"{word}{between}{tag}" for word, tag in sentence) for sentence in corpus)
    rows = rows_of(text, separator=option, document_marker=None)
    assert [list(zip(row["words"], row["tag"], strict=True)) for row in rows] == corpus


def test_words_may_hold_blanks_where_tabs_separate():
    assert rows_of("New York\tX\n \t \na\tY\n", separator="\t")[0]["words"] == ["New York"]


def test_documents_are_marked():
    rows = rows_of("a X\n\n-DOCSTART- -X-\n\nb X\n-DOCSTART- -X-\nc X\n")
    assert [row["document"] for row in rows] == [None, "f.txt#1", "f.txt#2"]
    assert rows_of("-DOCSTART- X\n", document_marker=None)[0]["words"] == ["-DOCSTART-"]


def test_comments_are_left_out_only_if_named():
    text = "# x\n#1 B\n"
    assert rows_of(text)[0]["words"] == ["#", "#1"]
    assert rows_of(text, comment="# ")[0]["words"] == ["#1"]


def test_missing_values():
    rows = rows_of("a _\n_ X\n\nb _\n", missing="_")
    assert [row["tag"] for row in rows] == [[None, "X"], None]
    assert rows[0]["words"] == ["a", "_"]
    assert rows_of("a\t\nb\tX\n", separator="\t", missing="")[0]["tag"] == [None, "X"]


def test_escapes_of_the_penn_treebank_are_undone_where_that_is_asked_for():
    text = "``\tA\n-LRB-\tA\n1\\/4\tA\n\\*\\*\tA\n-lrb-x\tA\n''\tA\n-RCB-\tA\n"
    written = ["``", "-LRB-", "1\\/4", "\\*\\*", "-lrb-x", "''", "-RCB-"]
    assert rows_of(text)[0]["words"] == written
    assert rows_of(text, escapes="ptb")[0]["words"] == ['"', "(", "1/4", "**", "-lrb-x", '"', "}"]


@given(st.text(st.characters(blacklist_characters="\\`", blacklist_categories=["Cs"]), min_size=1))
def test_words_without_escapes_stay(word):
    if not (word == "''" or (word.startswith("-") and word.endswith("B-"))):
        assert unescaped(word) == word
    assert unescaped(unescaped(word)) == unescaped(word)


def test_heads_are_numbers_and_checked():
    columns = {"words": 0, "head": 1}
    assert rows_of("a 2\nb 0\nc _\n", columns=columns, heads="head", missing="_")[0]["head"] == [2, 0, None]
    for text, message in [
        ("a 3\nb 0\n", "line 1: head: the head 3 is out of range"),
        ("a 2\nb 1\n", "found a cycle"),
        ("a x\n", "line 1: head: expected a head"),
    ]:
        with pytest.raises(DataError, match=message):
            rows_of(text, columns=columns, heads="head")
    assert rows_of("a 2\nb 1\n", columns=columns, heads="head", check_trees=False)[0]["head"] == [2, 1]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "a X\nb\nc X\n",
            {},
            r"f.txt, line 2: expected 2 columns \(as before in this file\) separated by blanks, found 1",
        ),
        ("a X\n\nb X Y\n", {}, "line 3: expected 2 columns"),
        ("a\tX\nb X\n", {"separator": "\t"}, r"line 2: expected 2 columns .* separated by '\\t', found 1"),
        ("\na\n", {}, r"line 2: expected 'tag' in column 1 \(counted from 0\), found 1 columns"),
        ("a X\n", {"columns": {"words": 0, "t": -3}}, "expected 't' in column -3"),
        ("a\tX\n\tX\n", {"separator": "\t"}, "line 2: expected a word, found an empty column"),
        ("a\tX\nb\t\n", {"separator": "\t"}, "line 2: the column of 'tag' is empty"),
        ("a B-X\nb Z-X\n", {"spans": {"tag": "iob2"}}, "line 2: tag: expected O or one of"),
    ],
)
def test_departures_from_the_format_name_the_line(text, options, message):
    with pytest.raises(DataError, match=message):
        rows_of(text, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"tag": 1}}, "expected a column for words"),
        ({"columns": {"words": 0, "tag": 1}, "spans": {"tga": "iob2"}}, "no annotation 'tga'"),
        ({"columns": {"words": 0, "tag": 1}, "spans": {"tag": "iob3"}}, "iob1"),
        ({"columns": {"words": 0, "tag": 1}, "spans": {"tag": "iob2"}, "heads": "tag"}, "both heads and spans"),
    ],
)
def test_options_that_disagree_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        ColumnsOptions(**options)


@pytest.mark.parametrize("word", ["😀", "\u200b", "\x00\x07", "x" * 10_000])
def test_odd_words_survive_the_reader_and_arrow(write, tmp_path, word):
    path = write(f"{word}\tX\n" * 3000)
    options = ColumnsOptions(columns={"words": 0, "tag": 1}, separator="\t")
    data = Columns(options).read([str(path)], cache_dir=tmp_path / "cache")
    assert data[0]["words"] == [word] * 3000


@pytest.mark.parametrize("content", ["", "\n \t\n", "\ufeff", "-DOCSTART- X\n"])
def test_a_file_without_a_sentence_is_an_error(write, content):
    with pytest.raises(DataError, match="expected at least one sentence"):
        Columns(ColumnsOptions(columns={"words": 0})).read([str(write(content))], cache_dir=None)


@pytest.mark.corpora
def test_real_corpora_are_read_whole(real_data, tmp_path):
    chunks = Columns(ColumnsOptions(columns={"words": 0, "xpos": 1, "chunks": 2}, spans={"chunks": "iob2"}))
    for name, count in (("train", 8936), ("test", 2012)):
        path = real_data / "conll2000" / f"{name}.txt"
        data = chunks.read([str(path)], cache_dir=tmp_path)
        assert len(data) == count
        begins = sum(line.split()[-1].startswith("B-") for line in path.read_text(encoding="utf-8").split("\n") if line)
        assert sum(len(spans) for spans in data["chunks"]) == begins
    entities = Columns(ColumnsOptions(columns={"words": 0, "entities": 1}, separator="\t", spans={"entities": "iob2"}))
    for name in ("train", "dev"):
        path = real_data / "wnut17" / f"{name}.conll"
        data = entities.read([str(path)], cache_dir=tmp_path)
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
        assert sum(len(row) for row in data["words"]) == len(lines)
        assert sum(len(spans) for spans in data["entities"]) == sum("\tB-" in line for line in lines)
