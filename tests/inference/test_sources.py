"""Sources: each format gives its records with their places, and what cannot be read as its own error."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiernlp.errors import DataError, HierNLPError
from hiernlp.inference.sources import SourceOptions, formats, open_inputs, read_inputs


def read(name: Any, **how: Any) -> list[tuple[int, Any]]:
    found = read_inputs(open_inputs([str(name)], **how))
    return [(record.line, record.content if record.error is None else str(record.error)) for record in found]


def write(file: Path, content: bytes | str) -> Path:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_text_by_paragraphs_and_by_lines(tmp_path: Path) -> None:
    file = write(tmp_path / "a.txt", b"\xef\xbb\xbfA b.\r\nC.\n \n\n\nD\n\n\xff\n\nE")
    assert [line for line, _ in read(file)] == [1, 6, 8, 10]
    assert [text for _, text in read(file)][:2] == ["A b.\nC.", "D"]
    assert "line 8: expected UTF-8" in read(file)[2][1]
    assert [(n, t) for n, t in read(file, form="lines") if n != 8] == [(1, "A b."), (2, "C."), (6, "D"), (10, "E")]


def test_tables(tmp_path: Path) -> None:
    comma = write(tmp_path / "a.csv", 'id,text\n1,"a, b\nc"\n2\n3,"d ""e"""\n')
    assert read(comma)[0] == (2, "a, b\nc")
    assert "line 4: expected 2 columns, found 1" in read(comma)[1][1]
    assert read(comma)[2] == (5, 'd "e"')
    (record, *_) = read_inputs(open_inputs([str(comma)]))
    assert (record.id, record.fields) == ("1", {})
    tabs = write(tmp_path / "a.tsv", b'text\tlang\na "b\ten\n\n\xff\tde\n')
    assert read(tabs)[0] == (2, 'a "b')
    assert "line 4: expected UTF-8" in read(tabs)[1][1]
    with pytest.raises(DataError, match=r"does not name the column 'text'; choose from a, b"):
        read(write(tmp_path / "b.csv", "a,b\n1,2\n"))
    with pytest.raises(DataError, match="the quotes are broken"):
        read(write(tmp_path / "c.csv", 'text\n"a"b\n'))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"body": ["a", "b"]}\n')))
    assert read("-", form="jsonl", options=SourceOptions(field="body")) == [(1, ["a", "b"])]


def test_datasets_and_parquet(tmp_path: Path) -> None:
    import datasets

    made = datasets.Dataset.from_dict({"text": ["a", "b"], "id": [5, 6], "topic": ["x", "y"]})
    made.save_to_disk(tmp_path / "saved")
    made.to_parquet(tmp_path / "a.parquet")
    for name in ("saved", "a.parquet"):
        assert read(tmp_path / name) == [(1, "a"), (2, "b")]
        (first, _) = read_inputs(open_inputs([str(tmp_path / name)]))
        assert (first.id, first.fields) == (5, {"topic": "x"})
        with pytest.raises(DataError, match="there is no column 'txt'; did you mean 'text'"):
            open_inputs([str(tmp_path / name)], options=SourceOptions(field="txt"))
    with pytest.raises(DataError, match="there is no split 'test'; choose from train"):
        open_inputs([str(tmp_path / "saved")], options=SourceOptions(split="test"))


def test_conllu_by_documents(tmp_path: Path) -> None:
    word = "1\t{}\t_\t_\t_\t_\t_\t_\t_\t_\n"
    parts = ["# newdoc id = x\n" + word.format("a"), word.format("b"), "1\tbroken\n", "# newdoc\n" + word.format("c")]
    file = write(tmp_path / "a.conllu", "\n".join(parts))
    found = list(read_inputs(open_inputs([str(file)])))
    assert [r.line for r in found] == [6, 1, 8] or [r.line for r in found] == [7, 1, 9]
    assert "expected 10 columns" in str(found[0].error)
    assert [[row["words"] for row in r.content] for r in found[1:]] == [[["a"], ["b"]], [["c"]]]
    assert [r.id for r in found[1:]] == ["x", "a.conllu#2"]


def test_patterns_and_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.txt", name)
    monkeypatch.chdir(tmp_path)
    assert [file.name for file in open_inputs(["*.txt"])] == ["a.txt", "b.txt"]
    with pytest.raises(DataError, match=r"no file matches"):
        open_inputs(["*.csv"])
    with pytest.raises(DataError, match=r"there is no such file; did you mean 'a.txt'"):
        open_inputs(["a.tx"])
    with pytest.raises(HierNLPError, match="there is no input format called 'jsnl'; did you mean 'jsonl'"):
        open_inputs(["a.txt"], form="jsnl")
    with pytest.raises(DataError, match="found a folder"):
        open_inputs([str(tmp_path)])
    with pytest.raises(HierNLPError, match="found - twice"):
        open_inputs(["-", "-"])
    with pytest.raises(DataError, match="expected a parquet file"):
        open_inputs([str(write(tmp_path / "x.parquet", "no"))])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["text", "lines", "jsonl", "csv", "tsv", "conllu"]))
def test_any_bytes_are_records_or_errors(tmp_path: Path, content: bytes, form: str) -> None:
    file = write(tmp_path / "hostile", content)
    try:
        found = list(read_inputs(open_inputs([str(file)], form=form)))
    except DataError as error:
        # Without a header no row can be read.
        if form not in ("csv", "tsv") or str(file) not in str(error):
            raise
        return
    for record in found:
        assert (record.error is None) != (record.content is None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1, max_size=20), max_size=6))
def test_json_lines_round_trip(tmp_path: Path, texts: list[str]) -> None:
    file = write(tmp_path / "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert read(file) == list(enumerate(texts, start=1))


def test_every_format_says_which_names_are_its_own() -> None:
    endings = [ending for name in formats.names() for ending in formats.load(name).endings]
    assert len(set(endings)) == len(endings)
