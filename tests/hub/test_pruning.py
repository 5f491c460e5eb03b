"""Cut models: the same answers to the last bit, fewer layers, a smaller file, what feeds a kept task kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.hub import Bundle, load_bundle, save_bundle
from hiernlp.hub import pruning as module
from hiernlp.hub.pruning import prune
from hiernlp.inference.analyzer import Analyzer
from hiernlp.recipe.files import validate_recipe

SENTENCES = [["the", "cat", "sees", "a", "big", "dog", "."], ["mary", "?"], ["zebras", "\u200b", "sees"] * 40]
PAIRS = [("the cat sees a dog", "a dog"), ("a dog", "the cat")]


def shaken(bundle: Bundle) -> Bundle:
    """Let everything matter that training begins with at zero."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return bundle


@pytest.fixture(scope="module")
def folder(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a task of every kind and all sorts of feeds."""
    folder = tmp_path_factory.mktemp("pruning") / "model"
    run = Run(validate_recipe(recipe_data(epochs=1)), folder)
    list(run.events())
    save_bundle(shaken(run.experiment.bundle), folder)
    return folder


def answers(bundle: Bundle, tasks: list[str]) -> list[dict[str, Any]]:
    analyzer = Analyzer(bundle, device="cpu")
    single = [task for task in tasks if not bundle.model.reads_pairs(task)]
    pairs = [task for task in tasks if bundle.model.reads_pairs(task)]
    found = [*analyzer(SENTENCES, tasks=single, probabilities=True)] if single else []
    found += [*analyzer.pairs(PAIRS, tasks=pairs, probabilities=True)] if pairs else []
    return [dict(sentence.annotations) for sentence in found]


@pytest.mark.parametrize(
    ("tasks", "kept", "layers"),
    [
        (["upos"], {"upos"}, 1),
        (["xpos"], {"xpos"}, 1),
        (["lemmas"], {"upos", "lemmas"}, 2),  # upos is fed to the encoder
        (["entities"], {"upos", "feats", "chunks", "entities"}, 3),
        (["shared"], {"upos", "shared"}, 2),
    ],
)
def test_a_cut_model_answers_alike(folder: Path, tmp_path: Path, tasks: list[str], kept: set[str], layers: int) -> None:
    whole = load_bundle(folder)
    pruned = prune(whole, tasks)
    assert set(pruned.bundle.model.tasks) == kept
    assert set(pruned.feeding) == kept - set(tasks)
    save_bundle(pruned.bundle, tmp_path / "cut")
    loaded = load_bundle(tmp_path / "cut")
    assert loaded.model.scheme.depth == layers
    config = json.loads((tmp_path / "cut" / "config.json").read_text())
    assert config["encoder"]["num_hidden_layers"] == layers
    assert set(config["tasks"]) == set(loaded.scores["tasks"]) == kept
    assert answers(loaded, tasks) == answers(pruned.bundle, tasks) == answers(whole, tasks)
    sizes = [(f / "model.safetensors").stat().st_size for f in (tmp_path / "cut", folder)]
    layer = sum(p.numel() * 4 for p in whole.model.scheme.encoders[0].layers[0].parameters())
    assert sizes[0] < sizes[1] - (4 - layers) * layer


def test_all_tasks_are_the_whole_model(folder: Path) -> None:
    whole = load_bundle(folder)
    pruned = prune(whole, list(whole.model.tasks))
    assert pruned.feeding == ()
    assert pruned.bundle.model.state_dict().keys() == whole.model.state_dict().keys()


def test_a_pruned_model_can_be_pruned_again(folder: Path) -> None:
    whole = load_bundle(folder)
    twice = prune(prune(whole, ["dependencies"]).bundle, ["chunks"]).bundle
    assert twice.model.scheme.depth == 2
    assert answers(twice, ["chunks"]) == answers(whole, ["chunks"])


@pytest.fixture(scope="module")
def modern(recipe_data: Callable[..., dict[str, Any]], tiny_encoder: Path, tmp_path_factory: Any) -> Path:
    """A model folder on an encoder that normalises its last layer's output."""
    import shutil

    from transformers import ModernBertConfig, ModernBertModel

    encoder = Path(shutil.copytree(tiny_encoder, tmp_path_factory.mktemp("modern") / "encoder"))
    (encoder / "config.json").unlink()
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=200, hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=64, global_attn_every_n_layers=3, local_attention=8, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3,
    )  # fmt: skip
    ModernBertModel(config).save_pretrained(encoder)
    data = recipe_data(["upos", "lemmas", "dependencies", "type"], epochs=1)
    data["encoder"]["name"] = str(encoder)
    folder = tmp_path_factory.mktemp("modern") / "model"
    run = Run(validate_recipe(data), folder)
    list(run.events())
    save_bundle(shaken(run.experiment.bundle), folder)
    return folder


@pytest.mark.parametrize(("task", "layers"), [("upos", 2), ("lemmas", 3), ("dependencies", 4), ("type", 4)])
def test_a_final_norm_stays_above_what_is_read(modern: Path, tmp_path: Path, task: str, layers: int) -> None:
    whole = load_bundle(modern)
    assert whole.model.scheme.encoders[0].has_final_norm
    save_bundle(prune(whole, [task]).bundle, tmp_path / "cut")
    loaded = load_bundle(tmp_path / "cut")
    assert loaded.model.scheme.depth == layers
    assert answers(loaded, [task]) == answers(whole, [task])


def test_what_would_change_answers_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = module._copy_weights

    def shifted(model: Any, short: Any, *, scheme: str) -> None:
        original(model, short, scheme=scheme)
        with torch.no_grad():
            next(short.scheme.parameters()).add_(0.1)

    monkeypatch.setattr(module, "_copy_weights", shifted)
    with pytest.raises(HierNLPError, match="cannot be cut to upos: its answers would change"):
        prune(load_bundle(folder), ["upos"])


def test_unknown_tasks(folder: Path) -> None:
    with pytest.raises(HierNLPError, match="there is no task 'upso' in this model; did you mean 'upos'"):
        prune(load_bundle(folder), ["upso"])
