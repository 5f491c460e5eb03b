"""Gains over single tasks, by hand, and checkpoints chosen by them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.kinds._base import Scores
from hiernlp.recipe import load_recipe
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.events import Evaluated, StepsDone
from hiernlp.training.gain import chosen_by_gain, gains_of, read_single_scores, relative_gain

Make = Callable[..., dict[str, Any]]


def test_relative_gain_by_hand() -> None:
    assert relative_gain(0.6, 0.5) == pytest.approx(0.2)
    assert relative_gain(0.4, 0.5) == pytest.approx(-0.2)
    assert relative_gain(0.1, -0.2) == pytest.approx(1.5)  # a correlation that was negative and is no longer
    assert relative_gain(0.1, 0.0) is None
    scores = {t: Scores("f1", {"f1": v}) for t, v in {"a": 0.9, "b": 0.3, "c": 0.5, "d": 0.5}.items()}
    assert gains_of(scores, {"a": 0.6, "b": 0.6, "c": 0.0}) == pytest.approx({"a": 0.5, "b": -0.5})


gains = st.lists(st.floats(-1, 1), min_size=1, max_size=6)


@given(gains, gains)
def test_no_loss_goes_before_any_loss(one: list[float], other: list[float]) -> None:
    first, second = (chosen_by_gain(g, no_loss=True) for g in (one, other))
    if min(one) >= 0 and min(other) < 0:
        assert first > second
    elif min(one) >= 0 and min(other) >= 0:
        assert (first > second) == (chosen_by_gain(one) > chosen_by_gain(other))
    elif min(one) < 0 and min(other) < 0:
        assert (first > second) == (min(one) > min(other))


@pytest.mark.parametrize("select", ["gain", "no_loss"])
def test_a_run_chooses_by_gain_and_resumes(recipe_data: Make, tmp_path: Path, select: str) -> None:
    single = {"upos": 0.6, "type": 0.55}
    data = recipe_data(["upos", "type"], epochs=5, log_every=1, select=select, single_scores=single)
    events = [e for e in Run(validate_recipe(data), tmp_path / "whole").events() if isinstance(e, Evaluated)]
    for event in events:
        by_hand = [event.scores[t].main_value / single[t] - 1 for t in single]
        worst, mean = min(by_hand), sum(by_hand) / 2
        assert event.figure == pytest.approx(worst if select == "no_loss" and worst < 0 else mean)
    scores = json.loads((tmp_path / "whole" / "scores.json").read_text())
    best = max(events, key=lambda e: (e.figure, -e.step))
    assert scores["step"] == best.step
    assert scores["mean_gain"] == pytest.approx(sum(scores["tasks"][t]["gain"] for t in single) / 2)
    assert {t: scores["tasks"][t]["single"] for t in single} == single
    cut = Run(validate_recipe(data), tmp_path / "cut").events()
    seen = [e for e in (next(cut) for _ in range(20)) if isinstance(e, Evaluated)]
    assert seen
    cut.close()
    rest = [e for e in Run(validate_recipe(data), tmp_path / "cut", resume=True).events() if isinstance(e, Evaluated)]
    assert [e for e in seen if e.step < rest[0].step] + rest == events
    assert json.loads((tmp_path / "cut" / "scores.json").read_text()) == scores


def test_scores_from_folders(recipe_data: Make, tmp_path: Path) -> None:
    for task, score in {"upos": 0.75, "type": 0.5}.items():
        (tmp_path / "single" / task).mkdir(parents=True)
        found = {"tasks": {task: {"main": "accuracy", "values": {"accuracy": score}}}}
        (tmp_path / "single" / task / "scores.json").write_text(json.dumps(found))
    assert read_single_scores(tmp_path / "single", ["upos", "type", "mood"]) == {"upos": 0.75, "type": 0.5}
    (tmp_path / "comparison").mkdir()
    table = {"tasks": {"upos": {"single": {"mean": 0.25}}, "type": {"single": None}, "other": {}}}
    (tmp_path / "comparison" / "comparison.json").write_text(json.dumps(table))
    assert read_single_scores(tmp_path / "comparison", ["upos", "type"]) == {"upos": 0.25}
    data = recipe_data(["upos", "type"], select="gain", single_scores="single", log_every=1)
    run = Run(validate_recipe(data), tmp_path / "model", base=tmp_path)
    assert run.single == {"upos": 0.75, "type": 0.5}
    assert run.experiment.bundle.recipe["training"]["single_scores"] == run.single  # the model tells them by itself
    for event in run.events():
        if isinstance(event, StepsDone) and event.step == 2:
            run.trainer.ask_to_stop()
    (tmp_path / "single" / "type" / "scores.json").write_text(
        '{"tasks": {"type": {"main": "f1", "values": {"f1": 0.1}}}}'
    )
    with pytest.raises(HierNLPError, match="begun with another recipe"):
        Run(validate_recipe(data), tmp_path / "model", base=tmp_path, resume=True)


def test_a_folder_starts_from_the_recipe(recipe_data: Make, tmp_path: Path) -> None:
    import yaml

    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe_data(["upos"], single_scores="runs/single")))
    assert load_recipe(tmp_path / "r.yaml").training.single_scores == str(tmp_path / "runs" / "single")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"^training.select: 'no_loss' compares with single-task scores; give them .*hiernlp compare"),
        ({"single_scores": {"upos": 0.9}}, r"^training.single_scores: expected a score of each task.*none of 'type'$"),
        ({"single_scores": {"upos": 0.9, "type": 0.0}}, r"^training.single_scores.type: expected a score other than 0"),
        ({"single_scores": "nowhere"}, r"^training.single_scores: .*nowhere: expected a folder that `hiernlp compare`"),
        ({"single_scores": "damaged"}, r"^training.single_scores: .*damaged: its scores cannot be read"),
    ],
)
def test_mistakes(recipe_data: Make, tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "comparison.json").write_text('{"tasks": {')
    data = recipe_data(["upos", "type"], select="no_loss", **settings)
    with pytest.raises(HierNLPError, match=message) as error:
        Run(validate_recipe(data), tmp_path / "model", base=tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "model").exists()


def test_without_development_data(recipe_data: Make, tmp_path: Path) -> None:
    data = recipe_data(["upos"], select="gain", single_scores={"upos": 0.9})
    data["corpora"]["ud"].pop("dev")
    with pytest.raises(HierNLPError, match=r"^training.select: 'gain' needs development data"):
        Run(validate_recipe(data), tmp_path / "model")
