"""Pushing: what goes to the hub, what stays, and what the hub's refusals become; nothing here reaches the network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import HfHubHTTPError, HTTPError
from huggingface_hub.utils import filter_repo_objects

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.experiment import Run
from hiernlp.hub.push import push
from hiernlp.recipe.files import validate_recipe


@pytest.fixture(scope="module")
def trained(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("push") / "model"
    list(Run(validate_recipe(recipe_data(["upos"], epochs=1)), path).events())
    return path


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


class Hub:
    """Stands in for the hub: records what it is asked, and may refuse."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.refusal: Exception | None = None

    def create_repo(self, api: HfApi, repo: str, **options: Any) -> SimpleNamespace:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(("create_repo", {"repo": repo, "token": api.token, **options}))
        return SimpleNamespace(repo_id=f"me/{repo}")

    def upload_folder(self, api: HfApi, **options: Any) -> SimpleNamespace:
        lying = [str(p.relative_to(options["folder_path"])) for p in Path(options["folder_path"]).rglob("*")]
        files = sorted(filter_repo_objects(lying, ignore_patterns=options["ignore_patterns"]))
        self.asked.append(("upload_folder", options | {"files": files}))
        return SimpleNamespace(commit_url=f"https://example.org/{options['repo_id']}")

    def validate(self, card: ModelCard, repo_type: str | None = None) -> None:
        self.asked.append(("validate", card.data.library_name))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub()
    for owner, names in ((HfApi, ("create_repo", "upload_folder")), (ModelCard, ("validate",))):
        for name in names:
            method = getattr(made, name)
            monkeypatch.setattr(owner, name, lambda self, *a, _method=method, **k: _method(self, *a, **k))
    return made


def test_the_model_goes_and_the_training_stays(folder: Path, hub: Hub) -> None:
    (folder / "old.bin").write_bytes(b"")
    (folder / ".hidden").write_text("")
    assert push(folder, "toy", private=True, token="t", revision="r") == "https://example.org/me/toy"
    (_, card), (_, made), (_, sent) = hub.asked
    assert card == "hiernlp"
    assert made == {"repo": "toy", "token": "t", "private": True, "exist_ok": True}
    assert (sent["repo_id"], sent["revision"]) == ("me/toy", "r")
    expected = {"README.md", "config.json", "layers.png", "model.safetensors", "recipe.yaml", "scores.json"}
    assert {f for f in sent["files"] if not f.startswith("tokenizer")} - {"training"} == expected
    assert "tokenizer.json" in sent["files"]


def test_nothing_that_does_not_load_is_published(folder: Path, hub: Hub, tmp_path: Path) -> None:
    (folder / "README.md").unlink()
    with pytest.raises(ModelFolderError, match="there is no card; write it by `hiernlp card"):
        push(folder, "toy")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match="the weights cannot be read"):
        push(folder, "toy")
    with pytest.raises(ModelFolderError, match="expected a model folder, found nothing"):
        push(tmp_path / "none", "toy")
    assert hub.asked == []


def test_what_the_hub_refuses_is_one_sentence(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    response: Any = SimpleNamespace(status_code=403, headers={}, request=None)
    for refusal in (
        HfHubHTTPError("403 Forbidden\nmore", response=response),
        HTTPError("no way there"),
        OSError("no way there"),
    ):
        hub.refusal = refusal
        with pytest.raises(HierNLPError, match=r"^toy: the hub did not take the model \((403|no way)") as error:
            push(folder, "toy")
        assert "\n" not in str(error.value)

    def invalid(card: ModelCard, repo_type: str | None = None) -> None:
        raise ValueError('- Error: "license"\nmust be one of')

    monkeypatch.setattr(ModelCard, "validate", invalid)
    with pytest.raises(
        ModelFolderError, match=r'README.md: the hub finds the card not valid \(- Error: "license" must'
    ):
        push(folder, "toy")


def test_a_name_that_cannot_be(folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils import validate_repo_id

    monkeypatch.setattr(HfApi, "create_repo", lambda self, repo, **_: validate_repo_id(repo))
    with pytest.raises(HierNLPError, match="the hub did not take the model"):
        push(folder, "not/a/name")
