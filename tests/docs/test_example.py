"""The example notebook: its cells run, in order, with a model of the toy language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from hiernlp.experiment import Run
from hiernlp.recipe.files import validate_recipe

NOTEBOOK = Path(__file__).parents[2] / "docs" / "example.ipynb"
TASKS = ["upos", "chunks", "entities", "dependencies", "type"]


def test_it_is_valid_and_was_run_without_errors() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for output in (output for cell in cells for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_its_cells_run(
    recipe_data: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = recipe_data(TASKS, feeds=[], epochs=1)
    # The notebook's columns of sentences are those of the bundled sample.
    data["tasks"] = {
        ("sentence_type" if task == "type" else task): settings for task, settings in data["tasks"].items()
    }
    list(Run(validate_recipe(data), tmp_path / "model").events())
    monkeypatch.setenv("HIERNLP_MODEL", str(tmp_path / "model"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [
        output.data
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    assert any("<svg" in data.get("text/html", "") for data in shown)
    assert any("image/png" in data for data in shown)
