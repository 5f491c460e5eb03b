"""Bad input to helpers, from a recipe on: one sentence with the place and what to do, before anything is trained."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, prepare
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]

PREDICATES = """
def fails(words):
    raise KeyError("no such word")

def fails_in_lines(words):
    raise ValueError("one\\n  two")

def number(words):
    return 0.5

def nothing_but_lists(words):
    return [1] * len(words)

def empty(words):
    return ""

def too_few(words):
    return ["a"]

def rarely(words):
    if "nurse" in words:
        raise RuntimeError("a nurse")
    return True

constant = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bad_predicates.py").write_text(PREDICATES, encoding="utf-8")
    (tmp_path / "no_python.py").write_text("def broken(:\n", encoding="utf-8")
    (tmp_path / "stops.py").write_text("raise OSError('no licence')\n", encoding="utf-8")
    for name in ("bad_predicates", "no_python", "stops"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "twice.txt").write_text("good\nbad\nGood\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("good\ntrès\n".encode("latin-1"))
    (tmp_path / "wide.txt").write_bytes("good\nbad\n".encode("utf-16"))
    (tmp_path / "empty.txt").write_text("# none\n\n", encoding="utf-8")
    (tmp_path / "folder.txt").mkdir()
    return tmp_path


def told(recipe_data: Make, folder: Path, **helper: Any) -> str:
    """Return what a run says of a helper; nothing may be written."""
    data = copy.deepcopy(recipe_data(["upos"]))
    data["tasks"]["helper"] = helper
    with pytest.raises(HierNLPError) as error:
        Run(validate_recipe(data), folder / "model")
    assert not (folder / "model").exists()
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("function", "per", "parts"),
    [
        ("bad_predicates:fails", "sentence", ["train.conllu, line ", "failed (KeyError: 'no such word')"]),
        ("bad_predicates:fails_in_lines", "sentence", ["train.conllu, line ", "failed (ValueError: one two)"]),
        ("bad_predicates:rarely", "sentence", ["train.conllu, line ", "failed (RuntimeError: a nurse)"]),
        ("bad_predicates:number", "sentence", ["train.conllu, line 1: expected True, False, None or a string", "0.5"]),
        ("bad_predicates:empty", "sentence", ["expected True, False, None or a string", "found ''"]),
        ("bad_predicates:nothing_but_lists", "sentence", ["expected True, False, None or a string", "found [1, 1"]),
        ("bad_predicates:nothing_but_lists", "word", ["expected True, False, None or a string", "found 1"]),
        ("bad_predicates:too_few", "word", ["expected a list of", "one a word, found 1 answers"]),
        ("bad_predicates:number", "word", ["expected a list of", "found float"]),
        ("bad_predicates:fail", "sentence", ["there is no function 'bad_predicates:fail'"]),
        ("bad_predicates:constant", "sentence", ["expected a function as 'bad_predicates:constant', found int"]),
        ("bad_predicate:fails", "sentence", ["there is no function", "installed or on PYTHONPATH"]),
        ("fails", "sentence", ["expected module:function, found 'fails'"]),
        (
            "no_python:broken",
            "sentence",
            ["the module 'no_python' of 'no_python:broken' cannot be imported (SyntaxError", "line 1"],
        ),
        (
            "stops:anything",
            "sentence",
            ["the module 'stops' of 'stops:anything' cannot be imported (OSError: no licence)"],
        ),
    ],
)
def test_functions(recipe_data: Make, folder: Path, function: str, per: str, parts: list[str]) -> None:
    kind = {} if per == "sentence" else {"kind": "token_labels"}
    message = told(
        recipe_data, folder, hint={"maker": "predicate", "options": {"function": function, "per": per}}, **kind
    )
    assert message.startswith("tasks.helper.hint")
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("twice.txt", ["twice.txt, line 3: 'good' stands in line 1 already"]),
        ("latin.txt", ["latin.txt, line 2: expected UTF-8, found other bytes; convert the file"]),
        ("wide.txt", ["wide.txt, line 1: expected UTF-8, found other bytes; convert the file"]),
        ("empty.txt", ["empty.txt: expected a word a line, found none"]),
        ("folder.txt", ["expected a file of words, or one of positive, negative", "Is a directory"]),
        ("negativ", ["expected a file of words, or one of positive, negative", "did you mean 'negative'"]),
    ],
)
@pytest.mark.parametrize("maker", ["lexicon", "marked"])
def test_lists_of_words(recipe_data: Make, folder: Path, maker: str, words: str, parts: list[str]) -> None:
    name = str(folder / words) if "." in words else words
    message = told(recipe_data, folder, hint={"maker": maker, "options": {"words": name}})
    assert message.startswith("tasks.helper.hint")
    assert all(part in message for part in parts), message


def test_a_view_that_hides_a_bad_list(recipe_data: Make, folder: Path) -> None:
    view = {"hide": str(folder / "twice.txt")}
    message = told(recipe_data, folder, hint={"maker": "shape"}, view=view)
    assert message.startswith("tasks.helper.view")
    assert "twice.txt, line 3: 'good' stands in line 1 already" in message


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        ({"maker": "corpus"}, "ud"),
        ({"maker": "lexicon", "options": {"words": "question"}}, "no"),
        ({"maker": "column", "options": {"column": "sentence_type"}}, "decl"),
    ],
)
@pytest.mark.parametrize("reversal", [{}, None])
def test_a_domain_with_one_value(
    recipe_data: Make, folder: Path, hint: dict[str, Any], value: str, reversal: dict[str, Any] | None
) -> None:
    data = copy.deepcopy(recipe_data(["upos"]))
    same = folder / "same.conllu"
    same.write_text(
        Path(data["corpora"]["ud"]["train"]).read_text(encoding="utf-8").replace("s_type = q", "s_type = decl"),
        encoding="utf-8",
    )
    data["corpora"]["ud"] |= {"train": str(same), "dev": str(same)}
    data["tasks"]["helper"] = {"hint": hint} | ({} if reversal is None else {"reversal": reversal})
    with pytest.raises(HierNLPError) as error:
        Run(validate_recipe(data), folder / "model")
    assert str(error.value) == (
        f"tasks.helper.hint.options: expected two labels or more to tell apart, found {value!r} everywhere; leave the "
        "task out, or mend its settings or data"
    )
    assert not (folder / "model").exists()


def test_metadata_that_half_of_the_documents_lack(recipe_data: Make, folder: Path) -> None:
    """No mistake: their sentences cost the task nothing; without a value anywhere there is nothing to learn."""
    data = copy.deepcopy(recipe_data(["upos"], epochs=1))
    for split in ("train", "dev"):
        lines = []
        for number, block in enumerate(Path(data["corpora"]["ud"][split]).read_text(encoding="utf-8").split("\n\n")):
            cells = [line.split("\t") for line in block.splitlines() if line[:1].isdigit()]
            if not cells:
                continue
            line: dict[str, Any] = {"words": [c[1] for c in cells], "upos": [c[3] for c in cells]}
            document = number // 5
            if document % 2:
                line["genre"] = "news" if document % 4 == 1 else "talk"
            lines.append(json.dumps(line | {"document": f"d{document}"}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    data["corpora"]["ud"] = {
        "reader": "tables",
        "options": {
            "words": "words",
            "columns": {"upos": "upos", "genre": "genre"},
            "types": {"upos": "tags"},
            "document": "document",
        },
        **{split: str(folder / f"{split}.jsonl") for split in ("train", "dev")},
    }
    data["tasks"]["helper"] = {"hint": {"maker": "column", "options": {"column": "genre"}}}
    data["tasks"]["against"] = {
        "hint": {"maker": "column", "options": {"column": "genre"}},
        "reversal": {"probe": False},
    }
    experiment = prepare(validate_recipe(data))
    rows = list(experiment.train["ud"].rows())
    known = [row["helper"] for row in rows if row["helper"] is not None]
    assert 0 < len(known) < len(rows)
    assert experiment.bundle.tasks["helper"].labels["labels"] == sorted(set(known), key=lambda v: (-known.count(v), v))
    assert list(Run(validate_recipe(data), folder / "model").events())
    # Nowhere a value.
    for split in ("train", "dev"):
        path = folder / f"{split}.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        kept = [{k: None if k == "genre" else v for k, v in line.items()} for line in lines]
        path.write_text("\n".join(map(json.dumps, kept)), encoding="utf-8")
    with pytest.raises(HierNLPError) as error:
        Run(validate_recipe(data), folder / "other")
    assert str(error.value).startswith("tasks.helper.hint: the maker 'column' reads 'genre', which no corpus has")
