"""Recipes and tasks as YAML files: variants, overrides, and where they are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from hiernlp.errors import RecipeError, did_you_mean
from hiernlp.recipe.settings import Recipe
from hiernlp.registry import auxiliary, balancing, gating, kinds, readers, sharing
from hiernlp.settings import Settings, validate

EXTENDS = "extends"
FOLDERS = "__folders"


def bundled_folder() -> Path:
    """Return the folder of the task files, recipes and sample that come with the library."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "tasks"


def available_tasks() -> dict[str, Path]:
    """Return the bundled task files by name."""
    return {path.stem: path for path in sorted(bundled_folder().glob("*.yaml"))}


def available_recipes() -> dict[str, Path]:
    """Return the bundled recipes by name."""
    return {path.stem: path for path in sorted((bundled_folder() / "recipes").glob("*.yaml"))}


def find_recipe(name: str | Path) -> Path:
    """Return the file of a recipe given by path or by the name of a bundled one.

    Raises:
        RecipeError: there is no such file or recipe.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    bundled = available_recipes()
    if str(name) in bundled:
        return bundled[str(name)]
    siblings = [str(path.parent / p.name) for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    raise RecipeError(
        f"{name}: there is no such recipe file, nor a bundled recipe of this name"
        f"{did_you_mean(str(name), [*siblings, *bundled])}"
    )


def load_recipe(name: str | Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read and validate a recipe.

    Args:
        name: a file, or the name of a bundled recipe.
        overrides: ``dotted.path=value`` each, the value in YAML; applied after ``extends``.

    Raises:
        RecipeError: the first mistake, with its dotted path.
    """
    data = _read_extended(find_recipe(name), ())
    for override in overrides:
        path, equals, value = override.partition("=")
        if not equals or not all(path.split(".")):
            raise RecipeError(f"--set {override}: expected dotted.path=value, such as training.epochs=3")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {override}: the value is not YAML ({_yaml_problem(error)})") from None
        _set(data, path.split("."), parsed, override)
    return validate_recipe(_resolve_tasks(data))


def validate_recipe(data: Mapping[str, Any]) -> Recipe:
    """Validate a whole recipe, the components' own settings included, which take their defaults.

    Raises:
        RecipeError: the first mistake, with its dotted path.
    """
    recipe = validate(Recipe, _with_hints(data))
    dumped = recipe.model_dump(by_alias=True)
    for task, settings in recipe.tasks.items():
        if settings.hint is not None:
            dumped["tasks"][task]["hint"]["options"] = _options(
                auxiliary, settings.hint.maker, settings.hint.options, f"tasks.{task}.hint"
            )
        if settings.gate is not None:
            dumped["tasks"][task]["gate"]["options"] = _options(
                gating, settings.gate.method, settings.gate.options, f"tasks.{task}.gate"
            )
        dumped["tasks"][task]["options"] = _options(kinds, settings.kind, settings.options, f"tasks.{task}")
    for corpus, settings in recipe.corpora.items():
        dumped["corpora"][corpus]["options"] = _options(readers, settings.reader, settings.options, f"corpora.{corpus}")
    chosen = recipe.sharing, recipe.balancing
    dumped["sharing"]["options"] = _options(sharing, chosen[0].scheme, chosen[0].options, "sharing")
    dumped["balancing"]["options"] = _options(balancing, chosen[1].method, chosen[1].options, "balancing")
    return validate(Recipe, dumped)


def _with_hints(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a recipe in which tasks learnt from hints have what their makers say: kind, column, being auxiliary."""
    tasks = data.get("tasks")
    if not isinstance(tasks, Mapping):
        return data
    return {**data, "tasks": {name: _with_hint(str(name), task) for name, task in tasks.items()}}


def _with_hint(name: str, task: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    hint = task.get("hint") if isinstance(task, Mapping) else None
    maker = hint.get("maker") if isinstance(hint, Mapping) else None
    options = task.get("options", {}) if isinstance(task, Mapping) else None
    if maker not in auxiliary.names() or not isinstance(options, Mapping):
        return task  # validation says what is wrong, if anything is
    made = auxiliary.load(maker)
    given = {"kind": made.kind, "auxiliary": True, **task}
    if made.view and isinstance(task.get("view", {}), Mapping):
        given["view"] = {**made.view, **task.get("view", {})}
    if given["kind"] in kinds.names() and "column" in kinds.load(given["kind"]).Options.model_fields:
        given["options"] = {"column": name, **options}
    return given


def _options(room: Any, name: str, options: Mapping[str, Any], path: str) -> dict[str, Any]:  # noqa: ANN401
    model: type[Settings] = room.load(name).Options
    return validate(model, options, path=f"{path}.options").model_dump(by_alias=True)


def _read_extended(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file and all that it extends; its paths become absolute, and the folders passed are kept for tasks."""
    path = path.resolve()
    if path in above:
        raise RecipeError(f"extends: {path.name} extends itself, by way of {' and '.join(p.name for p in above)}")
    data = _read_yaml(path)
    _absolute_sources(data, path.parent)
    parents = data.pop(EXTENDS, [])
    merged: dict[str, Any] = {}
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise RecipeError(f"extends: expected the name of a recipe file or a list of names, found {parents!r}")
    for parent in parents:
        merged = _merge(merged, _read_extended(_find_parent(parent, path), (*above, path)))
    merged.setdefault(FOLDERS, []).insert(0, path.parent)
    return _merge(merged, data)


def _find_parent(parent: str, path: Path) -> Path:
    """Return the file that a recipe extends: one beside it, or else a bundled recipe."""
    beside = path.parent / parent
    bundled = available_recipes()
    for file in (beside, beside.with_name(f"{beside.name}.yaml"), bundled.get(parent, beside)):
        if file.is_file():
            return file
    near = [p.name if Path(parent).suffix else p.stem for p in path.parent.glob("*.yaml") if p != path]
    raise RecipeError(
        f"extends: there is no recipe {parent!r} beside {path.name}, nor a bundled one of this name"
        f"{did_you_mean(parent, [*near, *bundled])}"
    )


def _merge(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``changes``: mappings are merged, null removes, anything else replaces."""
    merged = dict(base)
    for key, value in changes.items():
        if key == FOLDERS:
            merged[key] = [*merged.get(key, []), *value]
        elif value is None and key in merged:
            del merged[key]
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _resolve_tasks(data: dict[str, Any]) -> dict[str, Any]:
    folders = [f for folder in data.pop(FOLDERS) for f in (folder, folder.parent)]
    folders.append(bundled_folder())
    tasks = data.get("tasks")
    if not isinstance(tasks, Mapping):
        return data
    data["tasks"] = {name: _resolve_task(str(name), given, folders) for name, given in tasks.items()}
    return data


def _resolve_task(name: str, given: Any, folders: list[Path]) -> Any:  # noqa: ANN401
    given = {} if given is None else given
    if not isinstance(given, Mapping) or (("kind" in given or "hint" in given) and "file" not in given):
        return given
    changes = dict(given)
    wanted = str(changes.pop("file", f"{name}.yaml"))
    for folder in folders:
        if (folder / wanted).is_file():
            found = _read_yaml(folder / wanted)
            _absolute_sources({"tasks": {name: found}}, folder)
            return _merge(found, changes)
    choices = [path.stem for folder in folders for path in folder.glob("*.yaml")]
    raise RecipeError(
        f"tasks.{name}: there is no task file {wanted!r}, and the task is not given inline (it has no `kind`)"
        f"{did_you_mean(wanted.removesuffix('.yaml'), choices)}"
    )


def _absolute_sources(data: Mapping[str, Any], folder: Path) -> None:
    """Make a file's paths absolute, so that a recipe can be extended from another folder."""
    training = data.get("training")
    if isinstance(training, dict) and isinstance(training.get("single_scores"), str):
        training["single_scores"] = str(folder / Path(training["single_scores"]).expanduser())
    if isinstance(training, dict) and "teachers" in training:
        training["teachers"] = _absolute_models(training["teachers"], folder)
    corpora = data.get("corpora")
    tasks = data.get("tasks")
    for task in tasks.values() if isinstance(tasks, Mapping) else []:
        hint, view = (task.get(key) if isinstance(task, dict) else None for key in ("hint", "view"))
        options = hint.get("options") if isinstance(hint, dict) else None
        for holder, key in ((options, "words"), (view, "hide")):
            if isinstance(holder, dict) and isinstance(holder.get(key), str):
                file = folder / Path(holder[key]).expanduser()
                holder[key] = str(file) if file.is_file() else holder[key]
    for corpus in corpora.values() if isinstance(corpora, Mapping) else []:
        if not isinstance(corpus, dict) or corpus.get("reader") == "hub":
            continue
        for split in ("train", "dev", "test"):
            value = corpus.get(split)
            if isinstance(value, str):
                corpus[split] = str(folder / Path(value).expanduser())
            elif isinstance(value, list):
                corpus[split] = [str(folder / Path(v).expanduser()) if isinstance(v, str) else v for v in value]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML ({_yaml_problem(error)})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from None
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: expected a mapping of keys to values, found {type(data).__name__}")
    return data


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem}, line {mark.line + 1}" if mark else problem


def _set(data: dict[str, Any], path: list[str], value: Any, override: str) -> None:  # noqa: ANN401
    node: Any = data
    for at, part in enumerate(path):
        if not isinstance(node, dict | list):
            raise RecipeError(f"--set {override}: {'.'.join(path[:at])} is a value, not a section")
        key: Any = _index(node, part, override) if isinstance(node, list) else part
        if at < len(path) - 1:
            if isinstance(node, dict) and node.get(key) is None:
                node[key] = {}
            node = node[key]
        elif value is None and isinstance(node, dict):
            node.pop(key, None)
        else:
            node[key] = value


def _index(node: list[Any], part: str, override: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise RecipeError(f"--set {override}: expected a number from 0 to {len(node) - 1}, found {part!r}")
    return int(part)


def _absolute_models(given: object, folder: Path) -> object:
    """Return a model's name, or all those in a list or a mapping, as paths if they lie beside a file.

    Whatever else is named, as a hub id, stays as it is.
    """
    if isinstance(given, dict):
        return {key: _absolute_models(each, folder) for key, each in given.items()}
    if isinstance(given, list):
        return [_absolute_models(each, folder) for each in given]
    path = folder / Path(given).expanduser() if isinstance(given, str) else None
    return given if path is None or not path.is_dir() else str(path)
