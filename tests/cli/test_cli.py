"""The command line: light help, one line for each mistake, and the three commands in a row."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from udtools.udeval import load_conllu

from hiernlp.experiment import Run
from hiernlp.recipe.files import validate_recipe

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def model(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with a task of every kind."""
    folder = tmp_path_factory.mktemp("cli") / "model"
    list(Run(validate_recipe(recipe_data(epochs=2)), folder).events())
    return folder


@pytest.fixture
def recipe(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> Path:
    """Return a recipe file of two tasks."""
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe_data(["upos", "type"], epochs=1, log_every=2), sort_keys=False))
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def check_mistake(result: Any, *parts: str) -> None:
    assert result.code == 2, result
    assert result.out == ""
    told = [line for line in result.err.splitlines() if not line.startswith("preparing ")]
    assert len(told) == 1, result.err
    assert told[0].startswith("hiernlp: ")
    for part in parts:
        assert part in told[0]


COMMANDS = [
    *("train", "compare", "probe", "evaluate", "analyze", "annotate", "prune", "serve", "card", "push"),
    *("tasks", "recipes", "schema"),
]


def test_help_imports_nothing_heavy() -> None:
    program = f"""
import sys
from hiernlp.cli import main
for command in [[], *([name] for name in {COMMANDS!r})]:
    sys.argv = ["hiernlp", *command, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, command
heavy = {{"torch", "transformers", "datasets", "spacy", "matplotlib", "hiernlp.recipe", "fastapi"}} & set(sys.modules)
assert not heavy, heavy
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(f" {name} " in done.stdout for name in COMMANDS)
    assert "--single-tasks" in done.stdout


def test_listings(cli: Cli) -> None:
    assert "upos" in cli("tasks").out
    assert "sample" in cli("recipes").out


def test_schema_covers_all_parts(cli: Cli) -> None:
    from hiernlp.registry import balancing, kinds, readers, sharing

    found = json.loads(cli("schema").out)
    for definition, room in [
        ("TaskSettings", kinds),
        ("CorpusSettings", readers),
        ("SharingSettings", sharing),
        ("BalancingSettings", balancing),
    ]:
        cases = found["$defs"][definition]["allOf"]
        assert len(cases) == len(room.names())
        for name, case in zip(room.names(), cases, strict=True):
            assert name in str(case["if"])
            options = case["then"]["properties"]["options"]["$ref"].removeprefix("#/$defs/")
            assert set(found["$defs"][options]["properties"]) == set(room.load(name).Options.model_fields)


def test_train_evaluate_analyze(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    output = tmp_path / "model"
    trained = cli("train", recipe, "-o", output, "-q", "--set", "training.epochs=2", "--set", "tasks.upos.weight=0.5")
    assert trained.code == 0, trained.err
    assert "upos" in trained.out
    assert f"model in {output}" in trained.err
    kept = yaml.safe_load((output / "recipe.yaml").read_text())
    assert (kept["training"]["epochs"], kept["tasks"]["upos"]["weight"]) == (2, 0.5)
    scores = json.loads((output / "scores.json").read_text())["tasks"]
    evaluated = cli("evaluate", output, "--json", "--device", "cpu")
    assert evaluated.code == 0
    found = json.loads(evaluated.out)
    assert (found["split"], found["corpora"]) == ("dev", ["ud"])
    for task, figures in found["tasks"].items():
        assert figures == {key: scores[task][key] for key in figures}
    assert set(found["tasks"]) == {"upos", "type"}
    analyzed = cli("analyze", output, "--tasks", "upos", stdin=b"The cat sees mary.")
    assert analyzed.code == 0
    assert "cat" in analyzed.out


def test_helpers_stand_in_brackets(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    data = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    data["tasks"]["look"] = {"hint": {"maker": "suffix", "options": {"min_count": 1}}, "place": 1}
    recipe.write_text(yaml.safe_dump(data), encoding="utf-8")
    trained = cli("train", recipe, "--output", tmp_path / "model", "--quiet", "--set", "training.epochs=1")
    assert trained.code == 0, trained.err
    assert "(look)" in trained.out
    assert "(upos)" not in trained.out
    evaluated = cli("evaluate", tmp_path / "model", "--json")
    assert set(json.loads(evaluated.out)["tasks"]) == {"upos", "type"}


def test_a_run_is_drawn_again(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert cli("train", recipe, "--output", folder, "--quiet").code == 0
    drawn = folder / "training" / "curves.png"
    before = drawn.read_bytes()
    drawn.unlink()
    assert cli("plot", folder).code == 0
    assert drawn.read_bytes() == before
    assert cli("plot", folder, "--output", tmp_path / "again.svg").code == 0
    assert (tmp_path / "again.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    check_mistake(cli("plot", tmp_path), "log.jsonl", "the folder of `hiernlp train`")


def test_all_kinds_score_as_in_training(cli: Cli, model: Path) -> None:
    scores = json.loads((model / "scores.json").read_text())["tasks"]
    found = json.loads(cli("evaluate", model, "--json").out)["tasks"]
    assert set(found) == set(scores)
    for task, figures in found.items():
        assert figures == {key: scores[task][key] for key in figures}


def test_evaluate_choices(cli: Cli, model: Path, corpora: Path) -> None:
    shown = cli("evaluate", model, "--tasks", "upos,mood", "--labels").out
    assert "NOUN" in shown
    assert "happy" in shown
    assert "chunks" not in shown
    train = json.loads(cli("evaluate", model, "--split", "train", "--json").out)
    assert train["tasks"]["upos"]["values"]["words"] > 300
    whole = json.loads(cli("evaluate", model, "--json").out)["tasks"]
    of_talk, of_pairs = {"chunks", "mood", "length", "topics"}, {"shared", "holds"}
    given = json.loads(cli("evaluate", model, "--json", "--corpus", corpora / "dev.conllu").out)
    assert given["split"] is None
    assert given["tasks"] == {task: whole[task] for task in whole if task not in of_talk | of_pairs}
    given = json.loads(cli("evaluate", model, "--json", "--corpus", corpora / "dev.jsonl").out)["tasks"]
    assert set(given) == of_talk
    # Two corpora of the recipe are tables: the file is read by the options that fit it.
    given = json.loads(cli("evaluate", model, "--json", "--corpus", corpora / "dev.tsv").out)["tasks"]
    assert given == {task: whole[task] for task in whole if task in of_pairs}


def test_a_cut_share_is_the_same_share(cli: Cli, recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    data = recipe_data(["upos"], epochs=1)
    del data["corpora"]["ud"]["dev"]
    data["corpora"]["ud"]["split"] = {"dev": 0.2, "test": 0.1}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(data))
    assert cli("train", tmp_path / "r.yaml", "-o", tmp_path / "m", "-q").code == 0
    scores = json.loads((tmp_path / "m" / "scores.json").read_text())["tasks"]["upos"]
    found = [
        json.loads(cli("evaluate", tmp_path / "m", "--split", split, "--json").out)["tasks"]["upos"]
        for split in ("dev", "test", "train")
    ]
    assert found[0]["values"] == scores["values"]
    words = [figures["values"]["words"] for figures in found]
    assert words[1] < words[0] < words[2]


def test_a_table_of_sentences(cli: Cli, recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    rows = [("the kind cat sees mary", "happy"), ("a big dog sees john", "plain")] * 8
    (tmp_path / "x.csv").write_text("sentence,mood\n" + "".join(f"{a},{b}\n" for a, b in rows))
    data = recipe_data(["upos"], epochs=1)
    data["tasks"]["mood"] = {"kind": "sentence_labels", "options": {"column": "mood"}, "place": 4}
    options = {"text": "sentence", "columns": {"mood": "mood"}}
    data["corpora"]["csv"] = {"reader": "tables", "options": options, "train": str(tmp_path / "x.csv")}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(data))
    assert cli("train", tmp_path / "r.yaml", "-o", tmp_path / "m", "-q").code == 0
    found = json.loads(cli("evaluate", tmp_path / "m", "--corpus", tmp_path / "x.csv", "--json").out)["tasks"]
    assert found["mood"]["values"]["sentences"] == 16
    (tmp_path / "y.csv").write_text("sentence,label\nthe cat,plain\n")
    check_mistake(cli("evaluate", tmp_path / "m", "--corpus", tmp_path / "y.csv"), "there is no column 'mood'")


def interrupt_after(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    """Send SIGTERM to this process when the log has had so many lines."""
    from hiernlp.cli import _runs

    original, left = _runs.RunLog.write, [lines]

    def write(self: Any, event: Any) -> None:
        original(self, event)
        left[0] -= 1
        if left[0] == 0:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(_runs.RunLog, "write", write)


def test_interrupted_and_resumed(cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["train", recipe, "-o", tmp_path / "a b", "-q", "--set", "training.log_every=1"]
    with monkeypatch.context() as patched:
        interrupt_after(patched, 2)
        stopped = cli(*arguments)
    assert stopped.code == 128 + signal.SIGTERM
    again = f"go on with: hiernlp train {recipe} --output '{tmp_path}/a b' --set training.log_every=1 --resume"
    assert again in stopped.err.splitlines()[-1]
    check_mistake(cli(*arguments), "go on with --resume")
    check_mistake(cli(*arguments, "--resume", "--set", "training.epochs=7"), "begun with another recipe")
    assert cli(*arguments, "--resume").code == 0
    assert (tmp_path / "a b" / "model.safetensors").exists()
    check_mistake(cli(*arguments, "--resume"), "no training state to go on from")


def test_single_tasks_and_going_on(cli: Cli, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "m"
    assert cli("train", recipe, "-o", output, "-q").code == 0
    arguments = ["train", recipe, "-o", output, "-q", "--resume", "--single-tasks"]
    check_mistake(cli(*arguments, "--set", "training.seed=9"), "was trained by another recipe")
    single = output / "training" / "single"
    (single / "upos" / "training").mkdir(parents=True)
    (single / "upos" / "training" / "log.jsonl").write_text("")  # killed at once
    lines = len((output / "training" / "log.jsonl").read_text().splitlines())
    with monkeypatch.context() as patched:
        interrupt_after(patched, lines + 1)
        stopped = cli(*arguments)
    assert stopped.code == 128 + signal.SIGTERM, stopped.err
    assert "--resume --single-tasks" in stopped.err
    first = contents(single / "upos")
    done = cli(*arguments)
    assert done.code == 0, done.err
    assert "single task upos" not in done.err
    assert contents(single / "upos") == first
    assert "difference" in done.out
    assert cli(*arguments).out == done.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--set", "training.epoch=3"], "training.epoch: unknown key; did you mean 'epochs'"),
        (["--set", "training.epochs"], "expected dotted.path=value"),
        (["--set", "corpora.ud.train=/nowhere/x.conllu"], "/nowhere/x.conllu: there is no such file"),
        (["--set", "tasks.upos.place=9"], "tasks.upos.place"),
    ],
)
def test_mistakes_in_a_recipe(cli: Cli, recipe: Path, tmp_path: Path, change: list[str], message: str) -> None:
    check_mistake(cli("train", recipe, "-o", tmp_path / "m", *change), message)
    assert not (tmp_path / "m").exists()


def test_mistakes_of_training(cli: Cli, recipe: Path, tmp_path: Path) -> None:
    check_mistake(cli("train", tmp_path / "recip.yaml", "-o", tmp_path / "m"), "did you mean", "recipe.yaml")
    check_mistake(cli("train", "no-such-recipe", "-o", tmp_path / "m"), "there is no such recipe")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    check_mistake(cli("train", recipe, "-o", tmp_path / "full"), "expected a new or empty folder")
    assert cli("train", recipe, "-o", recipe / "m", "-q").code == 2
    assert contents(tmp_path / "full") == {"thesis.tex": b"x"}


def test_mistakes_of_evaluation(cli: Cli, model: Path, corpora: Path, tmp_path: Path) -> None:
    check_mistake(cli("evaluate", tmp_path / "nowhere"), "expected a model folder, found nothing")
    check_mistake(cli("evaluate", model, "--tasks", "upso"), "did you mean 'upos'")
    check_mistake(cli("evaluate", model, "--tasks", " , "), "--tasks: expected names of tasks")
    check_mistake(cli("evaluate", model, "--split", "tset"), "--split", "did you mean 'test'")
    check_mistake(cli("evaluate", model, "--split", "test"), "no corpus of the model's recipe has 'test'")
    check_mistake(cli("evaluate", model, "--split", "dev", "--corpus", corpora / "dev.conllu"), "--split")
    check_mistake(cli("evaluate", model, "--reader", "conllu"), "--reader")
    check_mistake(cli("evaluate", model, "--corpus", corpora / "dev.conlu"), "its suffix does not tell")
    check_mistake(cli("evaluate", model, "--corpus", corpora / "dvv.conllu"), "there is no such file")
    check_mistake(cli("evaluate", model, "--corpus", corpora / "dev.conllu", "--reader", "conlu"), "'conllu'")
    check_mistake(cli("evaluate", model, "--corpus", corpora / "dev.conllu", "--tasks", "mood"), "needs the annotation")
    (tmp_path / "x.csv").write_text("sentence,stars\nthe cat,3\n")
    check_mistake(cli("evaluate", model, "--corpus", tmp_path / "x.csv"), "there is no column")
    check_mistake(cli("evaluate", model, "--device", "gpu"), "device: 'gpu'")
    (model.parent / "cut").mkdir()
    for file in model.iterdir():
        if file.is_file():
            data = file.read_bytes()
            (model.parent / "cut" / file.name).write_bytes(data[:500] if file.suffix == ".safetensors" else data)
    check_mistake(cli("evaluate", model.parent / "cut"), "the weights cannot be read")
    check_mistake(cli("analyze", model.parent / "cut", stdin=b"x"), "the weights cannot be read")


def test_mistakes_of_analysis(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the cat")
    (tmp_path / "other.txt").write_text("the cat")
    (tmp_path / "latin.txt").write_bytes(b"the\nna\xefve cat")
    before = contents(tmp_path)
    check_mistake(cli("analyze", model, tmp_path / "txet.txt"), "did you mean", "text.txt")
    missing = cli("analyze", model, tmp_path / "zzzzzz")
    check_mistake(missing, "there is no such file")
    assert "txt" not in missing.err
    check_mistake(cli("analyze", model, tmp_path), "found a folder")
    check_mistake(cli("analyze", model, tmp_path / "latin.txt"), "latin.txt, line 2: expected UTF-8")
    out = ["-o", tmp_path / "out.json"]
    text = tmp_path / "text.txt"
    check_mistake(cli("analyze", model, text, *out, "-f", "jsn"), "did you mean 'json'")
    check_mistake(cli("analyze", model, text, *out, "--input", "txt"), "did you mean 'text'")
    check_mistake(cli("analyze", model, text, *out, "--tasks", "upso"), "did you mean 'upos'")
    check_mistake(
        cli("analyze", model, text, *out, "--precision", "half"), "precision: expected one of bfloat16, float32"
    )
    check_mistake(cli("evaluate", model, "--precision", "int4"), "did you mean 'int8'")
    check_mistake(cli("analyze", model, text, *out, "--picture", tmp_path / "x.gif"), ".png or .svg")
    check_mistake(cli("analyze", model, *out, "--picture", tmp_path / "x.svg"), "no sentence")
    check_mistake(cli("analyze", model, text, "-o", tmp_path), "expected a file, found a folder")
    check_mistake(cli("analyze", model, text, "-o", text / "out"), "text.txt")
    check_mistake(cli("analyze", model, "-", "--input", "conllu", stdin=b"1\tcat\n"), "standard input, line 1")
    assert contents(tmp_path) == before


GOLD = """\
# newdoc id = d1
# sent_id = s1
# text = don't cats?
# odd comment
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\tKeep=Me
1\tdo\t_\t_\t_\t_\t2\tdep\t_\tEntity=(1-person
2\tn't\t_\t_\t_\t_\t3\tdep\t_\tA=b
2.1\tsee\t_\t_\t_\t_\t_\t_\t_\tEmpty=Yes
3\tcats\t_\t_\t_\t_\t1\tdep\t_\tSpaceAfter=No|Entity=7)
4\t?\t_\t_\t_\t_\t0\troot\t_\t_

# sent_id = s2
1\tMary\t_\t_\t_\t_\t0\troot\t_\t_
2\tsees\t_\t_\t_\t_\t0\troot\t_\tX=\u200b

"""


@pytest.mark.parametrize("change", ["plain", "crlf", "bom", "no end"])
def test_conllu_keeps_all_that_is_not_predicted(cli: Cli, model: Path, change: str) -> None:
    # The gold annotation is a cycle, has two roots, and its entities never close: analysis asks for none of it.
    text = {"crlf": GOLD.replace("\n", "\r\n"), "bom": "\ufeff" + GOLD, "no end": GOLD.rstrip("\n")}.get(change, GOLD)
    done = cli("analyze", model, "--input", "conllu", "-f", "conllu", stdin=text.encode())
    assert done.code == 0, done.err
    loaded = load_conllu(io.StringIO(done.out, newline="\n"), "test", {})
    assert [word.columns[1] for word in loaded.words] == ["do", "n't", "cats", "?", "Mary", "sees"]
    lines = done.out.split("\n")
    for kept in ("# newdoc id = d1", "# sent_id = s1", "# text = don't cats?", "# odd comment", "# sent_id = s2"):
        assert kept in lines
    for kept in GOLD.split("\n"):
        if kept.startswith(("1-2", "2.1")):
            assert kept in lines
    for kept in ("SpaceAfter=No", "A=b", "X=\u200b"):
        assert kept in done.out
    only = cli("analyze", model, "--input", "conllu", "-f", "conllu", "--tasks", "upos", stdin=text.encode()).out
    cells = [line.split("\t") for line in only.split("\n") if line and line[0] != "#"]
    gold = [line.split("\t") for line in GOLD.split("\n") if line and line[0] != "#"]
    assert [c[:3] + c[4:] for c in cells] == [c[:3] + c[4:] for c in gold]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2\tcats\t_\t_\t_", "line 2: expected 10 columns"),
        ("2\tcats\t_\t_\t_\t_\t9\tdep\t_\t_", "line 2: the head 9 is out of range"),
        ("2\tcats\t_\t_\t_\t_\tx\tdep\t_\t_", "line 2: expected a head"),
        ("3\tcats\t_\t_\t_\t_\t1\tdep\t_\t_", "line 2: expected word 2"),
    ],
)
def test_a_malformed_line_is_named(cli: Cli, model: Path, tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "x.conllu"
    file.write_text(f"1\tthe\t_\t_\t_\t_\t0\troot\t_\t_\n{line}\n\n")
    check_mistake(cli("analyze", model, file), f"x.conllu, {message}")


@pytest.mark.parametrize("form", ["table", "json", "conllu"])
@pytest.mark.parametrize("given_as", ["text", "conllu"])
def test_hostile_input(cli: Cli, model: Path, tmp_path: Path, form: str, given_as: str) -> None:
    words = ["\U0001f600", "\u200b", "\x01", "\x00", "a" * 10_000, "\ufeff", "#", "\u202e", "e\u0301"]
    if given_as == "text":
        texts = ["", " \n", *words, " ".join(words)]
    else:
        rows = [f"{i}\t{word}\t_\t_\t_\t_\t_\t_\t_\t_\n" for i, word in enumerate(words, start=1)]
        texts = ["", "\n\n", "".join(rows) + "\n"]
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.in")
        files[-1].write_text(text, encoding="utf-8", newline="")
    done = cli("analyze", model, *files, "--input", given_as, "-f", form, "--probabilities", "-o", tmp_path / "out")
    assert (done.code, done.out, done.err) == (0, "", "")
    written = (tmp_path / "out").read_text(encoding="utf-8")
    if form == "json":
        assert len([json.loads(line) for line in written.split("\n") if line]) == len(texts)
    if form == "conllu":
        loaded = load_conllu(io.StringIO(written, newline="\n"), "test", {})
        assert len(loaded.words) >= len(words)


def test_a_picture_and_several_files(cli: Cli, model: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"{name[0]} cat sees mary.")
    done = cli("analyze", model, tmp_path / "a.txt", tmp_path / "b.txt", "-f", "json", "--picture", tmp_path / "p.svg")
    assert done.code == 0
    assert [json.loads(line)["text"][0] for line in done.out.splitlines()] == ["a", "b"]
    assert "<svg" in (tmp_path / "p.svg").read_text()


def test_what_the_system_refuses_is_one_line(
    cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/read/only")

    monkeypatch.setattr("hiernlp.files.tempfile.mkstemp", refuse)
    done = cli("analyze", model, "-o", tmp_path / "out", stdin=b"the cat")
    check_mistake(done, "hiernlp: /read/only: Permission denied")


def test_pairs_on_the_command_line(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_bytes(b"the cat sees a dog\ta dog\r\n\r\nmary\tjohn\n")
    found = cli("analyze", model, tmp_path / "pairs.tsv", "--input", "pairs", "--format", "json")
    assert found.code == 0, found.err
    sentences = json.loads(found.out)["sentences"]
    assert [(" ".join(s["words"]), " ".join(s["second"])) for s in sentences] == [
        ("the cat sees a dog", "a dog"),
        ("mary", "john"),
    ]
    assert all(set(s["annotations"]) == {"shared", "holds"} for s in sentences)
    shown = cli("analyze", model, "--input", "pairs", "--tasks", "shared", stdin=b"a cat\ta dog\n")
    assert shown.out.splitlines()[:2] == ["a cat", "a dog"]
    for text, told in ((b"a cat\ta dog\nmary\t\n", "line 2: expected two sentences"), (b"a cat", "found 1")):
        check_mistake(cli("analyze", model, "--input", "pairs", stdin=text), "standard input, line", told)
    check_mistake(
        cli("analyze", model, "--input", "pairs", "--format", "conllu", stdin=b"a\tb\n"),
        "CoNLL-U holds single sentences",
    )


def test_prune(cli: Cli, model: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    done = cli("prune", model, "--tasks", "lemmas", "--output", cut)
    assert done.code == 0, done.err
    assert done.out.startswith("kept upos, lemmas (needed by the others: upos): 2 of 4 layers, ")
    text = b"the big cat sees mary ."
    for tasks in ("lemmas", "upos"):
        asked = ["--tasks", tasks, "--probabilities", "--format", "json"]
        before, after = (cli("analyze", m, *asked, stdin=text) for m in (model, cut))
        assert before.code == after.code == 0
        assert before.out == after.out
    before = contents(cut)
    check_mistake(cli("prune", model, "--tasks", "lemma", "--output", cut), "no task 'lemma'", "did you mean 'lemmas'")
    check_mistake(cli("prune", cut, "--tasks", "upos", "--output", cut), "this is the model itself")
    check_mistake(cli("prune", cut, "--tasks", "upos", "--output", cut / "config.json"), "found a file")
    assert contents(cut) == before
