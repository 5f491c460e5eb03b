"""The tables of the page on speed: every figure of the benchmark, between the marks and nowhere else."""

from __future__ import annotations

import pytest

FOUND = {
    "date": "2026-01-02",
    "machine": "a machine",
    "analysis": {
        "words": 12345,
        "rounds": 9,
        "tasks": ["upos", "entities"],
        "words_per_second": {
            "all tasks": 800,
            "lowest task": 2400,
            "pipelines": 200,
            "bare encoder, 512 subwords": 1000,
        },
        "all tasks / bare encoder": 0.8,
        "best bare encoder": "bare encoder, 512 subwords",
        "lowest task": "upos at layer 2",
        "lowest task / all tasks": 3.0,
        "choices": {"int8": {"ratio": 1.25, "same answers": {"upos": 99.5, "entities": 94.25}}},
        "all tasks / pipelines": 4.0,
        "pipelines": "2 pipelines, 8 sentences a batch",
    },
}


@pytest.fixture
def report(script):
    return script("_speed_report")


def test_what_stands_around_the_marks_stays(report, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(f"before\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n")
    assert report.has_marks(page)
    report.write(page, FOUND)
    first = page.read_text()
    assert first == f"before\n\n{report.BEGIN}\n{report.tables(FOUND)}{report.END}\n\nafter\n"
    report.write(page, FOUND)
    assert page.read_text() == first


def test_a_page_without_marks_in_their_order_has_none(report, tmp_path):
    page = tmp_path / "speed.md"
    assert not report.has_marks(page)
    page.write_text(f"{report.END}\n{report.BEGIN}\n")
    assert not report.has_marks(page)


def test_tables_have_the_figures(report):
    lines = report.tables(FOUND).splitlines()
    assert "| all tasks / bare encoder, 512 subwords a batch | 0.800 | 800 / 1,000 |" in lines
    assert "| upos at layer 2 / all tasks | 3.000 | 2,400 / 800 |" in lines
    assert "| all tasks / 2 pipelines, 8 sentences a batch | 4.000 | 800 / 200 |" in lines
    assert "| int8 | 1.25 | 99.50 | 94.25 |" in lines
    # Every line of a table has as many cells as its head.
    heads = [i for i, line in enumerate(lines) if line.startswith("| ---")]
    assert len(heads) == 2
    for at in heads:
        table = [line for line in lines[at - 1 :] if line.startswith("|")]
        until = lines[at - 1 :].index("") if "" in lines[at - 1 :] else len(table)
        assert len({line.count("|") for line in table[:until]}) == 1
    assert not any("training" in line for line in lines)


def test_training_is_told_where_it_was_measured(report):
    training = {"words_per_second": {"training": 75, "bare encoder": 100}, "training / bare encoder": 0.75}
    assert "| 0.750 | 75 / 100 |" in report.tables({**FOUND, "training": training})


def test_agreement_counts_words_spans_and_sentences(script):
    from types import SimpleNamespace

    from hiernlp.inference.document import Document, Sentence

    def head(level: str, *columns: str):
        return SimpleNamespace(level=level, options=None, columns=lambda _: columns)

    model = SimpleNamespace(
        heads={
            "trees": head("token", "head", "deprel"),
            "spans": head("spans", "ne"),
            "type": head("sentence", "type"),
        },
        reads_pairs=lambda _: False,
    )
    analyzer = SimpleNamespace(tasks=("trees", "spans", "type"), model=model)

    def document(heads: list[int], labels: list[str], spans: list[tuple[int, int]], kind: str) -> Document:
        columns = {
            "head": heads,
            "deprel": labels,
            "ne": [{"start": a, "end": b, "label": "x"} for a, b in spans],
            "type": kind,
        }
        return Document(None, [Sentence(["a", "b"], annotations=columns)])

    ours = document([0, 1], ["root", "obj"], [(0, 1), (0, 2), (1, 2)], "s")
    theirs = document([0, 1], ["root", "nsubj"], [(0, 1)], "s")
    found = script("benchmark").agreements(analyzer, ours, theirs)
    assert found == {"trees": 50.0, "spans": 50.0, "type": 100.0}
    assert set(script("benchmark").agreements(analyzer, ours, ours).values()) == {100.0}
