"""Figures over training, helpers and groups; and how all of it is told and drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.text import Text
from rich.console import Console

from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.insight.affinity_picture import MOST_PAIRS, _spread, draw_affinity, figure, shown_pairs
from hiernlp.insight.affinity_report import (
    affinity_table,
    check_folder,
    curves_table,
    group_lines,
    helpers_table,
    markdown,
    notes,
    statistics_table,
    write_report,
)
from hiernlp.insight.affinity_results import Affinity, Spread, check_wishes, gather
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., Affinity]
NAMES = ["upos", "entities", "a_rather_long_name", "$x_"]


def test_figures_over_training(make_affinity: Make) -> None:
    found = make_affinity(NAMES)
    values = [m.affinity["upos"]["entities"] for m in found.measurements]
    expected = Spread(fmean(values), stdev(values), sum(v > 0 for v in values) / 4, 4)  # type: ignore[arg-type, operator, misc]
    assert found.affinity("upos", "entities") == expected
    assert found.layers == ("0", "1")  # in layer 2 nothing is known
    assert found.cosine("upos", "entities", layer="2") is None
    assert len(found.pairs) == 6
    one = make_affinity(NAMES, measurements=1).affinity("upos", "entities")
    assert one is not None
    assert one.deviation is None


def test_helpers_are_ranked(make_affinity: Make) -> None:
    found = make_affinity(NAMES, main="entities")
    helpers = found.helpers("entities")
    means = [helper.affinity.mean for helper in helpers if helper.affinity]
    assert sorted(means, reverse=True) == means
    assert {helper.task for helper in helpers} == {*NAMES} - {"entities"}
    assert helpers[0].of_own == pytest.approx(means[0] / 0.01)


def test_groups_are_those_of_the_means(make_affinity: Make) -> None:
    found = make_affinity(NAMES)
    assert found.grouping is not None
    assert {task for group in found.grouping.groups for task in group} == set(NAMES)
    many = make_affinity([f"t{n}" for n in range(11)])
    assert many.grouping is None
    assert "No groups: they are found exactly for up to 10 tasks, and here are 11." in notes(many)


def test_nothing_measured() -> None:
    with pytest.raises(HierNLPError, match="no affinity could be measured, since no layer that tasks share learns"):
        gather([], tasks=NAMES, steps=1, steps_of_recipe=1, every=1, rate=1, seed=1, statistics={}, command="x")


def test_the_scale_is_that_of_pairs(make_affinity: Make) -> None:
    found = make_affinity(NAMES)
    means = [abs(s.mean) for i in NAMES for j in NAMES if i != j and (s := found.affinity(i, j)) is not None]
    assert 1 <= max(means) * 10**found.power < 10


def test_wishes(recipe_data: Callable[..., dict]) -> None:
    recipe = validate_recipe(recipe_data(["upos", "entities"]))
    check_wishes(recipe, main="upos", groups=3)
    with pytest.raises(RecipeError, match="--main: there is no task 'entites' in the recipe; did you mean 'entities'"):
        check_wishes(recipe, main="entites", groups=None)
    with pytest.raises(HierNLPError, match="--groups: expected 1 or more, found 0"):
        check_wishes(recipe, main=None, groups=0)
    whole = validate_recipe(recipe_data())
    check_wishes(whole, main=None, groups=None)
    with pytest.raises(HierNLPError, match="--groups: the best groups are found exactly for up to 10 tasks, found 13"):
        check_wishes(whole, main=None, groups=2)


def test_folders(tmp_path: Path) -> None:
    for name in ("affinity.json", "affinity.md", "affinity.png", "affinity.svg"):
        check_folder(tmp_path)
        (tmp_path / name).write_text("x")
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
    (tmp_path / "thesis.tex").write_text("x")
    for path in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(HierNLPError, match="expected a new or empty folder, or one of `hiernlp affinity`"):
            check_folder(path)


def test_what_is_written(make_affinity: Make, tmp_path: Path) -> None:
    found = make_affinity(NAMES, main="upos", curves=True)
    write_report(found, tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "affinity.json", "affinity.md", "affinity.png", "affinity.svg",
    ]  # fmt: skip
    data = json.loads((tmp_path / "new" / "affinity.json").read_text())
    assert data == json.loads(json.dumps(found.as_json()))
    z = found.affinity("entities", "upos")
    assert z is not None
    assert data["affinity"]["entities"]["upos"] == z.as_json()
    assert [m["step"] for m in data["over_training"]] == [0, 10, 20, 30]
    assert list(data["cosine_by_layer"]) == ["0", "1"]
    assert [helper["task"] for helper in data["helpers"]] == [helper.task for helper in found.helpers("upos")]
    assert set(data["learning_curves"]) == {"upos"}
    write_report(make_affinity(NAMES), tmp_path / "new")
    data = json.loads((tmp_path / "new" / "affinity.json").read_text())
    assert data["helpers"] is data["learning_curves"] is None


def test_markdown_and_tables(make_affinity: Make) -> None:
    found = make_affinity(NAMES, main="entities", curves=True)
    text = markdown(found)
    for part in (
        "## Helpers of entities", "## Suggested groups", "## Labels and data", "## Learning curves of the tasks alone",
        "Measured 4 times, every 10 steps, in the first 40 of the 160 steps of joint training (seed 1)",
        "hiernlp affinity r.yaml --output 'a b'", "| upos | 60 | 424 | 5 | 2.24 | – | 50.00% |",
        "Without a single-task run to draw a learning curve from: entities",
    ):  # fmt: skip
        assert part in text
    for line in re.findall(r"^\|.*\|$", text, flags=re.MULTILINE):
        assert "nan" not in line
    assert "Helpers" not in markdown(make_affinity(NAMES))
    console = Console(width=110, file=StringIO())
    for table in (affinity_table(found), helpers_table(found), statistics_table(found), curves_table(found)):
        console.print(table)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(name in shown for name in NAMES)
    assert f"10^{found.power}" in shown
    lines = group_lines(found)
    assert found.grouping is not None
    assert len(lines) == len(found.grouping.groups)
    assert lines[0].startswith("group 1: ")


@pytest.mark.parametrize(
    ("names", "main"),
    [
        (["upos", "b"], "b"),
        (NAMES, None),
        (NAMES, "upos"),
        (["μέρη", *(f"task_{n}" for n in range(11)), "upos"], None),
    ],
)
def test_the_picture(make_affinity: Make, tmp_path: Path, names: list[str], main: str | None) -> None:
    found = make_affinity(names, main=main, groups=1)
    path = draw_affinity(found, tmp_path / "a.png", resolution=40)
    assert float(np.mean(imread(path)[..., :3] < 0.7)) > 0.003
    picture = figure(found)
    FigureCanvasAgg(picture).draw()
    lines = {str(line.get_gid()) for line in picture.findobj(Line2D) if str(line.get_gid()).startswith("towards:")}
    assert lines == {f"towards:{name}" for name in names if name != main}
    width, height = picture.bbox.size
    for text in picture.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
            assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def test_many_pairs(make_affinity: Make) -> None:
    found = make_affinity([f"t{n}" for n in range(9)])
    shown = shown_pairs(found)
    assert len(shown) == MOST_PAIRS < len(found.pairs)
    assert [pair for pair in found.pairs if pair in shown] == shown
    away = {pair: abs(s.mean) for pair in found.pairs if (s := found.cosine(*pair)) is not None}
    assert min(away[pair] for pair in shown) >= max(away[pair] for pair in found.pairs if pair not in shown)


def test_names_beside_lines_do_not_overlap() -> None:
    assert _spread([0.0, 0.0, 5.0], gap=1.0, most=5.0) == [0.0, 1.0, 5.0]
    assert _spread([4.0, 4.0, 5.0], gap=1.0, most=5.0) == [3.0, 4.0, 5.0]
    assert _spread([], gap=1.0, most=5.0) == []


def test_a_wrong_suffix(make_affinity: Make, tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match=r"\.png or \.svg"):
        draw_affinity(make_affinity(NAMES), tmp_path / "a.pdf")
