"""What adversaries left, by a fresh probe: found where nothing worked against it, less where something did."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.errors import ModelFolderError
from hiernlp.experiment import ADVERSARIES, TRAINING, Run, read_remains
from hiernlp.experiment.remains import REMAINS, probe_remains
from hiernlp.hub import load_bundle
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.events import Ended

Make = Callable[..., dict[str, Any]]


def against(recipe_data: Make, *, strength: float, probe: bool = True) -> dict[str, Any]:
    data = copy.deepcopy(recipe_data(["upos", "type"], epochs=2))
    data["tasks"]["type"] = {
        "kind": "sentence_labels",
        "options": {"column": "sentence_type"},
        "place": {"mix": [2, 3]},
        "auxiliary": True,
        "reversal": {"strength": strength, "schedule": "constant", "probe": probe},
    }
    data["tasks"]["upos"]["place"] = 3
    data["probe"] = {"epochs": 12, "precision": "float32", "learning_rate": 0.02, "control": False}
    return data


def test_a_fresh_probe_says_how_much_is_left(recipe_data: Make, tmp_path: Path) -> None:
    run = Run(validate_recipe(against(recipe_data, strength=0.0)), tmp_path / "model")
    list(run.events())
    folder = tmp_path / "model" / TRAINING / ADVERSARIES
    plain = read_remains(folder)["type"]
    assert [found.layer for found in plain] == [2, 3]
    for found in plain:  # the mark at the end is plain to see, and nothing worked against it
        assert found.main == "accuracy"
        assert min(found.before, found.after) > found.baseline + 0.2
    assert {(folder / part / "probe.md").is_file() for part in ("before", "after")} == {True}
    # States that tell nothing leave the majority, and are no matter of what the encoder was before.
    silent = load_bundle(tmp_path / "model")
    layers = silent.model.scheme.encoders[0].parameters_by_layer()
    with torch.no_grad():
        for parameter in layers[2]:
            parameter.zero_()
        for parameter in layers[3]:
            parameter.zero_()
    left = probe_remains(run.experiment, tmp_path / "silent", saved=silent, device=torch.device("cpu"))["type"]
    for found, other in zip(left, plain, strict=True):
        assert found.after == found.baseline
        assert found.before == other.before


def test_cut_off_while_probing_it_goes_on(recipe_data: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = validate_recipe(against(recipe_data, strength=1.0))
    with monkeypatch.context() as broken:
        broken.setattr("hiernlp.experiment.remains._probe_saved", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(Run(recipe, tmp_path / "model").events())
    assert not read_remains(tmp_path / "model" / TRAINING / ADVERSARIES)
    events = list(Run(recipe, tmp_path / "model", resume=True).events())
    assert [event.reason for event in events if isinstance(event, Ended)] == ["finished"]
    assert read_remains(tmp_path / "model" / TRAINING / ADVERSARIES)


def test_not_where_it_is_not_wanted_or_cannot_be(recipe_data: Make, tmp_path: Path) -> None:
    list(Run(validate_recipe(against(recipe_data, strength=1.0, probe=False)), tmp_path / "model").events())
    assert not (tmp_path / "model" / TRAINING / ADVERSARIES).exists()
    assert read_remains(tmp_path / "model" / TRAINING / ADVERSARIES) == {}


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / REMAINS).write_text(json.dumps({"type": [{"layer": 1}]}), encoding="utf-8")
    with pytest.raises(ModelFolderError, match="cannot be read"):
        read_remains(tmp_path)
