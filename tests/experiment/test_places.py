"""Places by probing: found before training, kept with the model, never found twice; probes of trained models."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, places, prepare, probe, with_probed_places
from hiernlp.experiment.places import ProbeEvent
from hiernlp.hub import load_bundle
from hiernlp.probing import prober
from hiernlp.probing.folder import fingerprint
from hiernlp.probing.prober import StatesCached, TaskProbed
from hiernlp.probing.results import ProbeResult
from hiernlp.recipe import Recipe
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.events import Ended

Make = Callable[..., dict[str, Any]]
FEW = {"sentences": 30, "dev_sentences": 10, "epochs": 1}


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures have tests of their own, and take longer than these probes."""
    monkeypatch.setattr("hiernlp.probing.report.draw_probe", lambda _, path: path.touch())


@pytest.fixture
def make(recipe_data: Make) -> Callable[..., Recipe]:
    """Return a function that makes a recipe that leaves places to the probe."""

    def made(tasks: list[str], *, auto: list[str] | None = None, **changes: Any) -> Recipe:
        data = recipe_data(tasks, epochs=1)
        data["tasks"] = {
            t: {**s, "place": "auto"} if auto is None or t in auto else s for t, s in data["tasks"].items()
        }
        return validate_recipe(data | {"probe": FEW | changes})

    return made


def figures(found: ProbeResult) -> dict[str, Any]:
    return {name: replace(task, seconds=0.0) for name, task in found.tasks.items()}


def test_every_kind_and_every_way_of_reading_is_probed(recipe_data: Make, tmp_path: Path) -> None:
    recipe = validate_recipe(recipe_data() | {"probe": FEW})
    events: list[ProbeEvent] = []
    found = probe(recipe, tmp_path / "probe", told=events.append)
    assert list(found.tasks) == list(recipe.tasks)
    for name, task in found.tasks.items():
        assert len(task.layers) == len(task.cumulative) == len(task.weights) == 5, name
        assert sum(task.weights) == pytest.approx(1)
        assert task.main == {"dependencies": "las", "length": "pearson"}.get(name, task.main)
    assert {name for name, task in found.tasks.items() if task.control is not None} == {
        "upos", "xpos", "feats", "dependencies",
    }  # fmt: skip
    cached = [event.name for event in events if isinstance(event, StatesCached)]
    # Pairs are read apart by one task and together by another: both once.
    assert sorted(cached) == sorted(
        f"{corpus} {split}" for corpus in ("ud", "talk", "pairs", "pairs") for split in ("train", "dev")
    )
    assert sorted(p.name for p in (tmp_path / "probe").iterdir()) == [
        "probe.json", "probe.md", "probe.png", "probe.svg", "recipe.json", "tasks",
    ]  # fmt: skip


def test_a_task_is_probed_alike_whatever_the_others(make: Callable[..., Recipe], tmp_path: Path) -> None:
    both = probe(make(["upos", "dependencies"]), tmp_path / "both")
    alone = probe(make(["upos"]), tmp_path / "alone")
    again = probe(make(["upos", "dependencies"]), tmp_path / "one", tasks=["dependencies"])
    assert figures(both) == figures(alone) | figures(again)


def test_interrupted_it_goes_on_with_the_task_that_was_not_complete(
    make: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make(["upos", "feats", "type"])
    whole = probe(recipe, tmp_path / "whole")
    original, calls = prober.probe_task, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(prober, "probe_task", counted)
    with pytest.raises(KeyboardInterrupt):
        probe(recipe, tmp_path / "cut")
    assert (tmp_path / "cut" / "states").is_dir()
    events: list[ProbeEvent] = []
    cut = probe(recipe, tmp_path / "cut", told=events.append)
    assert len(calls) == 4
    assert not any(isinstance(event, StatesCached) for event in events)
    assert figures(cut) == figures(whole)
    assert probe(recipe, tmp_path / "cut").places == whole.places
    assert len(calls) == 4
    with pytest.raises(HierNLPError, match="expected a new or empty folder, or one of the same probe"):
        probe(make(["upos", "feats", "type"], epochs=2), tmp_path / "cut")
    # Another share is another reading of the same probe.
    assert probe(make(["upos", "feats", "type"], share=0.5), tmp_path / "cut").share == 0.5
    assert len(calls) == 4


def test_auto_places_end_to_end(make: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make(["upos", "dependencies", "type"], auto=["upos", "type"])
    with pytest.raises(HierNLPError, match=r"tasks\.upos\.place: 'auto' stands for a layer that the probe has yet"):
        prepare(recipe)
    told: list[ProbeEvent] = []
    run = Run(recipe, tmp_path / "model", told=told.append)
    assert [event.task for event in told if isinstance(event, TaskProbed)] == ["upos", "type"]
    found = json.loads((tmp_path / "model" / "training" / "probe" / "probe.json").read_text())
    centres = {task: figures["centre_of_gravity"] for task, figures in found["tasks"].items()}
    wanted = {task: round(centre) for task, centre in centres.items()} | {"dependencies": 3}
    assert {task: place.high for task, place in run.experiment.bundle.model.places.items()} == wanted
    events = run.events()
    next(event for event in events)
    run.trainer.ask_to_stop()
    assert [e.reason for e in events if isinstance(e, Ended)] == ["interrupted"]

    # Going on, and loading what was saved, needs no probe.
    monkeypatch.setattr(places, "probe", None)
    resumed = Run(recipe, tmp_path / "model", resume=True)
    assert resumed.experiment.recipe == run.experiment.recipe
    list(resumed.events())
    saved = yaml.safe_load((tmp_path / "model" / "recipe.yaml").read_text())
    assert {task: settings["place"] for task, settings in saved["tasks"].items()} == wanted
    assert hiernlp.load(tmp_path / "model").bundle.tasks["upos"].place.high == wanted["upos"]
    # Found once, they are found again at once: single tasks stand where the joint model's do.
    placed = with_probed_places(recipe, tmp_path / "model" / "training" / "probe")
    assert {task: settings.place for task, settings in placed.tasks.items()} == wanted
    assert with_probed_places(placed, tmp_path / "nowhere") == placed


def test_places_are_stretched_only_where_all_are_left_to_the_probe(make: Callable[..., Recipe], tmp_path: Path) -> None:
    both = ["upos", "dependencies"]
    found = probe(make(both), tmp_path / "probe")
    shares = [k / 100 for k in range(100, 0, -1)]
    share = next(s for s in shares if 0 < max(task.place(s) for task in found.tasks.values()) < found.depth)
    found = replace(found, share=share)

    def placed(recipe: Recipe, probed: str = "probe") -> dict[str, Any]:
        return {task: settings.place for task, settings in with_probed_places(recipe, tmp_path / probed).tasks.items()}

    by_score = {"share": share, "place_by": "score"}
    assert placed(make(both, **by_score)) == found.stretched_places
    assert max(found.stretched_places.values()) == found.depth
    assert placed(make(both, **by_score, stretch=False)) == found.places
    saved = found.as_json()["tasks"]
    assert {task: (saved[task]["place"], saved[task]["stretched_place"]) for task in both} == {
        task: (found.places[task], found.stretched_places[task]) for task in both
    }
    assert placed(make(both, auto=["upos"], **by_score), "some")["upos"] == found.places["upos"]


def test_places_by_the_centres_of_gravity_of_mixes(make: Callable[..., Recipe], tmp_path: Path) -> None:
    both = ["upos", "dependencies"]
    found = probe(make(both), tmp_path / "probe")
    centres = {task: found.tasks[task].centre_of_gravity for task in both}

    def placed(recipe: Recipe) -> dict[str, Any]:
        return {task: settings.place for task, settings in with_probed_places(recipe, tmp_path / "probe").tasks.items()}

    top = max(centres.values())
    exact = {task: centre * found.depth / top for task, centre in centres.items()}
    stretched = placed(make(both))
    assert all(abs(stretched[task] - exact[task]) <= 0.5 for task in both)
    assert stretched == found.stretched_centres
    assert max(stretched.values()) == found.depth
    assert placed(make(both, stretch=False)) == {t: round(centres[t]) for t in both}


def test_training_again_after_another_recipe_was_probed(make: Callable[..., Recipe], tmp_path: Path) -> None:
    Run(make(["upos"]), tmp_path / "model")  # nothing was trained or saved
    told: list[ProbeEvent] = []
    Run(make(["upos"]), tmp_path / "model", told=told.append)
    assert told == []
    Run(make(["upos"], epochs=2), tmp_path / "model", told=told.append)
    assert any(isinstance(event, TaskProbed) for event in told)


def test_resuming_without_the_probe(make: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make(["upos"])
    run = Run(recipe, tmp_path / "model")
    events = run.events()
    next(events)
    run.trainer.ask_to_stop()
    list(events)
    (tmp_path / "model" / "training" / "probe" / "tasks" / "upos.json").unlink()
    with pytest.raises(HierNLPError, match="expected the probe that found the tasks' places, found none"):
        Run(recipe, tmp_path / "model", resume=True)


def test_a_trained_model_is_probed_as_it_is(recipe_data: Make, tmp_path: Path) -> None:
    data = recipe_data(["upos", "dependencies", "type"], feeds=[{"from": "upos"}], epochs=1) | {"probe": FEW}
    recipe = validate_recipe(data)
    list(Run(recipe, tmp_path / "model").events())
    bundle = load_bundle(tmp_path / "model")
    before = fingerprint(bundle.model)
    trained = probe(recipe, tmp_path / "trained", bundle=bundle)
    assert fingerprint(bundle.model) == before
    assert trained.probed.endswith("tiny-bert, as trained, with the beliefs of upos fed into it")
    untouched = probe(recipe, tmp_path / "pretrained")
    assert untouched.probed.endswith("tiny-bert, as pretrained")
    assert figures(trained) != figures(untouched)
    with pytest.raises(HierNLPError, match="one of the same probe"):
        probe(recipe, tmp_path / "trained")
    with pytest.raises(HierNLPError, match=r"tasks\.lemmas: the trained model has no such task of kind 'lemmas'"):
        probe(validate_recipe(recipe_data(["upos", "lemmas"])), tmp_path / "other", bundle=bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["corpora"]["ud"].pop("dev"), r"tasks\.upos: to find its layer, .* or give its place as a"),
        (
            lambda data: data["probe"].update(options={"upos": {"crff": True}}),
            r"probe\.options\.upos\.crff: unknown key",
        ),
        (lambda data: data["tasks"]["type"].update(place=9), r"tasks\.type\.place: layer 9 is not in the encoder"),
    ],
)
def test_mistakes_leave_nothing_behind(
    recipe_data: Make, tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    data = recipe_data(["upos", "type"]) | {"probe": dict(FEW)}
    data["tasks"]["upos"] = {**data["tasks"]["upos"], "place": "auto"}
    data["tasks"]["type"] = dict(data["tasks"]["type"])
    change(data)
    with pytest.raises(HierNLPError, match=message):
        Run(validate_recipe(data), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_too_few_sentences(make: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober.Prober, "_chosen", lambda *_: [4])  # whose mood is missing
    with pytest.raises(
        HierNLPError, match=r"tasks\.mood: the 30 sentences .* set probe\.sentences to more, or to null"
    ):
        probe(make(["mood"]), tmp_path / "probe")
    with pytest.raises(HierNLPError, match=r"no training sentence has the annotation 'mood'"):
        probe(make(["mood"], sentences=None), tmp_path / "all")


def test_a_folder_of_something_else(make: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(HierNLPError, match="expected a new or empty folder"):
            probe(make(["upos"]), folder)
    with pytest.raises(HierNLPError, match=r"there is no task 'upps'; did you mean 'upos'"):
        probe(make(["upos"]), tmp_path / "new", tasks=["upps"])
