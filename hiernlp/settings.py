"""What every component's own settings have in common, and how a mistake in them is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from hiernlp.errors import RecipeError, did_you_mean

SHOWN = 60
"""Characters of a wrong value that a message shows."""


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values are not changed after validation.

    Each component owns one subclass, nested in the recipe, often under ``options``; the docstring under a field becomes
    its description in the JSON schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_keys(cls, data: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        if isinstance(data, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key not in known:
                    raise PydanticCustomError(
                        "unknown_key",
                        "{text}",
                        {"text": f"unknown key{did_you_mean(str(key), known)}", "key": str(key)},
                    )
        return data


S = TypeVar("S", bound=BaseModel)


def validate(model: type[S], data: Any, *, path: str = "") -> S:  # noqa: ANN401 - whatever stands in the file
    """Return validated settings.

    Args:
        model: the class of the settings.
        data: what was given.
        path: dotted path of ``data`` in the recipe.

    Raises:
        RecipeError: the first mistake, in one sentence that begins with its dotted path.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise RecipeError(sentence(error.errors(), path=path)) from None


def sentence(errors: Sequence[ErrorDetails], *, path: str = "") -> str:
    """Return the first mistake that pydantic found, in one sentence that begins with its dotted path below ``path``."""

    # Of the members of a union, the one that the value came closest to has the longest path, and a string comes closest
    # to a choice of strings.
    def close(e: ErrorDetails) -> tuple[bool, bool, int]:
        return e["type"] == "unknown_key", e["type"] == "literal_error" and isinstance(e["input"], str), len(e["loc"])

    first = max(errors, key=close)
    parts = [part for part in first["loc"] if isinstance(part, int) or str(part).replace("_", "").isalnum()]
    key = (first.get("ctx") or {}).get("key")
    dotted = ".".join(str(part) for part in ([path] if path else []) + parts + ([key] if key is not None else []))
    where = f"{dotted}: " if dotted else ""  # a check of the whole says by itself where
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("unknown_key", "missing", "value_error"):
        return f"{where}{message[0].lower() + message[1:] if message else 'not valid'}"
    found = repr(first["input"])
    shown = found if len(found) <= SHOWN else f"{found[: SHOWN - 1]}…"
    return f"{where}{message[0].lower() + message[1:]}, found {shown}"
