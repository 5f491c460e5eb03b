"""Annotating corpora: the same bytes after an interruption, shards that make the whole, only bad records lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hiernlp.errors import DataError, HierNLPError
from hiernlp.experiment import Run
from hiernlp.inference.analyzer import Analyzer
from hiernlp.inference.bulk import Shard, annotate
from hiernlp.inference.sinks import formats
from hiernlp.inference.sources import open_inputs, read_inputs
from hiernlp.recipe.files import validate_recipe

TEXTS = ["the big cat sees mary. does john meet a dog?", "mary liked the bird.", "a kind nurse.", ""]


@pytest.fixture(scope="module")
def model(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bulk") / "model"
    list(Run(validate_recipe(recipe_data(["upos", "entities", "type"], epochs=1)), folder).events())
    return folder


@pytest.fixture(scope="module")
def analyzer(model: Path) -> Analyzer:
    return Analyzer.load(model, device="cpu")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "in.jsonl"
    lines = [json.dumps({"text": TEXTS[i % 4], "id": f"d{i}", "topic": [i]}) for i in range(23)]
    file.write_text("\n".join(lines) + "\n")
    return file


def run(analyzer: Analyzer, corpus: Path, output: Path, *, stop_after: int | None = None, **how: Any) -> list[Any]:
    """Annotate; with ``stop_after`` leave off after so many windows, as an interruption would."""
    sink = formats.load(output.suffix[1:])(output)
    events = annotate(
        analyzer, read_inputs(open_inputs([str(corpus)])), sink, settings={}, probabilities=True, look_ahead=4, **how
    )
    found = []
    for event in events:
        found.append(event)
        if len(found) == stop_after:
            events.close()  # type: ignore[attr-defined]
            break
    return found


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def beside(file: Path) -> set[str]:
    return {p.name for p in file.parent.iterdir() if p.name.startswith(file.name)}


def test_what_a_record_of_json_lines_has(analyzer: Analyzer, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    events = run(analyzer, corpus, out)
    found = rows(out)
    assert [r["id"] for r in found] == [f"d{i}" for i in range(23)]
    assert [(r["record"], r["line"], r["fields"]) for r in found] == [(i + 1, i + 1, {"topic": [i]}) for i in range(23)]
    assert found[0]["file"] == str(corpus)
    expected = analyzer(TEXTS[1], tasks=["upos"]).to_dict()["sentences"][0]["annotations"]["upos"]
    assert found[1]["sentences"][0]["annotations"]["upos"] == expected
    assert (events[-1].records, events[-1].skipped) == (23, 0)
    assert events[-1].words == sum(len(s["words"]) for r in found for s in r["sentences"])
    assert beside(out) == {"out.jsonl"}


@pytest.mark.parametrize("form", ["jsonl", "conllu", "parquet"])
@pytest.mark.parametrize("damage", [False, True])
def test_going_on_gives_the_same_bytes(
    analyzer: Analyzer, corpus: Path, tmp_path: Path, form: str, damage: bool
) -> None:
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    run(analyzer, corpus, whole)
    run(analyzer, corpus, out, stop_after=2)
    assert not out.exists()
    part = out.with_name(out.name + ".part")
    if damage:  # what a kill in the middle of a write leaves
        file = part / "00000002.parquet" if part.is_dir() else part
        with file.open("ab") as stream:
            stream.write(b'{"record": 9, "te')
    with pytest.raises(HierNLPError, match="an unfinished run left it; go on with --resume"):
        run(analyzer, corpus, out)
    events = run(analyzer, corpus, out, resume=True)
    assert [event.records for event in events] == [12, 16, 20, 23]
    assert out.read_bytes() == whole.read_bytes()
    assert beside(out) == {out.name}
    assert run(analyzer, corpus, out, resume=True) == []
    assert out.read_bytes() == whole.read_bytes()


def test_a_process_that_is_killed(model: Path, tmp_path: Path) -> None:
    corpus, whole, out = (tmp_path / name for name in ("in.txt", "whole.jsonl", "out.jsonl"))
    corpus.write_text("\n".join(" ".join(TEXTS[:3]) for _ in range(400)))
    how = ["--input", "lines", "--look-ahead", "4", "--tasks", "upos", "--probabilities", "--device", "cpu"]
    command = [sys.executable, "-m", "hiernlp.cli", "annotate", str(model), str(corpus), *how]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    killed = subprocess.Popen([*command, "-o", str(out)], env=environment, stderr=subprocess.DEVNULL)
    part = out.with_name("out.jsonl.part")
    while killed.poll() is None and not (part.exists() and part.stat().st_size > 10_000):
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not out.exists()
    for output, more in ((out, ["--resume"]), (whole, [])):
        done = subprocess.run([*command, *more, "-o", str(output)], env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert b"400 records" in done.stderr
        assert b"words/s" in done.stderr
    assert out.read_bytes() == whole.read_bytes()


def test_other_settings_are_no_resumption(analyzer: Analyzer, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    sink = formats.load("jsonl")(out)
    inputs = open_inputs([str(corpus)])
    begun = annotate(analyzer, read_inputs(inputs), sink, settings={"tasks": ["upos"]}, look_ahead=4)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    with pytest.raises(HierNLPError, match=r"--resume: the unfinished run had tasks \['upos'\], found None"):
        list(annotate(analyzer, read_inputs(inputs), sink, settings={"tasks": None}, look_ahead=4, resume=True))


def test_shards_make_the_whole(analyzer: Analyzer, corpus: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    run(analyzer, corpus, whole, tasks=["upos"])
    found = []
    for index in range(3):
        shard = Shard.parse(f"{index}/3")
        out = shard.name(tmp_path / "out.jsonl")
        assert out.name == f"out-0000{index}-of-00003.jsonl"
        run(analyzer, corpus, out, tasks=["upos"], shard=shard)
        found += rows(out)
    found.sort(key=lambda row: row["record"])
    for row, expected in zip(found, rows(whole), strict=True):
        for sentence, other in zip(row["sentences"], expected["sentences"], strict=True):
            mine, theirs = sentence.pop("annotations"), other.pop("annotations")
            assert mine["upos"] == theirs["upos"]
            assert mine["upos_probability"] == pytest.approx(theirs["upos_probability"], abs=1e-5)
        assert row == expected


def test_a_process_knows_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Shard.of_this_process() == Shard(0, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert Shard.of_this_process() == Shard(2, 4)
    for wrong in ("4/4", "1", "-1/2", "a/b", "1/0"):
        with pytest.raises(HierNLPError, match="--shard: expected"):
            Shard.parse(wrong)


def test_bad_records_are_reported_and_nothing_else_is_lost(analyzer: Analyzer, corpus: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean.jsonl"
    run(analyzer, corpus, clean, tasks=["upos"])
    lines = corpus.read_bytes().splitlines()
    bad = {
        3: b"{broken",
        7: b'"text"',
        11: b"\xff\xfe",
        12: b'{"id": 5, "txet": "a"}',
        20: b'{"id": "x", "text": ["a", 3]}',
    }
    for place, line in sorted(bad.items()):
        lines.insert(place - 1, line)
    corpus.write_bytes(b"\n".join(lines))
    out = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match=r"in.jsonl, line 3: expected a JSON object in one line"):
        run(analyzer, corpus, out, tasks=["upos"])
    events = run(analyzer, corpus, out, tasks=["upos"], skip=True, resume=True)
    assert (events[-1].records, events[-1].skipped) == (28, 5)
    assert [row["id"] for row in rows(out)] == [row["id"] for row in rows(clean)]
    told = rows(out.with_name("out.jsonl.errors.jsonl"))
    assert [row["line"] for row in told] == list(bad)
    assert [row["id"] for row in told] == [None, None, None, 5, "x"]
    assert "UTF-8" in told[2]["error"]
    assert "there is no field 'text'; did you mean 'txet'" in told[3]["error"]


def test_parquet_holds_what_json_lines_hold(analyzer: Analyzer, corpus: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    run(analyzer, corpus, tmp_path / "out.jsonl")
    run(analyzer, corpus, tmp_path / "out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    for row, expected in zip(found, rows(tmp_path / "out.jsonl"), strict=True):
        row["fields"] = json.loads(row["fields"])
        for sentence in row["sentences"]:
            shares = sentence["annotations"]["sentence_type_probability"]
            sentence["annotations"]["sentence_type_probability"] = {s["label"]: s["probability"] for s in shares}
        assert row == expected
    again = open_inputs([str(tmp_path / "out.parquet")])
    assert [record.text for record in read_inputs(again)] == [TEXTS[i % 4] for i in range(23)]


def test_conllu_in_and_out(analyzer: Analyzer, corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.conllu"
    run(analyzer, corpora / "dev.conllu", out, tasks=["upos"])
    before, after = ((f.read_text().splitlines()) for f in (corpora / "dev.conllu", out))
    assert [line.split("\t")[:3] for line in before if "\t" in line] == [
        line.split("\t")[:3] for line in after if "\t" in line
    ]
