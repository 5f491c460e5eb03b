"""CoNLL-U: every column, what is missing, lossless blocks, and hostile files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hiernlp.corpora.conllu import Conllu, ConlluOptions
from hiernlp.errors import DataError

GUM_LIKE = """\
# newdoc id = doc_a
# global.Entity = GRP-etype-infstat
# meta::genre = news
# sent_id = a-1
# s_type = decl
# text = They can't see it _.
1	They	they	PRON	PRP	Case=Nom|Number=Plur	4	nsubj	4:nsubj	Entity=(1-person-new)
2-3	can't	_	_	_	_	_	_	_	_
2	ca	can	AUX	MD	VerbForm=Fin	4	aux	4:aux	_
3	n't	not	PART	RB	_	4	advmod:neg	4:advmod	_
4	see	see	VERB	VB	VerbForm=Inf	0	root	0:root	_
5	it	it	PRON	PRP	_	4	obj	4:obj	Entity=(2-object-new(3-place-new-x)|SpaceAfter=No
5.1	them	they	PRON	PRP	_	_	_	4:obj	_
6	_	_	SYM	NN	_	5	nmod:poss	5:nmod	Entity=2)|SpaceAfter=No
7	.	.	PUNCT	.	_	4	punct	4:punct	_

# sent_id = a-2
# text = No!
1	No	no	INTJ	_	_	0	root	_	SpaceAfter=No
2	!	_	PUNCT	_	_	1	punct	_	_

# newdoc
# sent_id = b-1
1	Hm	hm	_	_	_	_	_	_	_

"""


def rows_of(text, **options):
    return list(Conllu(ConlluOptions(**options)).parse(text, file="f.conllu"))


def block(*words, head=None):
    """Return a sentence of these words; by default, each depends on the word before."""
    heads = range(len(words)) if head is None else head
    return (
        "".join(
            f"{i}\t{w}\t_\t_\t_\t_\t{h}\tdep\t_\t_\n" for i, (w, h) in enumerate(zip(words, heads, strict=False), 1)
        )
        + "\n"
    )


def test_every_column_is_read():
    first, second, third = rows_of(GUM_LIKE)
    assert first["words"] == ["They", "ca", "n't", "see", "it", "_", "."]
    assert first["lemma"] == ["they", "can", "not", "see", "it", "_", "."]
    assert first["upos"] == ["PRON", "AUX", "PART", "VERB", "PRON", "SYM", "PUNCT"]
    assert first["xpos"][:2] == ["PRP", "MD"]
    assert first["feats"] == ["Case=Nom|Number=Plur", "VerbForm=Fin", "", "VerbForm=Inf", "", "", ""]
    assert first["head"] == [4, 4, 4, 0, 4, 5, 4]
    assert first["deprel"][2] == "advmod:neg"
    assert first["entities"] == [
        {"start": 0, "end": 1, "label": "person"},
        {"start": 4, "end": 6, "label": "object"},
        {"start": 4, "end": 5, "label": "place"},
    ]
    assert first["text"] == "They can't see it _."
    assert (first["document"], first["sentence"], first["sentence_type"], first["genre"]) == (
        "doc_a",
        "a-1",
        "decl",
        "news",
    )
    assert (first["file"], first["line"], second["line"], third["line"]) == ("f.conllu", 1, 17, 22)
    assert second["lemma"] == ["no", None]
    assert second["xpos"] is None
    assert second["sentence_type"] is None
    assert second["genre"] == "news"
    assert second["entities"] == []  # its document is annotated
    assert third["document"] == "f.conllu#2"
    assert third["genre"] is None
    assert third["entities"] is None
    assert third["head"] is None
    assert third["feats"] == [""]  # other words of the file have features


def test_sources_joined_are_the_file():
    assert "".join(row["source"] + "\n\n" for row in rows_of(GUM_LIKE)) == GUM_LIKE


def test_subtypes_entities_and_comments_are_optional():
    rows = rows_of(GUM_LIKE, subtypes=False, entities=None, sentence_comments={"said": "text"}, document_comments={})
    assert rows[0]["deprel"][2] == "advmod"
    assert "entities" not in rows[0]
    assert "genre" not in rows[0]
    assert rows[1]["said"] == "No!"
    assert list(Conllu(ConlluOptions(entities=None)).columns()) == [
        *("upos", "xpos", "feats", "lemma", "head", "deprel", "sentence_type", "genre")
    ]


def test_features_are_missing_where_no_word_of_the_file_has_any():
    assert rows_of(block("a"))[0]["feats"] is None


def test_misc_columns_are_tags_or_spans():
    text = (
        "1\ta\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No|Chunk=B-NP\n"
        "2\tb\t_\t_\t_\t_\t_\t_\t_\tChunk=I-NP\n"
        "3\tc\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
    ) + block("d")
    misc = {"chunks": {"key": "Chunk", "scheme": "iob2"}, "space": {"key": "SpaceAfter"}}
    first, second = rows_of(text, misc=misc)
    assert first["chunks"] == [{"start": 0, "end": 2, "label": "NP"}]
    assert first["space"] == ["No", None, None]
    assert second["chunks"] is None
    assert second["space"] is None
    with pytest.raises(DataError, match=r"line 2: MISC Chunk: expected O or one of B-label, I-label"):
        rows_of(text.replace("I-NP", "X-NP"), misc=misc)


def test_a_column_cannot_be_given_twice():
    with pytest.raises(ValidationError, match="'upos' is given twice"):
        ConlluOptions(sentence_comments={"upos": "x"})


def test_a_document_is_annotated_for_entities_if_any_sentence_of_it_is():
    entity = block("a").replace("_\n", "Entity=(1-person)\n")
    text = "# newdoc id = x\n" + block("a") + entity + "# newdoc id = y\n" + block("b")
    assert [row["entities"] is None for row in rows_of(text)] == [False, False, True]
    assert [row["entities"] for row in rows_of(block("a") + block("b"))] == [None, None]


def test_an_entity_of_an_empty_node_covers_the_words_between():
    text = (
        "1\ta\t_\t_\t_\t_\t0\troot\t_\t_\n1.1\tz\t_\t_\t_\t_\t_\t_\t_\tEntity=(1-person(2-person)\n"
        "2\tb\t_\t_\t_\t_\t1\tdep\t_\tEntity=1)\n\n"
    )
    assert rows_of(text)[0]["entities"] == [{"start": 1, "end": 2, "label": "person"}]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_marks_and_a_missing_last_line_change_nothing(write, ends, mark):
    path = write((mark + GUM_LIKE.rstrip("\n").replace("\n", ends)).encode())
    expected = rows_of(GUM_LIKE)
    assert [{**row, "file": None} for row in Conllu(ConlluOptions()).rows(path)] == [
        {**row, "file": None, "document": row["document"].replace("f.conllu", "corpus.txt")} for row in expected
    ]
    assert rows_of(iter(GUM_LIKE.splitlines(keepends=True))) == expected
    assert rows_of("\n\n" + GUM_LIKE.replace("\n\n", "\n\n \n")) != []


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\n\r"), min_size=1, max_size=5)


@given(st.lists(words, min_size=1, max_size=5))
def test_any_words_without_tabs_and_line_ends_are_kept(forms):
    assert rows_of(block(*forms))[0]["words"] == forms


@pytest.mark.parametrize(
    "forms",
    [["😀"], ["\u200b", "\u200d\ufeff"], ["\x00", "\x07\x1c"], ["word"] * 3000, ["x" * 10_000], ["New York", "\u2028"]],
)
def test_odd_words_survive_the_reader_and_arrow(write, tmp_path, forms):
    path = write(block(*forms))
    data = Conllu(ConlluOptions()).read([str(path)], cache_dir=tmp_path / "cache")
    assert data[0]["words"] == forms
    assert data[0]["source"] + "\n\n" == block(*forms)


GOOD = "1\ta\t_\t_\t_\t_\t0\troot\t_\t_\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD.replace("\ta\t", "\ta\tb\t"), 1, "expected 10 columns separated by tabs, found 11"),
        (GOOD + "2\tb\t_\n\n", 2, "expected 10 columns separated by tabs, found 3"),
        (GOOD.replace("\t", " "), 1, "found 1"),
        (GOOD.replace("\ta\t", "\t\t"), 1, "column 2 is empty"),
        (GOOD + GOOD, 2, "expected word 2, found '1'"),
        (GOOD.replace("1", "2", 1), 1, "expected word 1, found '2'"),
        (GOOD.replace("1", "x", 1), 1, "expected word 1, found 'x'"),
        (GOOD.replace("0\troot", "zero\troot"), 1, r"expected a head \(a word's number, 0 or _\), found 'zero'"),
        (GOOD.replace("0\troot", "-1\troot"), 1, "found '-1'"),
        (GOOD.replace("0\troot", "٠\troot"), 1, "found '٠'"),
        (GOOD.replace("0\troot", "5\troot"), 1, "the head 5 is out of range; the sentence has 1 words"),
        (GOOD.replace("0\troot", "99999999999\troot"), 1, "out of range"),
        ("# x\n" + block("a", "b", "c", head=[0, 3, 2]), 3, "found a cycle: words 2 -> 3 -> 2.*check_trees"),
        (block("a", head=[1]), 1, "found a cycle: words 1 -> 1"),
        (block("a", "b", head=[0, 0]), 2, "expected one root, found 2.*check_trees"),
        ("# only = comments\n\n", 1, "expected word lines after the comments"),
        (GOOD + "# late\n", 2, "comments stand before the words"),
        ("1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n" + GOOD, 1, "a multiword token ends at word 2, which is not there"),
        ("2-3\tab\t_\t_\t_\t_\t_\t_\t_\t_\n" + GOOD, 1, "expected a multiword token that begins at word 1"),
        (GOOD + "3.1\tz\t_\t_\t_\t_\t_\t_\t_\t_\n", 2, "expected word 2, found '3.1'"),
        ("1.1\tz\t_\t_\t_\t_\t_\t_\t_\t_\n\n", 1, "expected word 1"),
        ("0.1\tz\t_\t_\t_\t_\t_\t_\t_\t_\n\n", 1, "expected a word in this sentence, found none"),
        (GOOD.replace("_\n", "Entity=(1-person\n"), 1, "the entity '1' opens here and does not close"),
        (GOOD.replace("_\n", "Entity=1)\n"), 1, "closes what was not opened in this sentence"),
        ("# global.Entity = head-minspan\n" + GOOD, 1, "expected fields with eid"),
    ],
)
def test_departures_from_the_format_name_the_line(text, line, message):
    with pytest.raises(DataError, match=message) as caught:
        rows_of("\n" + text)
    assert caught.value.line == line + 1
    assert str(caught.value).startswith(f"f.conllu, line {line + 1}: ")


def test_trees_are_not_checked_if_so_wished():
    rows = rows_of(block("a", "b", head=[0, 0]) + block("a", "b", head=[2, 1]), check_trees=False)
    assert [row["head"] for row in rows] == [[0, 0], [2, 1]]
    with pytest.raises(DataError, match="out of range"):
        rows_of(block("a", head=[2]), check_trees=False)


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_sentence_is_an_error(write, content):
    path = write(content)
    with pytest.raises(DataError, match=r"corpus.txt: expected at least one sentence, found none"):
        Conllu(ConlluOptions()).read([str(path)], cache_dir=None)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*GUM_LIKE.split("\n")]), max_size=8).map("\n".join))
def test_any_text_is_read_or_refused_with_a_line(text):
    try:
        rows = rows_of(text)
    except DataError as error:
        if error.line is None:
            raise
    else:
        assert all(row["words"] and row["source"] for row in rows)


@pytest.mark.corpora
@pytest.mark.parametrize(
    ("name", "sentences", "words"),
    [
        ("ewt/train", 12_544, 204_577),
        ("ewt/dev", 2_001, 25_147),
        ("ewt/test", 2_077, 25_094),
        ("gum/train", 9_933, None),
        ("gum/dev", 1_341, None),
    ],
)
def test_real_corpora_are_read_whole(real_data: Path, tmp_path, name, sentences, words):
    path = real_data / f"{name}.conllu"
    data = Conllu(ConlluOptions()).read([str(path)], cache_dir=tmp_path)
    assert len(data) == sentences
    assert "".join(source + "\n\n" for source in data["source"]) == path.read_text(encoding="utf-8")
    counts = Counter(len(row) for row in data["words"])
    assert words is None or sum(n * count for n, count in counts.items()) == words
    assert all(heads.count(0) == 1 for heads in data["head"])
    lines = path.read_text(encoding="utf-8").split("\n")
    assert all(
        lines[line - 1] == source.split("\n")[0] for line, source in zip(data["line"], data["source"], strict=True)
    )
    if name.startswith("gum"):
        brackets = sum(source.count("(") for text in data["source"] for source in entity_values(text))
        assert sum(len(spans) for spans in data["entities"]) == brackets
        assert set(data.unique("genre")) >= {"academic", "court", "news"}
        assert None not in data.unique("sentence_type")


def entity_values(text):
    cells = [line.split("\t")[9] for line in text.split("\n") if not line.startswith("#")]
    return [item[7:] for cell in cells for item in cell.split("|") if item.startswith("Entity=")]
