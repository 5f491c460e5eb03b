"""Every mistake in a recipe is one sentence that begins with its dotted path and names close matches."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hiernlp.errors import RecipeError
from hiernlp.recipe import load_recipe


def put(data: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    node: Any = data
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value


MISTAKES: list[tuple[str, Any, str]] = [
    # unknown keys at each level
    ("trainning", {}, r"^trainning: unknown key; did you mean 'training'\?$"),
    ("training.epoch", 3, r"^training.epoch: unknown key; did you mean 'epochs'\?$"),
    ("encoder.nam", "x", r"^encoder.nam: unknown key; did you mean 'name'"),
    ("encoding.windw", 9, r"^encoding.windw: unknown key; did you mean 'window'"),
    ("corpora.ud.trian", "x", r"^corpora.ud.trian: unknown key; did you mean 'train'"),
    ("corpora.ud.split", {"devv": 0.1}, r"^corpora.ud.split.devv: unknown key; did you mean 'dev'"),
    ("corpora.ud.options", {"subtype": False}, r"^corpora.ud.options.subtype: unknown key; did you mean 'subtypes'"),
    ("tasks.upos.plce", 1, r"^tasks.upos.plce: unknown key; did you mean 'place'"),
    ("tasks.upos.options.colunm", "x", r"^tasks.upos.options.colunm: unknown key; did you mean 'column'"),
    ("tasks.trees.options", {"arc_sise": 3}, r"^tasks.trees.options.arc_sise: unknown key; did you mean 'arc_size'"),
    ("feeds.0.gradiant", "x", r"^feeds.0.gradiant: unknown key; did you mean 'gradient'"),
    ("sharing.schema", "hard", r"^sharing.schema: unknown key; did you mean 'scheme'"),
    ("sharing.options", {"x": 1}, r"^sharing.options.x: unknown key$"),
    ("balancing.options", {"x": 1}, r"^balancing.options.x: unknown key$"),
    ("sampling.temprature", 2, r"^sampling.temprature: unknown key; did you mean 'temperature'"),
    # values of the wrong type or size
    ("training.epochs", "three", r"^training.epochs: .*integer.*, found 'three'$"),
    ("training.epochs", 0, r"^training.epochs: .*greater than or equal to 1, found 0$"),
    ("training.precision", "bf16", r"^training.precision: .*'bfloat16'.*, found 'bf16'$"),
    ("training.schedule", "linar", r"^training.schedule: .*'linear'.*found 'linar'$"),
    ("training.betas", [0.9], r"^training.betas.*"),
    ("training.warmup", 1.0, r"^training.warmup: .*less than 1"),
    ("tasks.upos.weight", -1, r"^tasks.upos.weight: .*greater than or equal to 0, found -1$"),
    ("tasks.upos.place", "midle", r"^tasks.upos.place.*'middle'.*found 'midle'"),
    ("tasks.upos.place", 1.5, r"^tasks.upos.place.*found 1.5"),
    ("tasks.upos.place", -1, r"^tasks.upos.place.*found -1"),
    ("tasks.upos.place", {"mix": [1, 2, 3]}, r"^tasks.upos.place.*mix"),
    ("tasks.upos.options.dropout", 2, r"^tasks.upos.options.dropout: .*less than 1, found 2$"),
    ("tasks.upos", 7, r"^tasks.upos: .*found 7$"),
    ("tasks", [], r"^tasks: .*found \[\]$"),
    ("tasks", {}, r"^tasks: .*at least 1 item"),
    ("feeds", {"from": "upos"}, r"^feeds: .*list"),
    ("encoder", "minilm", r"^encoder: .*found 'minilm'$"),
    ("encoding.window", 3, r"^encoding.window: .*greater than or equal to 8"),
    # names
    (
        "tasks.upos.kind",
        "token_lables",
        r"^tasks.upos.kind: there is no kind 'token_lables'; did you mean 'token_labels' or 'ordinal_labels'\?$",
    ),
    ("corpora.ud.reader", "conll-u", r"^corpora.ud.reader: there is no reader 'conll-u'; did you mean 'conllu'\?$"),
    ("sharing.scheme", "herd", r"^sharing.scheme: there is no sharing scheme 'herd'; did you mean 'hard'\?$"),
    ("balancing.method", "fixt", r"^balancing.method: there is no balancing method 'fixt'; did you mean 'fixed'\?$"),
    ("feeds.0.from", "upso", r"^feeds.0.from: there is no task 'upso'; did you mean 'upos'\?$"),
    ("feeds.1.to", ["tree"], r"^feeds.1.to: there is no task 'tree'; did you mean 'trees'\?$"),
    ("feeds.0.to", ["trees"], r"^feeds.1: 'upos' is fed to 'trees' twice"),
    ("tasks.upos.corpora", ["us"], r"^tasks.upos.corpora: there is no corpus 'us'; choose from ud$"),
    (
        "training.select",
        "tree",
        r"^training.select: expected 'mean', 'gain', 'no_loss' or a task, found 'tree'; did you mean 'trees'\?$",
    ),
    ("tasks.gain", {"kind": "dependencies"}, r"^tasks.gain: expected another name, since training.select: gain means"),
    ("tasks.no_loss", {"kind": "dependencies"}, r"^tasks.no_loss: expected another name"),
    ("tasks.mean", {"kind": "dependencies"}, r"^tasks.mean: expected another name"),
    ("training.select", "gian", r"^training.select: .*found 'gian'; did you mean 'gain'"),
    (
        "training.single_scores",
        {"uppos": 0.9},
        r"^training.single_scores: there is no task 'uppos'; did you mean 'upos'",
    ),
    ("training.single_scores", {"upos": "high"}, r"^training.single_scores.upos: .*number.*found 'high'$"),
    ("training.single_scores", {"upos": float("nan")}, r"^training.single_scores.upos: .*finite.*found nan$"),
    ("tasks.encoder", {"kind": "dependencies"}, r"^tasks.encoder: expected a name of letters.*other than 'encoder'$"),
    ("tasks.a.b", None, r"^tasks.a"),
    ("corpora.ud.train", [], r"^corpora.ud: expected training data under `train`, found none$"),
    ("corpora.ud", {"train": "x"}, r"^corpora.ud.reader: .*required"),
    ("tasks.chunkz", None, r"^tasks.chunkz: there is no task file 'chunkz.yaml', and the task is not given inline"),
    ("tasks.depndencies", None, r"^tasks.depndencies: there is no task file .*; did you mean 'dependencies'\?$"),
    ("tasks.upos", {"file": "upoz.yaml"}, r"^tasks.upos: there is no task file 'upoz.yaml'.*did you mean 'upos'"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES, ids=[f"{p}={str(v)[:20]}" for p, v, _ in MISTAKES])
def test_mistakes(content: dict[str, Any], write: Callable[..., Path], path: str, value: Any, message: str) -> None:
    changed = copy.deepcopy(content)
    put(changed, path, value)
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(changed))
    assert "\n" not in str(error.value)
    assert "Value error" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", r"recipe.yaml: not valid YAML \(.*line \d+\)"),
        ("- a\n- b\n", "recipe.yaml: expected a mapping of keys to values, found list"),
        ("", "recipe.yaml: expected a mapping of keys to values, found NoneType"),
        ("{}", "corpora: .*required"),
        ("tasks: {x: {kind: dependencies}}\ncorpora: 3\n", "corpora: .*found 3"),
        ("tasks: 3\ncorpora: {x: {reader: conllu, train: t}}\n", "tasks: .*found 3"),
        ("1: 2\n", "1: unknown key"),
    ],
)
def test_files_that_are_no_recipes(write: Callable[..., Path], text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(text))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"description: \xff\xfe\n")
    with pytest.raises(RecipeError, match=r"r.yaml: "):
        load_recipe(tmp_path / "r.yaml")


def test_no_such_recipe(content: dict[str, Any], write: Callable[..., Path], tmp_path: Path) -> None:
    write(content, "tagging.yaml")
    with pytest.raises(RecipeError, match=r"there is no such recipe file.*did you mean .*tagging.yaml"):
        load_recipe(tmp_path / "taging.yaml")
    with pytest.raises(RecipeError, match=r"there is no such recipe file, nor a bundled recipe of this name"):
        load_recipe("no-such-recipe-anywhere")
    with pytest.raises(RecipeError):
        load_recipe(tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "--set training.epochs: expected dotted.path=value, such as training.epochs=3"),
        ("=3", "expected dotted.path=value"),
        ("training..epochs=3", "expected dotted.path=value"),
        ("training.epochs=[1", "--set training.epochs=.*: the value is not YAML"),
        ("training.epochs.x=3", "--set training.epochs.x=3: training.epochs is a value, not a section"),
        ("feeds.7.from=upos", "--set feeds.7.from=upos: expected a number from 0 to 1, found '7'"),
        ("feeds.x.from=upos", "expected a number from 0 to 1, found 'x'"),
        ("feeds.0.to.0.x=upos", "--set feeds.0.to.0.x=upos: "),
        ("training.epoks=3", r"^training.epoks: unknown key; did you mean 'epochs'\?$"),
        ("training.epochs=many", "^training.epochs: .*found 'many'$"),
    ],
)
def test_overrides(content: dict[str, Any], write: Callable[..., Path], override: str, message: str) -> None:
    content["feeds"][0]["to"] = ["trees"]
    content["feeds"].pop()
    content["feeds"].append({"from": "upos"})
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(write(content), overrides=[override])
    assert "\n" not in str(error.value)
