"""The Auto classes and the pipeline: the analyzer's own answers, and nothing that runs code from a folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, pipeline

import hiernlp
from hiernlp.encoder import Encoder, load_config
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.experiment import Run
from hiernlp.hub.folder import load_bundle
from hiernlp.inference.analyzer import Analyzer
from hiernlp.integrations import transformers as module
from hiernlp.integrations.transformers import HierNLPConfig, HierNLPModel
from hiernlp.recipe.files import validate_recipe

TEXT = "The cat sees a dog. A kind nurse liked the bird!"


@pytest.fixture(scope="module")
def trained(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    hiernlp.register()
    hiernlp.register()
    path = tmp_path_factory.mktemp("transformers") / "model"
    list(Run(validate_recipe(recipe_data(epochs=1)), path).events())
    return path


@pytest.fixture(scope="module")
def expected(trained: Path) -> dict[str, Any]:
    return hiernlp.load(trained, device="cpu")(TEXT, probabilities=True).to_dict()


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


def test_the_configuration_says_what_the_folder_says(trained: Path, tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(trained)
    assert isinstance(config, HierNLPConfig)
    said = json.loads((trained / "config.json").read_text())
    assert {key: getattr(config, key) for key in said} == said
    config.save_pretrained(tmp_path)
    again = json.loads((tmp_path / "config.json").read_text())
    assert {key: again[key] for key in said} == said


def test_the_same_answers_before_and_after(trained: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(trained)
    assert isinstance(model, HierNLPModel)
    assert not model.training
    assert model.analyzer(TEXT, probabilities=True).to_dict() == expected
    model.save_pretrained(tmp_path / "saved")
    assert hiernlp.load(tmp_path / "saved", device="cpu")(TEXT, probabilities=True).to_dict() == expected
    again = AutoModel.from_pretrained(tmp_path / "saved")
    assert again.analyzer(TEXT, probabilities=True).to_dict() == expected
    for file in trained.iterdir():
        if file.is_file():
            assert (tmp_path / "saved" / file.name).read_bytes() == file.read_bytes()
    found = dict(model.named_parameters())
    assert found.keys() == {f"hierarchy.{name}" for name, _ in load_bundle(trained).model.named_parameters()}


def test_number_formats_and_devices(trained: Path) -> None:
    model = AutoModel.from_pretrained(trained, dtype="bfloat16", device_map="cpu")
    assert model.dtype == torch.bfloat16
    assert model.analyzer.model is model.hierarchy
    assert AutoModel.from_pretrained(trained, dtype="auto").dtype == torch.float32
    assert model.analyzer(TEXT).columns


def test_options_that_cannot_be_met_are_told(trained: Path) -> None:
    for options, message in (
        ({"dtype": "float16"}, "dtype: expected float32 or bfloat16, found 'float16'"),
        ({"use_safetensors": False}, "weights are read from safetensors alone"),
        ({"subfolder": "x"}, "subfolder: models of hiernlp have no such option, found 'x'"),
    ):
        with pytest.raises(HierNLPError, match=message):
            HierNLPModel.from_pretrained(trained, **options)  # pyright: ignore[reportArgumentType]
    with pytest.raises(HierNLPError, match="made of a folder; use from_pretrained"):
        AutoModel.from_config(AutoConfig.from_pretrained(trained))
    with pytest.raises(HierNLPError, match="a model folder holds the model's own weights"):
        HierNLPModel.from_pretrained(trained).save_pretrained("nowhere", state_dict={})


def test_a_pickle_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelFolderError, match=r"expected weights in safetensors, found pytorch_model\.bin"):
        AutoModel.from_pretrained(folder)
    with pytest.raises(ValueError, match=r"expected weights in safetensors, found pytorch_model\.bin"):
        pipeline("hiernlp-analysis", model=str(folder), device="cpu")


def test_an_encoder_in_a_pickle_is_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    encoder = Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    (encoder / "model.safetensors").unlink()
    torch.save({}, encoder / "pytorch_model.bin")
    with pytest.raises(HierNLPError, match=r"encoder\.name: the weights of .* cannot be loaded"):
        Encoder.from_pretrained(str(encoder))


EVIL = "from pathlib import Path\nPath({marker!r}).touch()\n"


def laid(folder: Path, marker: Path, *, inside: bool) -> None:
    """Lay code into a folder, and names of it into its configuration."""
    (folder / "evil.py").write_text(EVIL.format(marker=str(marker)))
    names = {"AutoConfig": "evil.C", "AutoModel": "evil.M", "AutoTokenizer": [None, "evil.T"]}
    for name in ("config.json", "tokenizer_config.json"):
        data = json.loads((folder / name).read_text())
        data["auto_map"] = names
        if inside and name == "config.json":
            data["encoder"]["auto_map"] = names
        (folder / name).write_text(json.dumps(data))


def test_code_in_a_model_folder_is_never_run(folder: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    laid(folder, tmp_path / "ran", inside=True)
    assert hiernlp.load(folder, device="cpu")(TEXT, probabilities=True).to_dict() == expected
    for trust in (None, False, True):
        model = AutoModel.from_pretrained(folder, trust_remote_code=trust)
        assert model.analyzer(TEXT, probabilities=True).to_dict() == expected
    assert not (tmp_path / "ran").exists()


def test_code_beside_an_encoder_is_never_run(tiny_encoder: Path, tmp_path: Path) -> None:
    encoder = Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    laid(encoder, tmp_path / "ran", inside=False)
    Encoder.from_pretrained(str(encoder))
    SubwordEncoder.from_pretrained(encoder, limit=64, config=load_config(str(encoder)))
    config = json.loads((encoder / "config.json").read_text())
    (encoder / "config.json").write_text(json.dumps(config | {"model_type": "never-heard-of"}))
    with pytest.raises(HierNLPError, match=r"encoder\.name: no encoder can be loaded"):
        Encoder.from_pretrained(str(encoder))
    assert not (tmp_path / "ran").exists()


def test_the_pipeline_takes_texts_and_gives_dictionaries(
    trained: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    analyse = pipeline("hiernlp-analysis", model=str(trained), device="cpu", probabilities=True)
    assert analyse(TEXT) == expected
    assert json.loads(json.dumps(analyse(TEXT))) == expected
    # Several share batches, as they do in the library, which moves probabilities in their last digits.
    several = Analyzer.load(trained, device="cpu").documents([TEXT, "", TEXT], probabilities=True)
    assert analyse([TEXT, "", TEXT], batch_size=2) == [document.to_dict() for document in several]
    assert analyse([]) == []
    stream = analyse(text for text in [TEXT])
    assert not isinstance(stream, list)
    assert list(stream) == [expected]
    alone = analyse(TEXT, tasks=["upos"], probabilities=False)
    assert [set(s["annotations"]) for s in alone["sentences"]] == [{"upos"}, {"upos"}]
    assert analyse(("the", "cat"), tasks=["upos"])["sentences"][0]["words"] == ["the", "cat"]
    with pytest.raises(HierNLPError, match="task: the pipeline has no such option; it has tasks"):
        analyse(TEXT, task=["upos"])
    analyse.save_pretrained(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.py"))
    assert hiernlp.load(tmp_path / "saved", device="cpu")(TEXT, probabilities=True).to_dict() == expected
    made = pipeline("hiernlp-analysis", model=AutoModel.from_pretrained(trained), device="cpu")
    assert made(TEXT) == hiernlp.load(trained, device="cpu")(TEXT).to_dict()


def test_what_is_pushed_is_the_saved_folder(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[Any] = []

    def push(folder: Any, repo: str, **options: Any) -> str:
        sent.append((repo, options, {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file()}))
        return "address"

    monkeypatch.setattr(module, "push", push)
    model = HierNLPModel.from_pretrained(trained)
    files = {p.name: p.read_bytes() for p in trained.iterdir() if p.is_file()}
    assert model.push_to_hub("toy", private=True, token="t", max_shard_size="1GB") == "address"
    repo, options, found = sent.pop()
    assert (repo, options["private"], options["token"], found) == ("toy", True, "t", files)
    model.save_pretrained(tmp_path / "toy", push_to_hub=True)
    assert (sent[0][0], sent[0][2]) == ("toy", files)


def test_importing_the_library_imports_none_of_the_heavy_ones() -> None:
    code = (
        "import sys, hiernlp; print(sorted({'torch', 'transformers', 'spacy', 'huggingface_hub'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
