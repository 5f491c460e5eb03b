"""The JSON schema: what editors are told is what the library takes."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hiernlp.recipe import available_recipes, available_tasks, json_schema
from hiernlp.recipe.settings import Recipe
from hiernlp.registry import Room, balancing, gating, kinds, readers, sharing
from hiernlp.settings import Settings

ROOMS = {"TaskSettings": ("kind", kinds), "CorpusSettings": ("reader", readers), "SharingSettings": ("scheme", sharing),
         "BalancingSettings": ("method", balancing), "GateSettings": ("method", gating)}  # fmt: skip


def parts(room: Room) -> Iterator[type[Settings]]:
    for name in room.names():
        yield room.load(name).Options


def settings_classes() -> set[type[Settings]]:
    from hiernlp.training.settings import TrainingSettings  # noqa: F401 - so that it is among the subclasses

    for _, room in ROOMS.values():
        list(parts(room))
    found: set[type[Settings]] = set()
    waiting = [Settings]
    while waiting:
        waiting += (below := waiting.pop().__subclasses__())
        found |= set(below)
    return {c for c in found if c.__module__.startswith("hiernlp.")}


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema()
    json.dumps(schema)

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    assert {r.removeprefix("#/$defs/") for r in references(schema)} <= set(schema["$defs"])
    assert all(r.startswith("#/$defs/") for r in references(schema))


@pytest.mark.parametrize("definition", ROOMS)
def test_each_part_has_its_own_options(definition: str) -> None:
    key, room = ROOMS[definition]
    schema = json_schema()
    target = schema["$defs"][definition]
    assert target["properties"][key]["enum"] == room.names()
    cases = {case["if"]["properties"][key]["const"]: case["then"]["properties"]["options"] for case in target["allOf"]}
    for name in room.names():
        options = schema["$defs"][cases[name]["$ref"].removeprefix("#/$defs/")]
        model = room.load(name).Options
        assert set(options.get("properties", {})) == {f.alias or n for n, f in model.model_fields.items()}
        assert options["additionalProperties"] is False


def test_every_setting_is_explained() -> None:
    for model in settings_classes():
        assert model.__doc__, model
        for name, field in model.model_fields.items():
            if model is Recipe and name not in ("description", "language"):
                continue  # its sections explain themselves
            assert field.description, f"{model.__name__}.{name} has no explanation"


def allowed(schema: dict[str, Any], definition: dict[str, Any], data: Any, path: str) -> None:
    """Check keys against the schema, by hand."""
    if not isinstance(data, dict) or "properties" not in definition:
        return
    for key, value in data.items():
        assert key in definition["properties"], f"{path}.{key}"
        reference = definition["properties"][key].get("$ref", "").removeprefix("#/$defs/")
        if reference:
            allowed(schema, schema["$defs"][reference], value, f"{path}.{key}")


@pytest.mark.parametrize("name", available_recipes())
def test_bundled_recipes_keep_to_it(name: str) -> None:
    schema = json_schema()
    data = yaml.safe_load(available_recipes()[name].read_text(encoding="utf-8"))
    allowed(schema, schema, data, name)
    if importlib.util.find_spec("jsonschema"):
        importlib.import_module("jsonschema").validate(data, schema)


@pytest.mark.parametrize("name", available_tasks())
def test_bundled_tasks_keep_to_it(name: str) -> None:
    schema = json_schema()
    allowed(schema, schema["$defs"]["TaskSettings"], yaml.safe_load(available_tasks()[name].read_text("utf-8")), name)


def test_what_may_be_left_out_of_a_file() -> None:
    schema = json_schema()
    assert "required" not in schema
    assert "required" not in schema["$defs"]["TaskSettings"]
    assert {"extends", "tasks", "corpora"} <= set(schema["properties"])
    assert "file" in schema["$defs"]["TaskSettings"]["properties"]
