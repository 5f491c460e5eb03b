"""From a recipe to a run: mistakes that only data or encoder show are told before any training."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, prepare
from hiernlp.hierarchy import Place
from hiernlp.hub import load_bundle
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]


def told(data: dict[str, Any]) -> str:
    with pytest.raises(HierNLPError) as error:
        prepare(validate_recipe(data))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_prepared(recipe_data: Make) -> None:
    found = prepare(validate_recipe(recipe_data()))
    model = found.bundle.model
    assert (len(found.train["ud"]), len(found.dev["talk"])) == (60, 12)
    assert model.places["entities"] == Place(1, 3)
    assert model.places["topics"] == Place(4, 4)
    assert found.bundle.encoder.limit == 64
    assert found.bundle.tasks["upos"].labels == {"labels": ["DET", "NOUN", "ADJ", "PUNCT", "VERB"]}
    assert model.tasks.index("dependencies") > model.tasks.index("xpos")


def test_the_seed_makes_the_heads(recipe_data: Make) -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(99)  # whatever was drawn before
        return prepare(validate_recipe(recipe_data(["upos", "dependencies"], seed=seed))).bundle.model.state_dict()

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["heads.upos.scorer.1.weight"], other["heads.upos.scorer.1.weight"])


def test_windows_and_encoder_settings(recipe_data: Make) -> None:
    data = recipe_data(["upos"])
    data["encoding"] = {"window": 16, "subword": "mean"}
    data["encoder"] |= {"config": {"hidden_dropout_prob": 0.3}, "attention": "eager", "gradient_checkpointing": True}
    found = prepare(validate_recipe(data))
    assert found.bundle.encoder.limit == 16
    config = found.bundle.model.scheme.encoders[0].config
    assert (config.hidden_dropout_prob, config._attn_implementation) == (0.3, "eager")


def test_an_uncased_encoder_sees_letter_case_if_it_is_told(recipe_data: Make, tmp_path: Path) -> None:
    """What only the letter case tells is learnt with it and cannot be without."""
    forms = {"LOW": ("cat", "dog", "mary"), "CAP": ("Cat", "Dog", "Mary"), "ALL": ("CAT", "DOG", "MARY")}
    lines = [
        f"{form}\t{label}\nsees\tLOW\n{other}\t{label}\n\n"
        for label, words in forms.items()
        for form in words
        for other in words
    ]
    (tmp_path / "cased.txt").write_text("".join(lines), encoding="utf-8")
    data = recipe_data(["upos"], epochs=12)
    data["corpora"] = {
        "cased": {
            "reader": "columns",
            "options": {"columns": {"words": 0, "upos": 1}, "separator": "\t"},
            "train": str(tmp_path / "cased.txt"),
            "dev": str(tmp_path / "cased.txt"),
        }
    }
    accuracy = {}
    for told_so in (False, True):
        folder = tmp_path / f"model-{told_so}"
        list(Run(validate_recipe({**data, "encoding": {"letter_case": told_so}}), folder).events())
        accuracy[told_so] = json.loads((folder / "scores.json").read_text())["tasks"]["upos"]["values"]["accuracy"]
    assert accuracy[True] == 1
    assert accuracy[False] < 0.7  # each form but one is alike for all three labels
    bundle = load_bundle(tmp_path / "model-True")
    embedding = bundle.model.case_embedding
    assert embedding is not None
    assert not embedding[0].any()  # what is no word has no case
    analyzer = hiernlp.load(tmp_path / "model-True")
    assert [s.annotations["upos"] for s in analyzer([["dog", "sees"], ["Dog", "sees"], ["DOG", "sees"]]).sentences] == [
        ["LOW", "LOW"],
        ["CAP", "LOW"],
        ["ALL", "LOW"],
    ]


def test_mistakes_in_places_and_feeds(recipe_data: Make) -> None:
    data = copy.deepcopy(recipe_data(["upos", "dependencies"]))
    data["tasks"]["upos"]["place"] = 5
    assert told(data).startswith(
        "tasks.upos.place: layer 5 is not in the encoder; expected a layer from 0 (embeddings) to 4"
    )
    data["tasks"]["upos"]["place"] = 2
    data["feeds"] = [{"from": "dependencies", "to": "upos"}]
    assert told(data).startswith("feeds.0: beliefs go upward")
    data["tasks"]["upos"]["place"] = 3
    data["feeds"].append({"from": "upos", "to": "dependencies"})
    assert "in a circle" in told(data)


def test_annotations_that_no_corpus_has(recipe_data: Make) -> None:
    data = copy.deepcopy(recipe_data(["upos"]))
    data["tasks"]["upos"]["options"]["column"] = "upso"
    assert told(data).startswith("tasks.upos: expected the annotation 'upso' in any corpus, found ")
    assert "did you mean 'upos'" in told(data)
    data = copy.deepcopy(recipe_data(["upos", "mood"]))
    data["tasks"]["mood"]["corpora"] = ["ud"]
    assert "tasks.mood: expected the annotation 'mood' in corpus 'ud'" in told(data)


def test_a_task_keeps_to_its_corpora(recipe_data: Make) -> None:
    data = copy.deepcopy(recipe_data(["upos", "type"]))
    data["corpora"]["more"] = data["corpora"]["ud"] | {"dev": []}
    data["tasks"]["type"]["corpora"] = "more"
    found = prepare(validate_recipe(data))
    assert {name: split.tasks for name, split in found.train.items()} == {"ud": ("upos",), "more": ("upos", "type")}
    assert list(found.dev) == ["ud"]
    assert found.dev["ud"].tasks == ("upos",)


def test_choosing_by_a_task_without_development_data(recipe_data: Make, tmp_path: Path) -> None:
    data = copy.deepcopy(recipe_data(["upos", "mood"], select="mood"))
    data["corpora"]["talk"].pop("dev")
    with pytest.raises(HierNLPError, match=r"training.select: no development data has the task 'mood'"):
        Run(validate_recipe(data), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_corpus_that_trains_nothing_is_left_alone(recipe_data: Make, tmp_path: Path) -> None:
    data = copy.deepcopy(recipe_data(["upos", "mood"], epochs=1))
    data["tasks"].pop("mood")
    run = Run(validate_recipe(data), tmp_path / "model")
    assert list(run.trainer.planner.sizes) == ["ud"]
    list(run.events())


@pytest.mark.parametrize("method", ["fixed", "random"])
@pytest.mark.parametrize("extra", [{}, {"gradient_checkpointing": True}])
def test_runs(recipe_data: Make, tmp_path: Path, method: str, extra: dict[str, Any]) -> None:
    data = copy.deepcopy(recipe_data(epochs=1))
    data["balancing"] = {"method": method}
    data["encoder"] |= extra
    list(Run(validate_recipe(data), tmp_path / "model").events())
    assert (tmp_path / "model" / "model.safetensors").exists()
