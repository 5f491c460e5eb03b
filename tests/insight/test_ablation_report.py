"""Figures of an ablation from hand-made scores, and how they are told and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.text import Text
from rich.console import Console

from hiernlp.errors import HierNLPError
from hiernlp.insight.ablation import Ablation, variants
from hiernlp.insight.ablation_picture import draw_ablation, figure
from hiernlp.insight.ablation_report import ablation_table, markdown, notes, write_report
from hiernlp.insight.ablation_results import AblationResult, collect
from hiernlp.recipe.files import validate_recipe

SCORES = {
    "alone": (0.90, 0.91, 0.92),
    "with/upos": (0.94, 0.95, 0.96),
    "with/entities": (0.91, 0.90, 0.93),
    "without/upos": (0.90, 0.92, 0.91),
    "without/mood": (0.95, 0.96, 0.95),
    "with/mood": (0.89, 0.90, 0.94),
    "without/entities": (0.95, 0.94, 0.96),
    "all": (0.95, 0.95, 0.95),
}


def write_scores(folder: Path, value: float, *, task: str = "type") -> None:
    folder.mkdir(parents=True)
    tasks = {task: {"main": "accuracy", "values": {"accuracy": value}}, "other": {"main": "f1", "values": {"f1": 0.1}}}
    (folder / "scores.json").write_text(json.dumps({"tasks": tasks}))


@pytest.fixture
def ablation(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Ablation:
    recipe = validate_recipe(recipe_data(["upos", "entities", "type", "mood"]))
    found = tuple(variants(list(recipe.tasks), main="type", design="both"))
    for place, values in SCORES.items():
        for seed, value in enumerate(values, start=1):
            write_scores(tmp_path / "runs" / place / f"seed-{seed}", value)
    return Ablation(recipe, "type", tmp_path / "runs", found, {})


@pytest.fixture
def result(ablation: Ablation) -> AblationResult:
    return collect(ablation, seeds=[1, 2, 3], command="hiernlp ablate r.yaml --output 'a b'")


def test_the_table(result: AblationResult) -> None:
    found = {variant.name: variant for variant in result.variants}
    assert list(found) == [
        "alone", "with upos", "with entities", "with mood", "without upos", "without entities", "without mood", "all",
    ]  # fmt: skip
    assert found["alone"].contrast is None
    with_upos = found["with upos"].contrast
    assert with_upos is not None
    assert with_upos.difference == pytest.approx(0.04)
    # Both samples have a standard deviation of 0.01: sqrt(2 / 3) of that, times t(0.975) of 4 degrees of freedom.
    assert with_upos.margin == pytest.approx(2.776445 * 0.01 * (2 / 3) ** 0.5, rel=1e-5)
    assert with_upos.beyond is True
    without = found["without upos"].contrast
    assert without is not None
    assert without.difference == pytest.approx(0.91 - 0.95)  # against all tasks, not against alone
    assert without.beyond is True
    assert without.gain == pytest.approx(-0.04 / 0.95)
    mood = found["with mood"].contrast
    assert mood is not None
    assert mood.beyond is False


def test_seeds_are_those_asked_for(ablation: Ablation) -> None:
    found = collect(ablation, seeds=[3, 1], command="x")
    assert found.alone.values == (0.92, 0.90)
    one = collect(ablation, seeds=[2], command="x")
    assert all(variant.contrast is None or variant.contrast.beyond is None for variant in one.variants)
    with pytest.raises(HierNLPError, match="seed-4: expected a finished run with a score of 'type', found none"):
        collect(ablation, seeds=[4], command="x")


def test_what_is_written(result: AblationResult, tmp_path: Path) -> None:
    write_report(result, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["ablation.json", "ablation.md", "ablation.png"]
    data = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert data == json.loads(json.dumps(result.as_json()))
    found = data["variants"]["without upos"]
    assert (found["against"], found["helper"], found["beyond_spread"]) == ("all", "upos", True)
    assert found["score"]["values"] == [0.90, 0.92, 0.91]
    assert "difference" not in data["variants"]["alone"]


def test_words(result: AblationResult, ablation: Ablation) -> None:
    text = markdown(result)
    assert "| alone | 91.00 ± 1.00 | – | – | – | – |" in text
    assert "| with upos | 95.00 ± 1.00 | alone | +4.00 ± 2.27 | yes | +4.40% |" in text
    assert "| without upos | 91.00 ± 1.00 | all | -4.00 ± 2.48 | yes | -4.21% |" in text
    for part in ("n = 3 (seed 1, 2, 3)", "hiernlp ablate r.yaml --output 'a b'", "A task without which", "Of 7 diff"):
        assert part in text
    assert ", so that there is no spread" in " ".join(notes(collect(ablation, seeds=[1], command="x")))
    console = Console(width=80, file=StringIO())
    console.print(ablation_table(result))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert any(all(part in line for part in ("without entities", "95.00 ± 1.00", "all", "0.00")) for line in lines)


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3]])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture(ablation: Ablation, tmp_path: Path, seeds: list[int], suffix: str) -> None:
    found = collect(ablation, seeds=seeds, command="x")
    assert draw_ablation(found, tmp_path / f"a{suffix}", resolution=50).stat().st_size > 1000
    picture = figure(found)
    FigureCanvasAgg(picture).draw()
    names = {variant.name for variant in found.variants}
    points = {str(line.get_gid()): line for line in picture.findobj(Line2D) if str(line.get_gid()) in names}
    assert set(points) == names
    assert points["alone"].get_xdata()[0] == 0  # type: ignore[index]
    with_upos = 100 * (found.variants[1].score.mean - found.alone.mean)
    assert points["with upos"].get_xdata()[0] == pytest.approx(with_upos)  # type: ignore[index]
    width, height = picture.bbox.size
    for text in picture.findobj(Text):
        if text.get_text():
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
            assert 0 <= box.y0 <= box.y1 <= height, text.get_text()
