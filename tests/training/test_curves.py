"""The picture of a training log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from hiernlp.errors import HierNLPError
from hiernlp.training.curves import Curves, draw_curves, figure, smooth


def steps(count: int) -> list[dict[str, Any]]:
    return [
        {"event": "step", "step": 10 * i, "epoch": 0.1, "loss": 2.0, "losses": {"upos": 1.0 / i, "chunks": 2.0 / i}}
        for i in range(1, count + 1)
    ]


def evaluation(step: int, share: float) -> dict[str, Any]:
    return {
        "event": "evaluation",
        "step": step,
        "epoch": 1.0,
        "scores": {"upos": {"main": "accuracy", "values": {"accuracy": share, "macro_f1": 0.1}}},
        "figure": share / 2,
    }


def test_curves_are_gathered_by_task() -> None:
    curves = Curves.of([*steps(2), evaluation(20, 0.5), {"event": "start"}, evaluation(30, 0.75)])
    assert curves.losses == {"upos": [(10, 1.0), (20, 0.5)], "chunks": [(10, 2.0), (20, 1.0)]}
    assert curves.scores == {"upos": [(20, 0.5), (30, 0.75)]}
    assert curves.figure == [(20, 0.25), (30, 0.375)]
    assert curves.tasks == ["upos", "chunks"]


def test_numbers_that_are_not_finite_are_passed_over() -> None:
    log = [
        {"event": "step", "step": 1, "losses": {"a": float("nan")}},
        {"event": "step", "step": 2, "losses": {"a": None}},
    ]
    assert Curves.of(log).losses == {}
    figure(log)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize(
    "log", [[], steps(1), steps(50), [*steps(5), evaluation(50, 0.9)]], ids=["none", "one", "many", "both"]
)
def test_a_log_at_any_time_gives_a_picture(tmp_path: Path, log: list[dict[str, Any]], suffix: str) -> None:
    path = draw_curves(log, tmp_path / f"curves{suffix}", resolution=40)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".png":
        assert float(np.mean(imread(path)[..., :3] < 0.7)) > 0.001


def test_each_task_is_one_strong_line_a_panel() -> None:
    picture = figure([*steps(60), evaluation(600, 0.9), evaluation(700, 0.95)])
    left, right = picture.axes
    names = [line.get_gid() for line in [*left.get_lines(), *right.get_lines()] if line.get_gid()]
    assert names == ["loss:upos", "loss:chunks", "score:upos", "figure"]
    smoothed = next(line for line in left.get_lines() if line.get_gid() == "loss:upos")
    assert len(np.asarray(smoothed.get_xdata())) == 60


def test_schedules_have_a_panel_of_their_own_where_there_are_any() -> None:
    assert len(figure(steps(3)).axes) == 2
    shares = [1.0, 0.5, 0.0]
    log = [
        {**line, "schedules": {"weight/upos": share, "reversal/domain": 1 - share}}
        for line, share in zip(steps(3), shares, strict=True)
    ]
    below = figure(log).axes[2]
    drawn = {line.get_gid(): list(line.get_ydata()) for line in below.get_lines()}
    assert drawn == {"weight/upos": shares, "reversal/domain": [0.0, 0.5, 1.0]}


def test_odd_task_names_and_mixed_losses_are_drawn(tmp_path: Path) -> None:
    log = [{"event": "step", "step": i, "losses": {"_x": -1.0, "$y$": 1e-6, "東": 5.0}} for i in range(3)]
    draw_curves(log, tmp_path / "odd.png", resolution=30)
    draw_curves([{"event": "step", "step": 1, "losses": {"a": 1e-6, "b": 5.0}}], tmp_path / "log.png", resolution=30)


def test_a_wrong_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HierNLPError, match=r"\.png or \.svg"):
        draw_curves([], tmp_path / "curves.jpg")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(1, 30))
def test_smoothing_stays_within_what_it_has_seen(values: list[float], span: float) -> None:
    found = smooth(values, span=span)
    assert found[0] == pytest.approx(values[0])
    for i, value in enumerate(found):
        assert min(values[: i + 1]) - 1e-3 <= value <= max(values[: i + 1]) + 1e-3


def test_smoothing_by_hand() -> None:
    # alpha = 1/2: weights 1/2 and 1/4, normalised by 3/4.
    assert smooth([1.0, 4.0], span=3) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 4) / 0.75])
    assert smooth([3.0, 1.0, 2.0], span=1) == [3.0, 1.0, 2.0]
