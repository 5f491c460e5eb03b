"""The command ``export``, and the commands that take what it makes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hiernlp.experiment import Run
from hiernlp.hub import save_bundle
from hiernlp.recipe.files import validate_recipe

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def model(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model, one task of which reads pairs."""
    path = tmp_path_factory.mktemp("exporting") / "model"
    save_bundle(Run(validate_recipe(recipe_data(["upos", "shared"])), path).experiment.bundle, path)
    return path


def test_an_export_is_checked_and_used(cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, graphs = tmp_path / "text.txt", tmp_path / "graphs"
    text.write_text("The cat sees a dog. Mary liked the bird.", encoding="utf-8")
    result = cli("export", model, "--output", graphs, "--check", text)
    assert result.code == 0, result.err
    rows = [[cell.strip() for cell in line.strip("│").split("│")][:4] for line in result.out.splitlines()]
    assert ["upos", "1", "11", "100.00"] in rows
    assert ["shared", "2", "2", "100.00"] in rows
    assert f"graphs in {graphs}" in result.out
    results = [cli("analyze", source, text, "--format", "json", "--device", "cpu") for source in (model, graphs)]
    assert [r.code for r in results] == [0, 0]
    first, second = (json.loads(r.out) for r in results)
    assert first == second
    annotated = tmp_path / "annotated.jsonl"
    assert cli("annotate", graphs, text, "--output", annotated).code == 0
    assert len(annotated.read_text(encoding="utf-8").splitlines()) == 1
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("The cat sees a dog.\tA dog.\n", encoding="utf-8")
    results = [cli("analyze", source, pairs, "--input", "pairs", "--format", "json") for source in (model, graphs)]
    first, second = (json.loads(r.out)["sentences"][0]["annotations"] for r in results)
    assert second["shared"] == pytest.approx(first["shared"], abs=1e-4)
    for command in (["analyze", graphs, text], ["serve", graphs, "--port", "0"], ["evaluate", graphs]):
        for choice in (["--precision", "bfloat16"], ["--device", "cuda"]):
            refused = cli(*command, *choice)
            assert refused.code == 2
            assert f"{' '.join(choice).removeprefix('--')}: {graphs} is an export" in refused.err
    refused = cli("analyze", graphs, text, "--compile", "--precision", "int8")
    assert f"compile and precision int8: {graphs} is an export" in refused.err
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    lacking = cli("analyze", graphs, text, "--picture", tmp_path / "picture.png")
    assert (lacking.code, "takes matplotlib, which is not installed" in lacking.err) == (2, True)
    again = cli("export", graphs, "--output", tmp_path / "again")
    assert again.code == 2
    assert "config.json" in again.err


def test_graphs_score_as_the_model_does(cli: Cli, model: Path, tmp_path: Path, corpora: Path) -> None:
    graphs = tmp_path / "graphs"
    assert cli("export", model, "--output", graphs).code == 0
    results = [cli("evaluate", source, "--json", "--device", "cpu") for source in (model, graphs)]
    assert [r.code for r in results] == [0, 0], [r.err for r in results]
    ours, theirs = (json.loads(r.out) for r in results)
    assert theirs["corpora"] == ours["corpora"]
    assert theirs["tasks"]["upos"] == ours["tasks"]["upos"]
    assert theirs["tasks"]["shared"]["values"] == pytest.approx(ours["tasks"]["shared"]["values"], abs=1e-4)
    (graphs / "recipe.yaml").write_text("", encoding="utf-8")
    missing = cli("evaluate", graphs)
    assert (missing.code, "recipe.yaml" in missing.err) == (2, True)


def test_mistakes_are_one_line_and_write_nothing(
    cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = cli("export", model, "--output", tmp_path / "graphs", "--tasks", "upso")
    assert result.code == 2
    assert "there is no task 'upso'" in result.err
    result = cli("export", model, "--output", model, "--tasks", "upos")
    assert result.code == 2
    assert "found a model folder" in result.err
    (tmp_path / "empty.txt").write_text(" ")
    result = cli("export", model, "--output", tmp_path / "graphs", "--tasks", "upos", "--check", tmp_path / "empty.txt")
    assert (result.code, "no words" in result.err) == (2, True)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    result = cli("export", model, "--output", tmp_path / "graphs", "--tasks", "upos")
    assert result.code == 2
    assert "pip install 'hiernlp[onnx]'" in result.err
    assert not (tmp_path / "graphs").exists()
