"""The picture of a comparison: a row a task, means where they belong, nothing cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.text import Text

from hiernlp.comparison.picture import draw_comparison, figure
from hiernlp.comparison.results import Comparison, TaskResult
from hiernlp.comparison.statistics import Sample
from hiernlp.errors import HierNLPError


def comparison(names: list[str], seeds: int) -> Comparison:
    def sample(*values: float) -> Sample:
        return Sample(values[:seeds])

    tasks = {name: TaskResult("accuracy", sample(0.90, 0.92, 0.91), sample(0.95, 0.953, 0.96), 100.0) for name in names}
    return Comparison(tasks, (), tuple(range(seeds)), None, "hiernlp compare", "2026-01-02", {})


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("names", [["upos"], ["upos", "a" * 60, "$x_", "entities", "μέρη"]])
def test_it_is_drawn(tmp_path: Path, names: list[str], seeds: int, suffix: str) -> None:
    path = draw_comparison(comparison(names, seeds), tmp_path / f"c{suffix}", resolution=50)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".png":
        assert float(np.mean(imread(path)[..., :3] < 0.7)) > 0.005


@pytest.mark.parametrize("seeds", [1, 3])
def test_points_are_differences_and_nothing_is_cut_off(seeds: int) -> None:
    found = comparison(["upos", "a_rather_long_name_of_a_task"], seeds)
    picture = figure(found)
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    points = {str(a.get_gid()): a for a in picture.findobj(Line2D) if a.get_gid()}
    assert set(points) == {f"{side}:{task}" for side in ("single", "joint") for task in found.tasks}
    task = found.tasks["upos"]
    assert points["single:upos"].get_xdata()[0] == 0  # type: ignore[index]
    assert points["joint:upos"].get_xdata()[0] == pytest.approx(100 * task.difference)  # type: ignore[index]
    width, height = picture.bbox.size
    texts = [text for text in picture.findobj(Text) if text.get_text()]
    for text in texts:
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()
    assert sum("±" in text.get_text() for text in texts) == (0 if seeds == 1 else 3)  # two rows and the explanation


def test_a_wrong_suffix(tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match=r"\.png or \.svg"):
        draw_comparison(comparison(["upos"], 1), tmp_path / "c.pdf")
