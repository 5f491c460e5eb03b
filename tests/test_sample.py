"""The bundled sample corpus: it is read by the library, balanced, and every document is attributed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hiernlp.corpora import load_corpus

SAMPLE = Path(__file__).parents[1] / "tasks" / "sample"
OPTIONS = {"misc": {"chunks": {"key": "Chunk", "scheme": "iob2"}}}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return load_corpus(
        reader="conllu",
        options=OPTIONS,
        sources={"train": ["train.conllu"], "dev": ["dev.conllu"]},
        base=SAMPLE,
        cache_dir=tmp_path_factory.mktemp("cache"),
    )


def test_it_has_about_forty_thousand_words_with_every_annotation(sample):
    words = {name: sum(len(row) for row in split["words"]) for name, split in sample.items()}
    assert 30_000 < words["train"] < 36_000
    assert 5_000 < words["dev"] < 7_000
    annotations = ["upos", "xpos", "feats", "lemma", "head", "deprel", "entities", "sentence_type", "genre", "chunks"]
    for split in sample.values():
        for name in annotations:
            assert None not in split[name][:], name
    assert {span["label"] for row in sample["dev"]["chunks"] for span in row} >= {
        "NP",
        "VP",
        "PP",
        "ADVP",
        "ADJP",
        "SBAR",
    }
    assert len({span["label"] for row in sample["train"]["entities"] for span in row}) == 10


def test_training_and_development_share_no_document_and_all_genres(sample):
    documents = {name: set(split["document"]) for name, split in sample.items()}
    assert documents["train"].isdisjoint(documents["dev"])
    assert set(sample["train"]["genre"]) == set(sample["dev"]["genre"])


def test_every_document_is_attributed_under_cc_by(sample):
    rows = {
        line.split(" | ")[0].removeprefix("| "): line
        for line in (SAMPLE / "ATTRIBUTION.md").read_text(encoding="utf-8").split("\n")
        if line.startswith("| GUM_")
    }
    assert set(rows) == {name for split in sample.values() for name in split["document"]}
    for split in sample.values():
        for source in {row["document"]: row["source"] for row in reversed(split.to_list())}.values():
            comments = dict(line[2:].split(" = ", 1) for line in source.split("\n") if line.startswith("# "))
            row = rows[comments["newdoc id"]]
            assert "https://creativecommons.org/licenses/by/" in row
            for key in ("title", "author", "sourceURL"):
                assert comments[f"meta::{key}"].replace("|", "\\|") in row


def test_words_and_spaces_make_the_text(sample):
    for row in sample["dev"]:
        text, until = "", 0
        for line in row["source"].split("\n"):
            cells = line.split("\t")
            if line.startswith("#") or (cells[0].isdecimal() and int(cells[0]) <= until):
                continue
            if "-" in cells[0]:
                until = int(cells[0].split("-")[1])
            text += cells[1] + ("" if "SpaceAfter=No" in cells[9] else " ")
        assert text.strip() == row["text"]


@pytest.mark.corpora
def test_it_is_what_the_script_makes(real_gum, tmp_path, monkeypatch):
    import runpy
    import sys

    scripts = SAMPLE.parents[1] / "scripts"
    monkeypatch.setattr(sys, "path", [str(scripts), *sys.path])
    monkeypatch.setattr(sys, "argv", ["make_sample.py", str(real_gum), "--out", str(tmp_path)])
    runpy.run_path(str(scripts / "make_sample.py"), run_name="__main__")
    for name in ("train.conllu", "dev.conllu", "ATTRIBUTION.md"):
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes()


@pytest.fixture
def real_gum():
    import os

    folder = os.environ.get("HIERNLP_DATA")
    if not folder:
        pytest.skip("HIERNLP_DATA names no folder of real corpora")
    return Path(folder) / "gum"


def test_genres_are_balanced(sample):
    words = Counter()
    for genre, row in zip(sample["train"]["genre"], sample["train"]["words"], strict=True):
        words[genre] += len(row)
    large = [count for genre, count in words.items() if genre != "court"]  # one document of it is free
    assert max(large) < 1.5 * min(large)
