"""The library's rooms: a room imports only what stands before it, at module level and inside functions alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import hiernlp

ROOT = Path(hiernlp.__file__).resolve().parent
ORDER = [
    "version",
    "errors",
    "settings",
    "registry",
    "files",
    "figures",
    "segmentation",
    "corpora",
    "processor",
    "encoder",
    "encoding",
    "decoding",
    "predictor",
    "kinds",
    "auxiliary",
    "pairs",
    "modules",
    "hierarchy",
    "agreement",
    "sharing",
    "model",
    "threads",
    "prediction",
    "balancing",
    "gating",
    "training",
    "hub",
    "probing",
    "recipe",
    "experiment",
    "comparison",
    "insight",
    "inference",
    "graphs",
    "integrations",
    "server",
    "cli",
]
"""All rooms, each above those that may import it."""


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in sorted(ROOT.rglob("*.py")):
        inside = file.relative_to(ROOT)
        found.setdefault(inside.parts[0].removesuffix(".py"), []).append(file)
    found.pop("__init__")  # the front door, which opens rooms when asked
    found.pop("bundled", None)
    return found


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the room of every import of the library, those for type checking alone left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}, line {node.lineno}: a relative import"
            names = [
                f"{node.module}.{alias.name}" if node.module == "hiernlp" else str(node.module) for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "hiernlp" and len(parts) > 1:
                yield node.lineno, parts[1]


def test_every_room_has_its_place() -> None:
    assert set(rooms()) == set(ORDER)


def test_no_room_imports_one_below_it() -> None:
    backward = [
        f"{file.relative_to(ROOT)}, line {line}: {room} imports {other}"
        for room, files in rooms().items()
        for file in files
        for line, other in imports(file)
        if other in ORDER and ORDER.index(other) > ORDER.index(room)
    ]
    assert not backward, "\n".join(backward)


def test_kinds_are_named_nowhere_else() -> None:
    names = {file.stem for file in rooms()["kinds"] if not file.stem.startswith("_")}
    for room, files in rooms().items():
        if room == "kinds":
            continue
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Compare):
                    said = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                    assert not said & names, f"{file}, line {node.lineno}: a kind is asked for by name"
