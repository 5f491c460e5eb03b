"""The model folder: the same answers before and after, whole or as it was, and one sentence for each damage."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from hiernlp.errors import ModelFolderError
from hiernlp.experiment import Run
from hiernlp.hub import Bundle, load_bundle, save_bundle
from hiernlp.hub import folder as module
from hiernlp.prediction import ModelPredictor
from hiernlp.recipe.files import validate_recipe

SENTENCES = [["the", "cat", "sees", "a", "big", "dog", "."], ["mary", "?"], ["zebras", "\u200b", "sees"] * 40]


@pytest.fixture(scope="module")
def trained(
    recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Bundle]:
    """A trained folder and the model in memory."""
    folder = tmp_path_factory.mktemp("hub") / "model"
    run = Run(validate_recipe(recipe_data(epochs=1)), folder)
    list(run.events())
    return folder, run.experiment.bundle


@pytest.fixture
def copied(trained: tuple[Path, Bundle], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "copy"))


def answers(bundle: Bundle) -> list[dict[str, Any]]:
    subwords = bundle.encoder.encode(SENTENCES)
    model = bundle.model
    predictor = ModelPredictor(model, encoder=bundle.encoder, encoding=bundle.encoding)
    single = [task for task in model.tasks if task not in model.pair_tasks]
    pairs = [(a, b) for a in subwords for b in subwords]
    words = [a + b for a in SENTENCES for b in SENTENCES]
    return predictor.predict(subwords, SENTENCES, tasks=single, probabilities=True) + predictor.predict_pairs(
        pairs, words, tasks=model.pair_tasks, probabilities=True
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_answers_before_and_after(trained: tuple[Path, Bundle], tmp_path: Path) -> None:
    folder, bundle = trained
    before = answers(bundle)
    loaded = load_bundle(folder)
    assert answers(loaded) == before
    assert (loaded.language, loaded.encoding, loaded.sharing) == (bundle.language, bundle.encoding, bundle.sharing)
    assert loaded.tasks == bundle.tasks
    assert loaded.model.feeds == bundle.model.feeds
    assert loaded.scores == json.loads(json.dumps(bundle.scores))
    save_bundle(loaded, tmp_path / "again")
    same = {n: d for n, d in contents(folder).items() if not n.startswith("training")}
    assert contents(tmp_path / "again") == same


def test_it_loads_from_the_folder_alone(copied: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("recipe.yaml", "scores.json", "README.md"):
        (copied / name).unlink()
    shutil.rmtree(copied / "training")
    hidden = tiny_encoder.with_name("hidden")
    tiny_encoder.rename(hidden)
    try:
        assert [set(a) for a in answers(load_bundle(copied))]
    finally:
        hidden.rename(tiny_encoder)


def test_what_lies_in_it(trained: tuple[Path, Bundle]) -> None:
    folder, _ = trained
    names = {p.name for p in folder.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "recipe.yaml",
        "scores.json",
        "README.md",
        "layers.png",
    } <= names
    for file in folder.rglob("*"):
        assert file.suffix not in (".bin", ".pkl", ".pt", ".pickle"), file
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["tasks"]["upos"]["options"]["dropout"] == 0.1
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert all("pooler" not in name for name in weights.keys())  # noqa: SIM118 - not a mapping
    modes = {p.stat().st_mode & 0o777 for p in folder.iterdir() if p.is_file()}
    assert modes == {0o644}


def test_a_reference_by_hand_of_what_the_analyzer_says(trained: tuple[Path, Bundle]) -> None:
    from hiernlp.inference.analyzer import Analyzer

    folder, bundle = trained
    document = Analyzer.load(folder, device="cpu")(SENTENCES, probabilities=False)
    for sentence, found in zip(document.sentences, answers(bundle)[: len(SENTENCES)], strict=True):
        assert sentence["upos"] == found["upos"]["upos"]
        assert sentence["head"] == found["dependencies"]["head"]


class FullDisk:
    """Fails as a full disk does, at the nth call."""

    def __init__(self, original: Callable[..., Any], after: int, error: type[Exception] = OSError) -> None:
        self.original, self.left, self.error = original, after, error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            text = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC, text) if self.error is OSError else self.error(f"I/O error: {text}")
        return self.original(*args, **kwargs)


@pytest.mark.parametrize(
    ("target", "name", "after"),
    [
        (module, "save_file", 0),
        (os, "fsync", 0),
        (os, "fsync", 3),
        (Path, "write_text", 0),
        (Path, "write_text", 2),
        (Path, "write_bytes", 0),
    ],
)
def test_a_full_disk_leaves_the_old_model(  # noqa: PLR0917
    trained: tuple[Path, Bundle], copied: Path, monkeypatch: pytest.MonkeyPatch, target: Any, name: str, after: int
) -> None:
    before = contents(copied)
    full = FullDisk(getattr(target, name), after)
    monkeypatch.setattr(target, name, lambda *a, **k: full(*a, **k))  # noqa: PLW0108 - to be bound as a method
    with pytest.raises(ModelFolderError, match=r"cannot be saved .*No space left.*; the model .* is intact") as error:
        save_bundle(trained[1], copied)
    assert "\n" not in str(error.value)
    assert contents(copied) == before
    with pytest.raises(ModelFolderError, match=r"cannot be saved") as error:
        save_bundle(trained[1], copied / "new")
    assert "intact" not in str(error.value)
    assert not list((copied / "new").iterdir())


def test_safetensors_own_error_for_a_full_disk(
    trained: tuple[Path, Bundle], copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    before = contents(copied)
    monkeypatch.setattr(module, "save_file", FullDisk(save_file, 0, SafetensorError))
    with pytest.raises(ModelFolderError, match=r"No space left"):
        save_bundle(trained[1], copied)
    assert contents(copied) == before


def test_other_files_stay(trained: tuple[Path, Bundle], copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    save_bundle(trained[1], copied)
    assert (copied / "notes.txt").read_text() == "mine"
    assert (copied / "training" / "recipe.json").exists()


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / "config.json"
        config = json.loads(file.read_text())
        change(config)
        file.write_text(json.dumps(config))

    return damage


def reweighed(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        change(state)
        (folder / "model.safetensors").unlink()
        save_file(state, folder / "model.safetensors")

    return damage


def cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return damage


def widen(state: dict[str, torch.Tensor]) -> None:
    name = next(n for n in state if n.startswith("heads.upos"))
    state[name] = torch.zeros(3, 3)


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "config.json: cannot be read"),
    "cut config": (cut("config.json"), "config.json: not valid JSON"),
    "a list as config": (lambda f: (f / "config.json").write_text("[]"), "config.json: expected a mapping, found list"),
    "another model": (edited(lambda c: c.update(model_type="bert")), "expected a hiernlp model .* found 'bert'"),
    "another format": (edited(lambda c: c.update(format=99)), "expected format 1, found 99; it was saved by hiernlp"),
    "no tasks": (edited(lambda c: c.pop("tasks")), "config.json: damaged"),
    "no place": (edited(lambda c: c["tasks"]["upos"].pop("place")), "config.json: damaged"),
    "place too high": (
        edited(lambda c: c["tasks"]["type"].update(place={"low": 9, "high": 9})),
        "config.json: damaged",
    ),
    "no labels": (edited(lambda c: c["tasks"]["upos"].update(labels={})), "config.json: damaged"),
    "unknown kind": (
        edited(lambda c: c["tasks"]["upos"].update(kind="token_lables")),
        "there is no kind .*token_labels",
    ),
    "bad options": (edited(lambda c: c["tasks"]["upos"]["options"].update(hidde=1)), "tasks.upos.options.hidde"),
    "bad sharing": (edited(lambda c: c["sharing"].update(scheme="soft?")), "there is no sharing scheme"),
    "bad encoding": (edited(lambda c: c["encoding"].update(subword="last")), "encoding.subword"),
    "bad feed": (edited(lambda c: c["feeds"].append({"source": "x", "target": None, "detached": True})), "damaged"),
    "no limit": (edited(lambda c: c["encoding"].pop("limit")), "config.json: damaged"),
    "unknown encoder": (edited(lambda c: c["encoder"].update(model_type="bart-o-matic")), "config.json: damaged"),
    "encoder without type": (edited(lambda c: c["encoder"].pop("model_type")), "config.json: damaged"),
    "impossible encoder": (edited(lambda c: c["encoder"].update(num_attention_heads=7)), "config.json: damaged"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: the weights cannot be read"),
    "a pickle instead": (
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
        "expected weights in safetensors, found pytorch_model.bin, which can hold code that runs when it is read",
    ),
    "cut weights": (cut("model.safetensors"), "model.safetensors: the weights cannot be read"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), "the weights cannot be read"),
    "lacking weights": (reweighed(lambda s: s.pop(next(iter(s)))), "does not fit config.json: it lacks"),
    "surplus weights": (
        reweighed(lambda s: s.update(more=torch.zeros(1))),
        "it has, beyond what config.json says, 'more'",
    ),
    "wrong shape": (reweighed(widen), "it has in another shape 'heads.upos"),
    "no tokenizer": (lambda f: [(f / n).unlink() for n in ("tokenizer.json", "tokenizer_config.json")], "no tokenizer"),
    "cut tokenizer": (cut("tokenizer.json"), "no tokenizer"),
    "cut recipe": (lambda f: (f / "recipe.yaml").write_text("a: [1"), "recipe.yaml: not valid YAML"),
    "cut scores": (cut("scores.json"), "scores.json: not valid JSON"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(copied: Path, damage: str) -> None:
    change, message = DAMAGES[damage]
    change(copied)
    with pytest.raises(ModelFolderError, match=message) as error:
        load_bundle(copied)
    assert "\n" not in str(error.value)
    assert str(copied) in str(error.value)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"expected a model folder, found nothing"):
        load_bundle(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFolderError, match=r"expected a model folder, found a file"):
        load_bundle(tmp_path / "file")
    with pytest.raises(ModelFolderError, match=r"neither a folder here nor a model that the hub gives"):
        load_bundle("nobody/nothing-of-this-name")
    with pytest.raises(ModelFolderError, match=r"cannot be read"):
        load_bundle(tmp_path)
