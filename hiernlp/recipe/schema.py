"""The JSON schema of recipe files, by which editors complete and check them."""

from __future__ import annotations

from typing import Any

from hiernlp.recipe.settings import Recipe
from hiernlp.registry import Room, auxiliary, balancing, gating, kinds, readers, sharing


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a recipe file.

    Beyond the validated recipe, a file may have ``extends``, and a task may leave out its kind or name a ``file``.
    """
    schema = Recipe.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "hiernlp recipe"
    schema["properties"]["extends"] = {
        "description": "A recipe file, or several, that this one changes.",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    schema.pop("required", None)
    definitions = schema["$defs"]
    task = definitions["TaskSettings"]
    task.pop("required", None)
    task["properties"]["file"] = {"type": "string", "description": "A task file other than <name>.yaml."}
    tasks = schema["properties"]["tasks"]
    tasks["additionalProperties"] = {"anyOf": [{"$ref": "#/$defs/TaskSettings"}, {"type": "null"}]}
    for definition, key, room in [
        ("TaskSettings", "kind", kinds),
        ("HintSettings", "maker", auxiliary),
        ("CorpusSettings", "reader", readers),
        ("SharingSettings", "scheme", sharing),
        ("BalancingSettings", "method", balancing),
        ("GateSettings", "method", gating),
    ]:
        _add_options(definitions, definition, key, room)
    definitions["CorpusSettings"].pop("required", None)
    return schema


def _add_options(definitions: dict[str, Any], definition: str, key: str, room: Room) -> None:
    """Let the chosen part decide what its ``options`` may be."""
    target = definitions[definition]
    target["properties"][key]["enum"] = room.names()
    cases = []
    for name in room.names():
        options = room.load(name).Options.model_json_schema(by_alias=True)
        definitions |= options.pop("$defs", {})
        title = options["title"]
        options.pop("required", None)
        definitions[title] = options
        cases.append(
            {
                "if": {"properties": {key: {"const": name}}, "required": [key]},
                "then": {"properties": {"options": {"$ref": f"#/$defs/{title}"}}},
            }
        )
    target["allOf"] = cases
