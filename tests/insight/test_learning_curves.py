"""Features of learning curves: signs, units, and the fit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError
from hiernlp.insight.learning_curves import SHARES, curve_features, read_curves

falls = st.lists(st.floats(0.001, 0.5), min_size=2, max_size=30)


@given(falls)
def test_a_falling_curve_has_negative_slopes(drops: list[float]) -> None:
    losses = np.exp(-np.cumsum([0.0, *drops]))
    found = curve_features(range(len(losses)), losses.tolist())
    assert all(slope < 0 for slope in found.slope.values())
    assert all(0 < share < 1 for share in found.decrease.values())
    assert sorted(found.decrease.values()) == list(found.decrease.values())
    assert found.a < 0


@given(falls, st.floats(0.01, 100))
def test_units_of_loss_and_steps_do_not_matter(drops: list[float], unit: float) -> None:
    losses = np.exp(-np.cumsum([0.0, *drops]))
    steps = np.arange(1, len(losses) + 1)
    one, other = curve_features(steps, losses), curve_features(7 * steps, unit * losses)  # type: ignore[arg-type]
    for share in SHARES:
        assert one.slope[share] == pytest.approx(other.slope[share], abs=1e-9)
        assert one.decrease[share] == pytest.approx(other.decrease[share], abs=1e-9)


def test_by_hand() -> None:
    # From 4 to 2 in the first half, to 1 in the second: of the first loss, 1 to 0.5 to 0.25.
    found = curve_features([0, 50, 100], [4.0, 2.0, 1.0])
    assert found.decrease == pytest.approx({0.1: 0.1, 0.2: 0.2, 0.3: 0.3, 0.5: 0.5, 0.7: 0.6})
    assert found.slope == pytest.approx({0.1: -0.1, 0.2: -0.1, 0.3: -0.1, 0.5: -0.1, 0.7: -0.05})


@given(st.floats(-0.2, -0.02), st.floats(0.1, 1000))
def test_the_fit_finds_the_curve(a: float, c: float) -> None:
    x = np.linspace(0, 1, 40)
    found = curve_features(x, a * np.log1p(c * x) + 2)  # type: ignore[arg-type]
    again = found.a * np.log1p(found.c * x) + found.b
    assert np.abs(again - (a * np.log1p(c * x) + 2) / 2).max() < 1e-4


def test_a_flat_curve() -> None:
    found = curve_features([1, 2, 3], [0.5, 0.5, 0.5])
    assert (found.a, found.b) == (0.0, 1.0)
    assert set(found.slope.values()) == {0.0}


@pytest.mark.parametrize(
    ("steps", "losses"),
    [([1, 2], [1.0, 0.5]), ([1, 1, 2], [1.0] * 3), ([1, 2, 3], [1.0, 0.0, 1.0]), ([1, 2, 3], [1.0, math.nan, 1.0])],
)
def test_no_curve(steps: list[float], losses: list[float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        curve_features(steps, losses)


def write_log(folder: Path, losses: list[float], *, task: str = "upos") -> None:
    (folder / "training").mkdir(parents=True)
    lines = [{"event": "step", "step": 10 * n + 10, "losses": {task: loss}} for n, loss in enumerate(losses)]
    lines.append({"event": "end", "step": 10 * len(losses), "reason": "finished"})  # type: ignore[dict-item]
    (folder / "training" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_folders_of_runs(tmp_path: Path) -> None:
    write_log(tmp_path / "compared" / "single" / "upos" / "seed-1", [4.0, 2.0, 1.0])
    write_log(tmp_path / "compared" / "single" / "upos" / "seed-2", [4.0, 3.0, 2.0])
    write_log(tmp_path / "compared" / "single" / "trees" / "seed-1", [1.0, 2.0], task="trees")  # too short
    found = read_curves(tmp_path / "compared", ["upos", "trees", "mood"])
    assert set(found) == {"upos"}
    one, two = (curve_features([1, 2, 3], losses) for losses in ([4.0, 2.0, 1.0], [4.0, 3.0, 2.0]))
    assert found["upos"].slope[0.5] == pytest.approx((one.slope[0.5] + two.slope[0.5]) / 2)
    write_log(tmp_path / "single" / "upos", [4.0, 2.0, 1.0])
    assert read_curves(tmp_path / "single", ["upos"])["upos"] == one
    assert json.loads(json.dumps(one.as_json()))["slope"]["0.5"] == one.slope[0.5]
    with pytest.raises(HierNLPError, match=r"--curves: .*: expected a folder that `hiernlp compare` made"):
        read_curves(tmp_path, ["upos"])
