"""Morphological features as a string and as a mapping: ``Case=Nom|Number=Sing`` and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

UNIVERSAL = frozenset({
    "Abbr", "Animacy", "Aspect", "Case", "Definite", "Degree", "Evident", "Foreign", "Gender", "Mood", "NumType",
    "Number", "Person", "Polarity", "Polite", "Poss", "PronType", "Reflex", "Tense", "VerbForm", "Voice"
})  # fmt: skip
"""The features that the official CoNLL 2018 scorer compares; layered ones (``Number[psor]``) are not among them."""


def ordered(attributes: Iterable[str]) -> list[str]:
    """Return attributes in the order that UD demands, upper and lower case not told apart.

    Example:
        >>> ordered(["Number[psor]", "number", "Case", "Number"])
        ['Case', 'Number', 'number', 'Number[psor]']
    """
    return sorted(attributes, key=lambda name: (name.lower(), name))


def join(features: Mapping[str, str]) -> str:
    """Return features as a string; an empty one if there is none.

    Example:
        >>> join({"Number": "Sing", "Case": "Nom"})
        'Case=Nom|Number=Sing'
    """
    return "|".join(f"{name}={features[name]}" for name in ordered(features))


@lru_cache(maxsize=65536)
def split(features: str) -> Mapping[str, str]:
    """Return the values by attribute of a string of features; none of ``""`` or ``_``.

    Several values of one attribute are one value, sorted: ``PronType=Rel,Int`` is ``PronType=Int,Rel``.

    Raises:
        ValueError: a feature has no ``=``, no attribute or no value, or an attribute comes twice.

    Example:
        >>> dict(split("Case=Nom|PronType=Rel,Int"))
        {'Case': 'Nom', 'PronType': 'Int,Rel'}
    """
    found: dict[str, str] = {}
    for item in features.split("|") if features not in ("", "_") else ():
        name, _, value = item.partition("=")
        values = value.split(",")
        if not name or not all(values) or "=" in value:
            raise ValueError(f"expected features as Attribute=Value, separated by |, found {item!r} in {features!r}")
        if name in found:
            raise ValueError(f"the attribute {name!r} comes twice in {features!r}; join its values by commas")
        found[name] = ",".join(sorted(values, key=lambda v: (v.lower(), v)))
    return found
