"""What the tests of graphs share: a tiny model of all kinds that are exported, and its graphs, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from hiernlp.experiment import Run
from hiernlp.graphs.exporter import export
from hiernlp.hub import Bundle
from hiernlp.recipe.files import validate_recipe

SINGLE = ["upos", "xpos", "lemmas", "feats", "chunks", "entities", "dependencies", "type", "mood", "length", "topics"]
FEEDS: list[dict[str, Any]] = [
    {"from": "upos"},
    {"from": "xpos", "to": ["dependencies", "type"]},
    {"from": "dependencies", "to": ["encoder", "type"]},
    {"from": "entities", "to": "mood"},
    {"from": "chunks"},
    {"from": "length", "to": "topics"},
]


class Exported(NamedTuple):
    """A model and the folder of its graphs."""

    bundle: Bundle
    folder: Path


def shaken(bundle: Bundle) -> Bundle:
    """Let everything matter that training begins with at zero."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in bundle.model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    bundle.model.eval()
    return bundle


def analyzer_of_graphs(bundle: Bundle, folder: Path) -> Any:
    """Return an analyzer by the graphs of a model, made in an empty folder; skip the test where the extra is absent."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from hiernlp.graphs.analyzer import OnnxAnalyzer

    export(bundle, folder)
    return OnnxAnalyzer(folder, threads=1)


@pytest.fixture(scope="session")
def make_bundle(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that makes an untrained model of some tasks, in which every parameter matters."""

    def make(tasks: list[str], *, feeds: list[dict[str, Any]] | None = None, **encoding: Any) -> Bundle:
        data = recipe_data(tasks, feeds=feeds)
        if "mood" in tasks:
            options = {"column": "mood", "pool": "attention", "order": ["plain", "happy"]}
            data["tasks"]["mood"] = {"kind": "ordinal_labels", "options": options, "place": 4}
        data["encoding"] = encoding
        run = Run(validate_recipe(data), tmp_path_factory.mktemp("graphs") / "model")
        return shaken(run.experiment.bundle)

    return make


@pytest.fixture(scope="session")
def exported(make_bundle: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Return a model with a task of every kind and all sorts of feeds, and its graphs."""
    bundle = make_bundle(SINGLE, feeds=FEEDS, letter_case=True, subword="mean")
    folder = tmp_path_factory.mktemp("exported")
    export(bundle, folder)
    return Exported(bundle, folder)
