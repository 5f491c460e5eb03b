"""Figures of a comparison against hand calculation and scipy."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from hiernlp.comparison.report import comparison_table, markdown, write_report
from hiernlp.comparison.results import Comparison, TaskResult
from hiernlp.comparison.statistics import Sample
from hiernlp.training.gain import read_single_scores


def comparison(seeds: int = 2) -> Comparison:
    def sample(*values: float) -> Sample:
        return Sample(values[:seeds])

    return Comparison(
        tasks={
            "upos": TaskResult("accuracy", sample(0.90, 0.92), sample(0.95, 0.95), 1500.0),
            "length": TaskResult("mse", sample(0.5, 0.5), sample(0.5, 0.5), None),
            "a$b|c_d": TaskResult("micro_f1", sample(0.8, 0.4), sample(0.3, 0.5), 20.0),
        },
        unscored=("mood",),
        seeds=(1, 2)[:seeds],
        words_per_second=1234.5,
        command="hiernlp compare r.yaml --output 'a b'",
        date="2026-01-02",
        versions={"hiernlp": "1", "torch": "2"},
    )


def test_by_hand() -> None:
    task = comparison().tasks["upos"]
    assert (task.single.mean, task.joint.mean) == pytest.approx((0.91, 0.95))
    assert task.single.deviation == pytest.approx(math.sqrt(2 * 0.01**2))
    assert task.joint.deviation == 0
    assert task.difference == pytest.approx(0.04)
    assert task.gain == pytest.approx(0.04 / 0.91)
    # Only one sample varies: its one degree of freedom, of which t(0.975) is 12.7062, times its standard error 0.01.
    assert task.margin == pytest.approx(12.7062 * 0.01, rel=1e-5)
    assert task.beyond is False
    assert comparison().mean_gain == pytest.approx((0.04 / 0.91 + 0 - 0.2 / 0.6) / 3)


def test_one_seed_tells_nothing() -> None:
    task = comparison(1).tasks["upos"]
    assert (task.single.deviation, task.margin, task.beyond) == (None, None, None)
    assert task.difference == pytest.approx(0.05)


@pytest.mark.parametrize("seeds", [1, 2])
def test_what_is_written(tmp_path: Path, seeds: int) -> None:
    found = comparison(seeds)
    write_report(found, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["comparison.json", "comparison.md", "comparison.png"]
    data = json.loads((tmp_path / "comparison.json").read_text())
    assert data == json.loads(json.dumps(found.as_json()))
    assert data["tasks"]["upos"]["single"]["values"] == [0.90, 0.92][:seeds]
    assert data["tasks"]["upos"]["beyond_spread"] is (None if seeds == 1 else False)
    assert read_single_scores(tmp_path, ["upos"]) == {"upos": found.tasks["upos"].single.mean}


def test_markdown() -> None:
    text = markdown(comparison())
    assert "| upos | accuracy | 91.00 ± 1.41 | 95.00 ± 0.00 | +4.00 ± 12.71 | no | +4.40% |" in text
    assert "| length | mse | 0.5000 ± 0.0000 | 0.5000 ± 0.0000 | 0.0000 ± 0.0000 | no | 0.00% |" in text
    for part in (
        "n = 2 (seed 1, 2)",
        "Welch",
        "in one pass 1,234; alone upos 1,500, length –, a",
        "not compared: mood",
        "hiernlp 1, torch 2",
        "'a b'",
    ):
        assert part in text
    alone = markdown(comparison(1))
    assert "| upos | accuracy | 90.00 | 95.00 | +5.00 | not known | +5.56% |" in alone
    assert "n = 1 (seed 1), so that there is no spread" in alone


def test_a_row_fits_a_terminal() -> None:
    from io import StringIO

    from rich.console import Console

    console = Console(width=80, file=StringIO())
    names = {"sentence_type": comparison().tasks["upos"], "dependencies": comparison().tasks["upos"]}
    console.print(comparison_table(replace(comparison(), tasks=names)))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert any(
        all(part in line for part in ("sentence_type", "91.00 ± 1.41", "+4.00 ± 12.71", "+4.40%")) for line in lines
    )
