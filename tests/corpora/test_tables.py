"""Tables: the four formats agree, every type of value, and hostile files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import ValidationError

from hiernlp.corpora.tables import Tables, TablesOptions
from hiernlp.errors import DataError


def rows_of(path, **options):
    return list(Tables(TablesOptions(**options)).rows(path))


def bare(rows):
    return [{name: value for name, value in row.items() if name not in ("file", "line")} for row in rows]


ROWS = [
    {"t": "so good", "y": "pos", "n": 1.5, "ls": ["a", "b"], "g": ["X", "Y"], "d": "d1", "i": 7},
    {"t": "bad", "y": None, "n": None, "ls": None, "g": None, "d": None, "i": 8},
]
OPTIONS = {
    "text": "t",
    "tokenized": True,
    "columns": {"label": "y", "number": "n", "topics": "ls", "tags": "g"},
    "types": {"number": "number", "topics": "labels", "tags": "tags"},
    "document": "d",
    "id": "i",
}
EXPECTED = [
    {
        "text": "so good",
        "words": ["so", "good"],
        "document": "d1",
        "sentence": "7",
        "label": "pos",
        "number": 1.5,
        "topics": ["a", "b"],
        "tags": ["X", "Y"],
    },
    {
        "text": "bad",
        "words": ["bad"],
        "document": None,
        "sentence": "8",
        "label": None,
        "number": None,
        "topics": None,
        "tags": None,
    },
]


def test_the_four_formats_give_the_same_rows(write, tmp_path):
    flat = [{k: {"ls": ",", "g": " "}[k].join(v) if isinstance(v, list) else v for k, v in row.items()} for row in ROWS]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    names = list(flat[0])
    tsv = "\n".join("\t".join("" if row[n] is None else str(row[n]) for n in names) for row in flat)
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    paths = [
        write(table.getvalue(), "x.csv"),
        write("\t".join(names) + "\r\n" + tsv.replace("\n", "\r\n"), "x.tsv"),
        write("\ufeff" + "\n\n".join(json.dumps(row) for row in ROWS), "x.jsonl"),
        tmp_path / "x.parquet",
    ]
    for path in paths:
        assert bare(rows_of(path, **OPTIONS)) == EXPECTED, path
    assert [row["line"] for row in rows_of(paths[0], **OPTIONS)] == [2, 3]
    assert [row["line"] for row in rows_of(paths[2], **OPTIONS)] == [1, 3]


def test_columns_are_numbers_without_a_header(write):
    path = write('he said "no\t0\nfine\t1\n', "x.tsv")
    rows = rows_of(path, text=0, columns={"y": 1}, header=False, tokenized=True)
    assert [(row["words"], row["y"], row["line"]) for row in rows] == [
        (["he", "said", '"no'], "0", 1),
        (["fine"], "1", 2),
    ]


def test_quoted_fields_hold_separators_quotes_and_line_ends(write):
    path = write('t;y\n"a; ""b""\nc";X\nd;Y\n', "x.csv")
    rows = rows_of(path, text="t", columns={"y": "y"}, separator=";", tokenized=True)
    assert [(row["text"], row["line"]) for row in rows] == [('a; "b"\nc', 2), ("d", 4)]


def test_the_format_is_told_where_the_suffix_does_not(write):
    path = write("t\ty\na\tX\n", "x.data")
    assert rows_of(path, text="t", columns={"y": "y"}, format="tsv")[0]["y"] == "X"
    with pytest.raises(DataError, match=r"suffix '.data' does not tell the format"):
        rows_of(path, text="t", columns={"y": "y"})


def test_raw_text_is_split_by_the_rules_of_the_language(write):
    path = write("t,y\nIt isn't. Is it?,X\n", "x.csv")
    assert rows_of(path, text="t", columns={"y": "y"})[0]["words"] == ["It", "is", "n't", ".", "Is", "it", "?"]


def json_row(write, cell, kind="label", words=("a", "b"), **options):
    path = write(json.dumps({"w": list(words), "x": cell}) + "\n", "x.jsonl")
    return rows_of(path, words="w", columns={"x": "x"}, types={"x": kind}, **options)[0]["x"]


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("label", "", None),
        ("label", 3, "3"),
        ("label", 3.0, "3"),
        ("label", 0.5, "0.5"),
        ("label", True, "true"),
        ("number", "2e1", 20.0),
        ("number", float("nan"), None),
        ("labels", "a, b,", ["a", "b"]),
        ("labels", ",", []),
        ("labels", "", None),
        ("labels", [], []),
        ("labels", [1, "x"], ["1", "x"]),
        ("distribution", {"pos": 0.5, "neu": 0, "neg": None}, [("pos", 0.5), ("neu", 0.0)]),
        ("distribution", "very good = 3, bad=2,", [("very good", 3.0), ("bad", 2.0)]),
        ("distribution", '{"a=b": 1, "c, d": 2.5}', [("a=b", 1.0), ("c, d", 2.5)]),
        ("distribution", {}, None),
        ("distribution", {"pos": None}, None),
        ("tags", "X Y", ["X", "Y"]),
        ("tags", ["X", None], ["X", None]),
        ("tags", [None, ""], None),
        ("heads", "2 0", [2, 0]),
        ("heads", [2, 0.0], [2, 0]),
        ("spans", "B-P I-P", [{"start": 0, "end": 2, "label": "P"}]),
        ("spans", ["O", "O"], []),
        ("spans", [], []),
        (
            "spans",
            [{"start": 0, "end": 1, "label": "A"}, {"start": 0, "end": 2, "label": "B"}],
            [{"start": 0, "end": 2, "label": "B"}, {"start": 0, "end": 1, "label": "A"}],
        ),
    ],
)
def test_every_type_of_value(write, kind, cell, expected):
    if kind == "distribution" and expected is not None:
        expected = [{"label": label, "share": share} for label, share in expected]
    assert json_row(write, cell, kind) == expected


def test_distributions_in_every_format(write, tmp_path):
    """Counts of annotators: an object, a struct and a map of Arrow, and strings, split as told."""
    expected = [[{"label": "pos", "share": 3.0}, {"label": "neg", "share": 2.0}], None]
    options = {"text": "t", "tokenized": True, "columns": {"v": "v"}, "types": {"v": "distribution"}}
    cells = [{"pos": 3, "neg": 2}, None]
    table = {"t": ["so good", "bad"]}
    struct = pa.struct([("pos", pa.int64()), ("neg", pa.int64()), ("never", pa.int64())])
    for name, kind in (("struct", struct), ("map", pa.map_(pa.string(), pa.int64()))):
        parquet.write_table(pa.table(table | {"v": pa.array(cells, kind)}), tmp_path / f"{name}.parquet")
    files = [
        (tmp_path / "struct.parquet", {}),
        (tmp_path / "map.parquet", {}),
        (write("".join(json.dumps({"t": "x", "v": cell}) + "\n" for cell in cells), "x.jsonl"), {}),
        (write("t\tv\nx\tpos=3 neg=2\nx\t\n", "x.tsv"), {"labels_separator": " "}),
        (write('t,v\nx,"{""pos"": 3, ""neg"": 2}"\nx,\n', "x.csv"), {}),
    ]
    for path, others in files:
        assert [row["v"] for row in rows_of(path, **options, **others)] == expected, path


@pytest.mark.parametrize(
    ("kind", "cell", "message"),
    [
        ("label", ["x"], "expected a string or a number"),
        ("number", "many", r"x.jsonl, line 1: column 'x' \(x\): expected a number, found 'many'"),
        ("number", "inf", "finite"),
        ("number", [1], "expected a number"),
        (
            "distribution",
            {"pos": -0.1},
            r"column 'x' \(x\): expected shares or counts of at least 0, found -0.1 of 'pos'",
        ),
        ("distribution", {"pos": 0, "neg": 0.0}, "found a sum of 0"),
        ("distribution", {"pos": "many"}, "expected a number, found 'many'"),
        ("distribution", {"pos": {"a": 1}}, "expected a number"),
        ("distribution", '{"pos": 1, "pos": 2}', "found 'pos' twice"),
        ("distribution", '{"pos": 1', "expected an object in JSON"),
        ("distribution", "pos=3 neg=2", r"separated by ',' \(`labels_separator`\), found 'pos=3 neg=2'"),
        ("distribution", "pos", "expected label=share"),
        ("distribution", "=3", "expected a label before every share"),
        ("distribution", ["pos", "neg"], "expected labels with a share or a count each"),
        ("tags", "X", "expected 2 values, one a word, found 1"),
        ("tags", 5, "expected a list or a string"),
        ("heads", "3 0", "head 3 is out of range"),
        ("heads", "2 1", "cycle"),
        ("heads", "x 0", "expected a head"),
        ("spans", "B-P Z-P", "expected O or one of"),
        ("spans", [{"start": 1, "end": 1, "label": "P"}], "expected a span"),
        ("spans", [{"start": 0, "end": 3, "label": "P"}], "expected a span"),
        ("spans", [{"start": 0, "end": 1}], "expected a span"),
        ("spans", {"start": 0}, "expected a list"),
    ],
)
def test_values_of_another_type_name_line_and_column(write, kind, cell, message):
    with pytest.raises(DataError, match=message) as caught:
        json_row(write, cell, kind)
    assert caught.value.line == 1


words = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=" \t\r\n"), min_size=1, max_size=5)


@given(st.lists(st.lists(words, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_words_survive_every_format(tmp_path_factory, sentences):
    folder = tmp_path_factory.mktemp("any")
    texts = [" ".join(sentence) for sentence in sentences]
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([["t", "y"], *([text, "X"] for text in texts)])
    (folder / "x.csv").write_bytes(table.getvalue().encode())
    (folder / "x.jsonl").write_bytes("\n".join(json.dumps({"t": t, "y": "X"}) for t in texts).encode())
    (folder / "x.tsv").write_bytes("\n".join(["t\ty", *(f"{text}\tX" for text in texts)]).encode())
    for name in ("x.csv", "x.jsonl", "x.tsv"):
        rows = rows_of(folder / name, text="t", columns={"y": "y"}, tokenized=True)
        assert [row["words"] for row in rows] == sentences


@pytest.mark.parametrize("text", ["😀", "\u200b \u200b", "\x00 \x07", "w " * 3000, "x" * 200_000])
def test_odd_texts_survive_the_reader_and_arrow(write, tmp_path, text):
    path = write(f"t,y\n{text},X\n", "x.csv")
    for tokenized in (True, False):
        options = TablesOptions(text="t", columns={"y": "y"}, tokenized=tokenized)
        data = Tables(options).read([str(path)], cache_dir=tmp_path / "cache")
        assert "".join(data[0]["words"]) == text.replace(" ", "")


OF_T_AND_Y = {"text": "t", "columns": {"y": "y"}, "tokenized": True}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", "t,y\na,X\nb\n", "x.csv, line 3: expected 2 columns separated by ',', found 1"),
        ("x.csv", 't,y\na,X\n"b,Y\n', "x.csv, line 3: the quotes are broken"),
        ("x.csv", "t,z\na,X\n", r"line 1: there is no column 'y'"),
        ("x.csv", "t,y,y\na,X,Y\n", "header names 'y' twice"),
        ("x.csv", "t,y\n,X\n", "line 2: expected words in column 't', found none"),
        ("x.csv", "t,y\n  ,X\n", "line 2: expected words"),
        ("x.tsv", "t\ty\na\tX\tY\n", r"line 2: expected 2 columns separated by '\\t', found 3"),
        ("x.tsv", b"t\ty\n\xff\tX\n", "line 2: expected UTF-8"),
        ("x.jsonl", '{"t": "a", "y": "X"}\n{"t": "a"\n', "line 2: expected a JSON object in one line"),
        ("x.jsonl", "[1]\n", "line 1: expected a JSON object, found list"),
        ("x.jsonl", '{"text": "a", "y": "X"}\n', "line 1: there is no column 't'"),
        ("x.jsonl", '{"t": "a", "Y": "X"}\n', "there is no column 'y'"),
        ("x.jsonl", "[" * 100_000, "line 1: expected a JSON object"),
        ("x.jsonl", '{"t": "\\ud800", "y": "X"}\n', "cannot be stored"),
        ("x.parquet", "no parquet", "expected a parquet file"),
        ("x.csv", "", "expected at least one sentence"),
        ("x.csv", "t,y\n", "expected at least one sentence"),
        ("x.jsonl", "\n\n", "expected at least one sentence"),
    ],
)
def test_broken_files_name_the_line(write, name, content, message):
    path = write(content, name)
    with pytest.raises(DataError, match=message):
        Tables(TablesOptions(**OF_T_AND_Y)).read([str(path)], cache_dir=None)


def test_parquet_lacks_a_column(tmp_path):
    parquet.write_table(pa.Table.from_pylist([{"t": "a", "label": "X"}]), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"there is no column 'y'; choose from label, t"):
        rows_of(tmp_path / "x.parquet", **OF_T_AND_Y)


def test_numbers_of_columns_out_of_range_and_names_without_header(write):
    path = write("a\tX\n", "x.tsv")
    with pytest.raises(DataError, match=r"expected a column 2 \(counted from 0\), found 2 columns"):
        rows_of(path, text=0, columns={"y": 2}, header=False)
    with pytest.raises(DataError, match="'y' cannot be found without a header"):
        rows_of(path, text=0, columns={"y": "y"}, header=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"y": "y"}}, "expected either `text` or `words`"),
        ({"text": "t", "words": "w", "columns": {"y": "y"}}, "expected either `text` or `words`"),
        ({"text": "t", "columns": {"words": "y"}}, "cannot be called 'words'"),
        ({"text": "t", "columns": {"y": "y"}, "types": {"z": "label"}}, "no annotation 'z'"),
        ({"text": "t", "columns": {"y": "y"}, "types": {"y": "tags"}}, "annotates words"),
    ],
)
def test_options_that_disagree_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        TablesOptions(**options)


@pytest.mark.corpora
def test_real_corpora_are_read_whole(real_data, tmp_path):
    sst = Tables(TablesOptions(text=0, columns={"sentiment": 1}, header=False, tokenized=True))
    for name, count in (("train", 6920), ("dev", 872)):  # the last lines have no end
        path = real_data / "sst2" / f"{name}.tsv"
        data = sst.read([str(path)], cache_dir=tmp_path)
        assert len(data) == count
        assert sorted(data.unique("sentiment")) == ["0", "1"]
        joined = "\n".join(f"{text}\t{label}" for text, label in zip(data["text"], data["sentiment"], strict=True))
        assert joined == path.read_text(encoding="utf-8").rstrip("\n")
    columns = {"relatedness": "relatedness_score", "entailment": "entailment_judgment"}
    sick = Tables(TablesOptions(text="sentence_A", columns=columns, types={"relatedness": "number"}, id="pair_ID"))
    for name, count in (("train", 4500), ("trial", 500), ("test", 4927)):
        data = sick.read([str(real_data / "sick" / f"{name}.tsv")], cache_dir=tmp_path)
        assert len(data) == count
        assert all(1 <= score <= 5 for score in data["relatedness"])
        assert len(data.unique("entailment")) == 3


def read_pairs(tmp_path: Path, text: str, **options: Any) -> list[dict[str, Any]]:
    from hiernlp.corpora.tables import Tables, TablesOptions

    (tmp_path / "pairs.tsv").write_text(text, encoding="utf-8")
    made = TablesOptions(text="a", second="b", columns={"score": "score"}, types={"score": "number"}, **options)
    return list(Tables(made).read(["pairs.tsv"], base=tmp_path, cache_dir=None))  # type: ignore[arg-type]


def test_pairs_of_sentences(tmp_path: Path) -> None:
    rows = read_pairs(tmp_path, "a\tb\tscore\nIt rains.\tDon't go. Stay!\t4.5\nYes\tNo\t\n")
    assert [row["words"] for row in rows] == [["It", "rains", "."], ["Yes"]]
    assert [row["second"] for row in rows] == [["Do", "n't", "go", ".", "Stay", "!"], ["No"]]
    assert [row["score"] for row in rows] == [4.5, None]


def test_mistakes_in_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pairs.tsv, line 3: expected words in column 'b' \(the second sentence"):
        read_pairs(tmp_path, "a\tb\tscore\nYes\tNo\t1\nYes\t\t2\n")
    with pytest.raises(DataError, match=r"line 2: expected words in column 'a' \(the first sentence"):
        read_pairs(tmp_path, "a\tb\tscore\n \tNo\t1\n")
    with pytest.raises(DataError, match="there is no column 'b'"):
        read_pairs(tmp_path, "a\tc\tscore\nYes\tNo\t1\n")
    from hiernlp.corpora.tables import TablesOptions

    with pytest.raises(ValueError, match="a row is a pair"):
        TablesOptions(words="a", second="b", columns={"upos": "u"}, types={"upos": "tags"})
    with pytest.raises(ValueError, match="cannot be called 'second'"):
        TablesOptions(words="a", columns={"second": "b"})


@pytest.mark.corpora
def test_pairs_of_a_real_corpus(real_data: Path) -> None:
    options = TablesOptions(
        text="sentence_A",
        second="sentence_B",
        columns={"relatedness": "relatedness_score", "entailment": "entailment_judgment"},
        types={"relatedness": "number"},
    )
    sizes = {"train.tsv": 4500, "trial.tsv": 500, "test.tsv": 4927}
    for name, size in sizes.items():
        rows = Tables(options).read([name], base=real_data / "sick", cache_dir=None)
        assert len(rows) == size
        assert all(rows["words"][:])
        assert all(rows["second"][:])
        assert {1.0, 5.0} <= set(rows["relatedness"][:])
        assert all(1 <= score <= 5 for score in rows["relatedness"][:])
        assert set(rows["entailment"][:]) == {"NEUTRAL", "ENTAILMENT", "CONTRADICTION"}


def test_text_without_annotations(tmp_path: Path) -> None:
    path = tmp_path / "plain.tsv"
    path.write_text("A cat sleeps.\t1\nWhy?\t0\n", encoding="utf-8")
    found = rows_of(path, header=False, text=0)
    assert [row["words"] for row in found] == [["A", "cat", "sleeps", "."], ["Why", "?"]]
