"""The model card: what the hub's own library reads from it, and that it says what the model is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard import metadata_load
from huggingface_hub.repocard_data import model_index_to_eval_results
from PIL import Image

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.hub import Bundle
from hiernlp.hub.card import model_card
from hiernlp.hub.folder import write_card
from hiernlp.hub.layers import draw_layers
from hiernlp.hub.metadata import metadata
from hiernlp.hub.speed import measure_speed
from hiernlp.recipe.files import available_recipes, load_recipe, validate_recipe


@pytest.fixture(scope="module")
def folder(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "model"
    data = recipe_data(epochs=1)
    data |= {"licence": "CC-BY-4.0", "description": "A toy: with a colon | a bar."}
    data["corpora"]["ud"] |= {"description": "Toy | sentences.", "licence": "CC0", "url": "https://example.org/ud"}
    list(Run(validate_recipe(data), path).events())
    return path


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    from hiernlp.hub import load_bundle

    return load_bundle(folder)


def test_the_hubs_library_reads_every_figure_back(folder: Path, bundle: Bundle) -> None:
    card = ModelCard.load(folder / "README.md")
    assert card.data.to_dict() == metadata_load(folder / "README.md")
    name, results = model_index_to_eval_results(card.data.to_dict()["model-index"])
    assert name == "hiernlp-ud-talk-pairs"
    found = {(r.dataset_config, r.metric_name): r for r in results}
    assert len(found) == len(results)
    counts = {"words", "sentences", "spans", "pairs", "labels", "arcs"}
    expected = {
        (task, key.replace("_", " ")): value
        for task, scored in bundle.scores["tasks"].items()
        for key, value in scored["values"].items()
        if key not in counts and math.isfinite(value)
    }
    assert {key: r.metric_value for key, r in found.items()} == {key: round(v, 4) for key, v in expected.items()}
    upos, mood, holds = found["upos", "accuracy"], found["mood", "accuracy"], found["holds", "accuracy"]
    assert (upos.task_type, upos.dataset_name, upos.dataset_split) == ("token-classification", "ud", "dev")
    assert (mood.task_type, mood.dataset_name) == ("text-classification", "talk")
    assert holds.dataset_name == "pairs"
    assert any(r.metric_type == "pearsonr" for r in results)


def test_metadata_names_only_what_is_known(bundle: Bundle) -> None:
    data = metadata(bundle).to_dict()
    assert (data["license"], data["library_name"], data["language"]) == ("cc-by-4.0", "hiernlp", "en")
    assert "base_model" not in data  # a folder here
    assert "datasets" not in data
    recipe = {**bundle.recipe, "encoder": {"name": "minilm"}, "licence": ""}
    recipe["corpora"] = {"x": {"reader": "hub", "options": {"dataset": "org/data"}}}
    data = metadata(replace(bundle, recipe=recipe, language="xx", scores={})).to_dict()
    assert data["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert (data["datasets"], data["language"]) == (["org/data"], "multilingual")
    assert not {"license", "model-index", "metrics"} & set(data)


def test_the_card_says_what_the_model_is(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert "A toy: with a colon | a bar." in card
    assert "| upos |  | token_labels | 1 | 5 |" in card
    assert "| entities |  | nested_spans | mix of 1 to 3 | 3 |" in card
    assert "| shared |  | sentence_scores on pairs, apart | 2 |  |" in card
    assert "| holds |  | sentence_labels on pairs, together | 4 | 2 |" in card
    assert "dependencies to the layers above" in card
    assert "| [ud](https://example.org/ud) | Toy \\| sentences. | CC0 |" in card
    assert "| talk |  | not stated |" in card
    assert "| upos | ud | accuracy " in card
    assert "analyzer.pairs(" in card
    assert "](layers.png)" in card
    assert "words a second" not in card
    for line in card.split("---\n", maxsplit=2)[2].splitlines():
        if line.startswith("| "):
            assert line.endswith(" |"), line


@pytest.mark.parametrize("name", available_recipes())
def test_a_card_of_every_bundled_recipe(bundle: Bundle, name: str) -> None:
    recipe = yaml.safe_load(yaml.safe_dump(load_recipe(name).model_dump(mode="json", by_alias=True)))
    assert ModelCard(model_card(replace(bundle, recipe=recipe))).data.library_name == "hiernlp"


def test_a_card_of_a_model_that_nothing_is_known_of(bundle: Bundle) -> None:
    card = ModelCard(model_card(replace(bundle, recipe={}, scores={})))
    assert card.data.eval_results is None
    assert "## Scores" not in card.text
    assert "## Training data" not in card.text


def test_the_picture_is_a_picture_and_always_the_same(folder: Path, bundle: Bundle, tmp_path: Path) -> None:
    with Image.open(folder / "layers.png") as picture:
        assert picture.format == "PNG"
        assert picture.height < picture.width < 3000
    assert draw_layers(bundle) == (folder / "layers.png").read_bytes()
    write_card(bundle, tmp_path)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()


def test_speed_has_a_line_a_depth(bundle: Bundle) -> None:
    speed = measure_speed(bundle, [["the", "cat", "sees"], [], ["mary"]], rounds=1)
    assert (speed["words"], speed["sentences"]) == (4, 2)
    assert [found["depth"] for found in speed["depths"]] == [1, 2, 3, 4]
    assert speed["depths"][0]["tasks"] == ["upos", "xpos"]
    assert all(found["words_per_second"] > 0 for found in speed["depths"])
    card = model_card(replace(bundle, scores={**bundle.scores, "speed": speed}))
    assert "| 1 | upos, xpos | " in card
    assert "| 1.0 times |" in card
    with pytest.raises(HierNLPError, match="expected sentences and tasks that read one, found none"):
        measure_speed(bundle, [])
