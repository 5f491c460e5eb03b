"""Reports of probes: all figures in JSON, Markdown and tables, what is undefined said so, pictures whole."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from rich.console import Console

from hiernlp.errors import HierNLPError
from hiernlp.probing.picture import draw_probe, figure
from hiernlp.probing.report import figures_table, markdown, notes, scores_table, write_report
from hiernlp.probing.results import ProbeResult, TaskResult


def result(names: list[str], depth: int = 6) -> ProbeResult:
    """Return a result whose tasks are best one layer after another; the last has no gain and no control task."""
    tasks = {}
    for at, name in enumerate(names):
        best = min(at + 1, depth)
        layers = tuple(0.9 - 0.05 * abs(layer - best) for layer in range(depth + 1))
        rising = tuple(0.5 + 0.4 * (layer >= best) for layer in range(depth + 1))
        last = at == len(names) - 1
        tasks[name] = TaskResult(
            main="accuracy",
            layers=layers,
            cumulative=(0.7,) * (depth + 1) if last else rising,
            control=None if last else tuple(score - 0.25 for score in layers),
            weights=tuple(float(layer == best) for layer in range(depth + 1)),
            baseline=0.4,
            sentences=100,
            dev_sentences=50,
            seconds=1.5,
        )
    return ProbeResult(tasks, 0.98, "tiny, as pretrained", 1, "hiernlp probe x -o y", "2026-01-02", {"torch": "2"})


def test_what_is_written(tmp_path: Path) -> None:
    found = result(["upos", "chunks", "type"])
    write_report(found, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["probe.json", "probe.md", "probe.png", "probe.svg"]
    data = json.loads((tmp_path / "probe.json").read_text())
    assert data["tasks"]["upos"]["expected_layer"] == pytest.approx(1)
    assert data["tasks"]["upos"]["localisation"] == pytest.approx(np.log(7))
    assert data["tasks"]["upos"]["selectivity"] == pytest.approx([0.25] * 7)
    assert [data["tasks"]["type"][key] for key in ("expected_layer", "selectivity", "gain_localisation")] == [None] * 3
    assert {name: task["place"] for name, task in data["tasks"].items()} == {"upos": 1, "chunks": 2, "type": 3}
    page = (tmp_path / "probe.md").read_text()
    assert page.count("undefined") >= 3
    assert "hiernlp probe x -o y" in page
    assert TaskResult.of_stored(found.tasks["type"].as_stored()) == found.tasks["type"]


def test_tables_fit_a_terminal() -> None:
    found = result(["upos", "dependencies", "sentence_type"])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(scores_table(found))
    console.print(figures_table(found))
    text = console.export_text()
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())
    assert "…" not in text
    assert text.count("undefined") == 2
    assert text.index(" 6 ") < text.index(" 0 ")  # the top layer above
    assert "+25.00" in text
    assert any("sentence_type" in note for note in notes(found))


def test_probes_that_lose_against_the_majority_are_named() -> None:
    found = result(["upos", "chunks"])
    assert not any("majority baseline in" in note for note in notes(found))
    lost = replace(found, tasks=found.tasks | {"upos": replace(found.tasks["upos"], baseline=0.95)})
    assert any("majority baseline in upos," in note for note in notes(lost))


def test_all_tasks_with_controls_need_no_excuse() -> None:
    found = result(["upos", "chunks", "type"])
    only = ProbeResult({"upos": found.tasks["upos"]}, 0.98, "x", 1, None, "2026-01-02", {"torch": "2"})
    assert "undefined" not in markdown(only).split("## Where")[1].split("\n- ")[0]
    assert not any("for want of" in note for note in notes(only))
    assert "```" not in markdown(only)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("depth", [1, 6, 24])
@pytest.mark.parametrize("names", [["upos"], ["upos", "a" * 60, "$x_", "μέρη"]])
def test_it_is_drawn(tmp_path: Path, names: list[str], depth: int, suffix: str) -> None:
    path = draw_probe(result(names, depth), tmp_path / f"p{suffix}", resolution=40)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".png":
        assert float(np.mean(imread(path)[..., :3] < 0.7)) > 0.005


@pytest.mark.parametrize("depth", [1, 6, 24])
def test_marks_are_where_they_belong_and_nothing_is_cut_off(depth: int) -> None:
    found = result(["upos", "a_rather_long_name_of_a_task", "type"], depth)
    picture = figure(found)
    FigureCanvasAgg(picture).draw()
    width, height = picture.bbox.size
    for text in picture.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
            assert 0 <= box.y0 <= box.y1 <= height, text.get_text()
    frames = {str(p.get_gid()): p for p in picture.findobj(Rectangle) if p.get_gid()}
    marks = {str(p.get_gid()): p for p in picture.findobj(Line2D) if p.get_gid()}
    for name, task in found.tasks.items():
        assert frames[f"place:{name}"].get_center()[0] == pytest.approx(found.places[name])
        assert marks[f"centre:{name}"].get_xdata()[0] == pytest.approx(task.centre_of_gravity)  # type: ignore[index]
        assert (f"expected:{name}" in marks) == (task.expected_layer is not None)
    scores = {str(t.get_gid()): t.get_text() for t in picture.findobj(Text) if t.get_gid()}
    assert scores[f"score:upos:{0}"] == "85.00"


def test_a_wrong_suffix(tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match=r"\.png or \.svg"):
        draw_probe(result(["upos"]), tmp_path / "p.pdf")
