"""What there is: tasks, recipes and the schema."""

from __future__ import annotations

import json
import sys

import yaml
from rich.console import Console
from rich.table import Table

from hiernlp.recipe.files import available_recipes, available_tasks


def list_tasks() -> None:
    """Print the bundled tasks."""
    table = Table("task", "kind", "place", "what it is", box=None, pad_edge=False)
    for name, path in available_tasks().items():
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
        table.add_row(name, task["kind"], str(task.get("place", "top")), task.get("description", ""))
    Console().print(table)


def list_recipes() -> None:
    """Print the bundled recipes."""
    table = Table("recipe", "what it is for", box=None, pad_edge=False)
    for name, path in available_recipes().items():
        table.add_row(name, yaml.safe_load(path.read_text(encoding="utf-8")).get("description", ""))
    Console().print(table)


def print_schema() -> None:
    """Print the JSON schema of recipes."""
    from hiernlp.recipe.schema import json_schema  # noqa: PLC0415 - imports every component

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
    sys.stdout.flush()
