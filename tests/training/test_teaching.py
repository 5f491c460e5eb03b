"""Knowledge distillation: lessons, what they cost, and what a pupil learns of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from hiernlp.comparison.runs import planned, single_folder
from hiernlp.encoding.collate import WordBatch
from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.experiment import Run, build_trainer, new_accelerator, prepare
from hiernlp.experiment.preparation import Experiment
from hiernlp.kinds._base import IGNORE, Kind
from hiernlp.kinds.dependencies import ArcScores
from hiernlp.recipe.files import load_recipe, validate_recipe
from hiernlp.registry import kinds
from hiernlp.settings import validate
from hiernlp.training.data import BatchBuilder
from hiernlp.training.events import Ended, StepsDone
from hiernlp.training.settings import TrainingSettings
from hiernlp.training.teaching import lessons_of, teachers_share

Make = Callable[..., dict[str, Any]]
MakeRun = Callable[..., Run]
TAUGHT = ["upos", "xpos", "lemmas", "feats", "chunks", "dependencies", "type", "mood", "length", "topics", "shared"]
"""A task of every kind that can be taught, in the order of the table of tasks, and both ways of reading."""


def made(make: Make, **training: Any) -> tuple[Experiment, BatchBuilder]:
    experiment = prepare(validate_recipe(make(**training)))
    return experiment, build_trainer(experiment, new_accelerator(experiment.recipe.training)).builder


def test_a_model_has_nothing_to_learn_from_itself(recipe_data: Make) -> None:
    """Cross-entropy is least where both say the same: there its gradient is that of float16's rounding alone."""
    experiment, builder = made(recipe_data)
    model = experiment.bundle.model.eval()
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # so that beliefs are far from even
    seen = set()
    for corpus, split in experiment.train.items():
        tasks = [task for task in split.tasks if type(model.heads[task]).can_be_taught]  # pyright: ignore[reportAttributeAccessIssue]
        batch = builder(corpus, [0, 1, 2, 3])
        for task in tasks:
            head = builder.heads[task]
            outputs = model(batch.words, tasks=[task])[task]
            with torch.no_grad():
                said = head.lessons(outputs, batch.words.lengths)
            own = head.imitation(outputs, head.collate_lessons(said, max(batch.words.lengths)))
            length = norm_of(torch.autograd.grad(own, list(head.parameters()), retain_graph=True, allow_unused=True))
            gold = head.loss(outputs, batch.targets[task].tensors)
            usual = norm_of(torch.autograd.grad(gold, list(head.parameters()), allow_unused=True))
            assert usual > 0
            assert length < 2e-3 * usual, task
            seen.add(task)
    assert seen == {*TAUGHT, "holds"}


def norm_of(gradients: tuple[Tensor | None, ...]) -> float:
    return math.sqrt(sum(float(g.double().square().sum()) for g in gradients if g is not None))


def answered(make: Make) -> Iterator[tuple[Kind[Any, Any], Any, list[dict[str, np.ndarray]], int]]:
    """Yield of each task its head, what it answers of two sentences, its lessons of them, and the longer length."""
    experiment, builder = made(make)
    model = experiment.bundle.model.eval()
    for corpus, split in experiment.train.items():
        words = builder(corpus, [0, 1]).words
        for task in (task for task in split.tasks if task != "entities"):
            outputs = model(words, tasks=[task])[task]
            yield builder.heads[task], outputs, builder.heads[task].lessons(outputs, words.lengths), max(words.lengths)


def test_where_there_is_no_lesson_there_is_no_loss(recipe_data: Make) -> None:
    for head, outputs, said, size in answered(recipe_data):
        nothing = head.imitation(outputs, head.collate_lessons([None, None], size))
        assert nothing.item() == 0
        found = torch.autograd.grad(nothing, list(head.parameters()), retain_graph=True, allow_unused=True)
        assert norm_of(found) == 0
        alone = [head.imitation(outputs, head.collate_lessons(one, size)) for one in ([said[0], None], [None, said[1]])]
        both = head.imitation(outputs, head.collate_lessons(said, size))
        torch.testing.assert_close(sum(alone), both)


def head_of(kind: str, options: dict[str, Any], labels: dict[str, list[str]], *, size: int = 4) -> Kind[Any, Any]:
    chosen = kinds.load(kind)
    return chosen(options=validate(chosen.Options, options), labels=labels, hidden_size=size).eval()


def test_imitation_of_trees_by_hand() -> None:
    """Two words: heads' probabilities times their logarithms, and the relations' given the teacher's best head."""
    head = head_of("dependencies", {"arc_size": 3, "relation_size": 2}, {"relations": ["root", "obj"]})
    torch.manual_seed(1)
    output: ArcScores = head(torch.randn(1, 2, 4), torch.ones(1, 2, dtype=torch.bool))
    lesson = {
        "heads": np.array([0, 1], dtype=np.int32),
        "arcs": np.array([[0.75, 0, 0.25], [0.5, 0.5, 0]], dtype=np.float16),
        "relations": np.array([[1, 0], [0.125, 0.875]], dtype=np.float16),
    }
    found = head.imitation(output, head.collate_lessons([lesson], 2))
    arcs = output.arcs.double().log_softmax(-1)[0]
    relations = head.relation_scores(output, torch.tensor([[0, 1]])).double().log_softmax(-1)[0]  # pyright: ignore[reportCallIssue]
    wanted = 0.75 * arcs[0, 0] + 0.25 * arcs[0, 2] + 0.5 * arcs[1, 0] + 0.5 * arcs[1, 1]
    wanted = wanted + relations[0, 0] + 0.125 * relations[1, 0] + 0.875 * relations[1, 1]
    assert found.item() == pytest.approx(-wanted.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "options", "labels", "said", "wanted"),
    [
        ("token_labels", {"column": "x"}, {"labels": ["a", "b"]}, [[0.75, 0.25]], lambda p: -np.log(p) @ [0.75, 0.25]),
        ("multi_labels", {"column": "x"}, {"labels": ["a", "b"]}, [[0.75, 0.25]],
         lambda p: -(0.75 * np.log(p[0]) + 0.25 * np.log(1 - p[0]) + 0.25 * np.log(p[1]) + 0.75 * np.log(1 - p[1]))),
        ("sentence_scores", {"column": "x", "minimum": 1, "maximum": 5}, {}, [[0.75, 0.25]],
         lambda p: (p[1] - 0.25) ** 2),
        ("sentence_scores", {"column": "x", "minimum": 1, "maximum": 5, "classes": 2}, {}, [[0.75, 0.25]],
         lambda p: -np.log(p) @ [0.75, 0.25]),
    ],
)  # fmt: skip
def test_imitation_by_hand(
    kind: str, options: dict[str, Any], labels: dict[str, list[str]], said: list[list[float]], wanted: Any
) -> None:
    head = head_of(kind, options, labels)
    torch.manual_seed(2)
    output = head(0.2 * torch.randn(1, 1, 4), torch.ones(1, 1, dtype=torch.bool))
    own = head.feedback(output)[0, 0].double().detach().numpy()
    found = head.imitation(output, head.collate_lessons([{"beliefs": np.array(said, dtype=np.float16)}], 1))
    assert found.item() == pytest.approx(float(wanted(own)), rel=1e-5)


def test_lessons_do_not_depend_on_the_batch(recipe_data: Make) -> None:
    experiment, builder = made(recipe_data)
    model = experiment.bundle.model.train()
    for corpus, split in experiment.train.items():
        tasks = [task for task in split.tasks if task != "entities"]
        few, many = (lessons_of(model, builder, corpus=corpus, tasks=tasks, budget=b) for b in (16, 1024))
        assert model.training
        for task in tasks:
            assert len(few[task]) == len(split)
            for one, other in zip(few[task], many[task], strict=True):
                assert one is not None
                assert other is not None
                assert one.keys() == other.keys()
                for name in one.keys() - {"heads"}:
                    assert one[name].dtype == np.float16
                    np.testing.assert_allclose(one[name], other[name], atol=2e-3)


def test_what_several_teachers_say_of_trees_by_hand() -> None:
    """Three words: both agree on the head of the first, one has the mean's of the second, none that of the third."""
    head = head_of("dependencies", {}, {"relations": ["root", "obj"]})
    one, other = (
        {
            "heads": np.array(heads, dtype=np.int32),
            "arcs": np.array(arcs, dtype=np.float16),
            "relations": np.array(relations, dtype=np.float16),
        }
        for heads, arcs, relations in (
            ([0, 1, 0], [[0.75, 0, 0.25, 0], [0, 1, 0, 0], [0.5, 0.125, 0.375, 0]], [[1, 0], [0.25, 0.75], [0.5, 0.5]]),
            (
                [0, 3, 1],
                [[0.5, 0, 0.25, 0.25], [0, 0.25, 0, 0.75], [0.125, 0.5, 0.375, 0]],
                [[0.5, 0.5], [1, 0], [1, 0]],
            ),
        )
    )
    found = head.mean_lesson([one, other])
    assert found["heads"].tolist() == [0, 1, 2]
    assert found["arcs"].tolist() == [[0.625, 0, 0.25, 0.125], [0, 0.625, 0, 0.375], [0.3125, 0.3125, 0.375, 0]]
    assert found["relations"].tolist() == [[0.75, 0.25], [0.25, 0.75], [0, 0]]
    assert {name: array.dtype for name, array in found.items()} == {name: array.dtype for name, array in one.items()}
    output = head(torch.randn(1, 3, 4), torch.ones(1, 3, dtype=torch.bool))
    assert head.imitation(output, head.collate_lessons([found], 3)).isfinite()


def test_the_same_said_by_several_teachers_is_what_one_says(recipe_data: Make) -> None:
    for head, _, said, _ in answered(recipe_data):
        for lesson in said:
            together = head.mean_lesson([lesson] * 3)
            assert together.keys() == lesson.keys()
            for name in lesson:
                np.testing.assert_allclose(together[name], lesson[name], atol=1e-3)


def test_the_teachers_share() -> None:
    settings = TrainingSettings(teachers="models")
    assert [teachers_share(done, settings) for done in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]
    settings = TrainingSettings(teachers="models", teaching=0.3)
    assert teachers_share(0.9, settings) == 0.3
    for name, value in (("teaching", 0.3), ("teaching_corpora", "all")):
        with pytest.raises(ValueError, match=f"{name}: has no effect without teachers"):
            TrainingSettings.model_validate({name: value})


def test_the_loss_is_of_both(make_run: MakeRun, tmp_path: Path) -> None:
    list(make_run(["upos", "chunks"], output="single/upos", epochs=1).events())
    run = make_run(["upos", "chunks"], output="pupil", teachers={"upos": str(tmp_path / "single/upos")})
    model = run.experiment.bundle.model.eval()
    builder = run.trainer.builder
    words = builder("ud", [0, 1, 2])
    assert words.targets["upos"].lessons
    assert not builder("talk", [0, 1]).targets["chunks"].lessons

    def loss(share: float) -> float:
        model.taught = share
        return float(model(words.words, tasks=["upos"], targets=words.targets)["upos"].detach())

    assert loss(0.25) == pytest.approx(0.75 * loss(0.0) + 0.25 * loss(1.0), rel=1e-5)
    assert loss(0.0) != pytest.approx(loss(1.0), rel=1e-2)


def test_teachers_of_one_task_say_the_mean_of_what_each_says(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (1, 2):
        list(make_run(["upos"], output=f"teachers/{seed}", epochs=1, seed=seed).events())
    one, other = (str(tmp_path / "teachers" / name) for name in "12")

    def said(output: str, models: str | list[str]) -> list[np.ndarray]:
        found = make_run(["upos"], output=output, teachers={"upos": models}).trainer.builder.lessons["ud", "upos"]
        return [lesson["beliefs"] for lesson in found if lesson is not None]

    alone, beside, both = said("one", one), said("other", [other]), said("both", [one, other])
    assert len(both) == len(alone) > 0
    assert any(not np.allclose(a, b, atol=0.01) for a, b in zip(alone, beside, strict=True))
    for a, b, mean in zip(alone, beside, both, strict=True):
        np.testing.assert_allclose(mean, (a.astype(np.float64) + b) / 2, atol=1e-3)


def scrambled(file: Path, copy: Path) -> str:
    """Write a CoNLL-U file whose words have each other's tags, at random."""
    draw = random.Random(7)
    lines = [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n")]
    tags = [cells[3] for cells in lines if len(cells) > 1]
    draw.shuffle(tags)
    for cells in lines:
        if len(cells) > 1:
            cells[3] = tags.pop()
    copy.write_text("\n".join("\t".join(cells) for cells in lines), encoding="utf-8")
    return str(copy)


def test_a_pupil_learns_what_its_teacher_knows(recipe_data: Make, make_run: MakeRun, tmp_path: Path) -> None:
    """With annotation that is noise and a teacher throughout; without the teacher nothing can be learnt."""
    list(make_run(["upos"], output="teacher", epochs=4).events())

    def accuracy(name: str, **training: Any) -> float:
        data = recipe_data(["upos"], epochs=4, **training)
        data["corpora"]["ud"]["train"] = scrambled(Path(data["corpora"]["ud"]["train"]), tmp_path / f"{name}.conllu")
        run = Run(validate_recipe(data), tmp_path / name)
        list(run.events())
        return run.experiment.bundle.scores["tasks"]["upos"]["values"]["accuracy"]

    assert accuracy("taught", teachers={"upos": str(tmp_path / "teacher")}, teaching=1.0) > 0.9
    assert accuracy("untaught") < 0.7


def test_teachers_speak_of_corpora_that_lack_the_annotation(make_run: MakeRun, tmp_path: Path) -> None:
    for task in ("upos", "chunks", "shared"):
        list(make_run([task], output=f"single/{task}/seed-1", epochs=1).events())
    run = make_run(["upos", "chunks", "shared"], teachers=str(tmp_path), teaching=0.25, teaching_corpora="all")
    model, builder = run.experiment.bundle.model.eval(), run.trainer.builder
    both = {"upos", "chunks"}
    of_pairs = {("pairs", "shared")}
    assert set(builder.lessons) == {(corpus, task) for corpus in ("ud", "talk") for task in both} | of_pairs
    assert {corpus: split.only_taught for corpus, split in builder.splits.items()} == {
        "ud": {"chunks"},
        "talk": {"upos"},
        "pairs": set(),
    }
    assert run.experiment.train["talk"].tasks == ("chunks",)  # what is fitted and evaluated is the annotation
    batch = builder("talk", [0, 1, 2])
    assert set(batch.targets) == both
    assert batch.targets["chunks"].is_annotated
    silver = batch.targets["upos"]
    assert not silver.is_annotated
    assert silver.count == sum(batch.words.lengths)
    head = builder.heads["upos"]
    wanted = head.imitation(model(batch.words, tasks=["upos"])["upos"], silver.lessons)
    assert wanted > 0
    for share in (0.0, 0.25, 1.0):
        model.taught = share
        torch.testing.assert_close(model(batch.words, tasks=["upos"], targets=batch.targets)["upos"], wanted)


def test_text_without_any_annotation_can_be_taught_of(recipe_data: Make, make_run: MakeRun, tmp_path: Path) -> None:
    list(make_run(["upos"], output="teacher", epochs=1).events())
    (tmp_path / "raw.jsonl").write_text('{"text": "A cat sleeps."}\n{"text": "So it did."}\n', encoding="utf-8")
    data = recipe_data(["upos"], teachers={"upos": str(tmp_path / "teacher")}, teaching_corpora="all", epochs=1)
    raw = {"reader": "tables", "options": {"text": "text", "columns": {}}, "train": str(tmp_path / "raw.jsonl")}
    data["corpora"]["raw"] = raw
    run = Run(validate_recipe(data), tmp_path / "pupil")
    assert run.trainer.builder("raw", [0, 1]).targets["upos"].count == 8
    assert {piece.corpus for step in run.trainer.planner.plan(0) for pieces in step for piece in pieces} == {
        "ud",
        "raw",
    }
    assert isinstance(list(run.events())[-1], Ended)


def test_a_corpus_of_another_annotation_is_taught_and_not_read(
    recipe_data: Make, make_run: MakeRun, tmp_path: Path
) -> None:
    list(make_run(["upos"], output="teacher", epochs=1).events())
    data = recipe_data(["upos"], teachers={"upos": str(tmp_path / "teacher")}, teaching_corpora="all")
    data["corpora"]["other"] = dict(data["corpora"]["ud"])
    data["tasks"]["upos"] = data["tasks"]["upos"] | {"corpora": ["ud"]}
    builder = Run(validate_recipe(data), tmp_path / "pupil").trainer.builder
    mine, theirs = (builder(corpus, [0, 1]).targets["upos"] for corpus in ("ud", "other"))
    assert mine.is_annotated
    assert not theirs.is_annotated
    assert theirs.count == mine.count > 0
    for tensor in theirs.tensors.values():
        assert (tensor == IGNORE).all()


@pytest.mark.parametrize("order", ["random", "sequential"])
def test_each_task_is_taught_in_its_turn(make_run: MakeRun, recipe_data: Make, tmp_path: Path, order: str) -> None:
    for task in ("upos", "chunks"):
        list(make_run([task], output=f"single/{task}/seed-1", epochs=1).events())
    data = recipe_data(["upos", "chunks"], teachers=str(tmp_path), teaching_corpora="all", epochs=1)
    run = Run(validate_recipe(data | {"sampling": {"order": order}}), tmp_path / "pupil")
    pieces = [piece for step in run.trainer.planner.plan(0) for pieces in step for piece in pieces]
    assert {(piece.corpus, piece.tasks) for piece in pieces} == {
        (corpus, (task,)) for corpus in ("ud", "talk") for task in ("upos", "chunks")
    }
    assert isinstance(list(run.events())[-1], Ended)


def test_a_pupil_learns_of_sentences_that_nobody_annotated(
    recipe_data: Make, make_run: MakeRun, tmp_path: Path
) -> None:
    """Of the sentences that are annotated, with noise, the teacher says nothing here."""
    list(make_run(["upos"], output="teacher", epochs=4).events())

    def accuracy(name: str, **training: Any) -> float:
        data = recipe_data(["upos", "chunks"], epochs=6, teachers={"upos": str(tmp_path / "teacher")}, teaching=0.0)
        data["training"] |= training
        data["corpora"]["ud"]["train"] = scrambled(Path(data["corpora"]["ud"]["train"]), tmp_path / f"{name}.conllu")
        data["tasks"]["chunks"] = data["tasks"]["chunks"] | {"weight": 0.1}
        run = Run(validate_recipe(data), tmp_path / name)
        list(run.events())
        return run.experiment.bundle.scores["tasks"]["upos"]["values"]["accuracy"]

    assert accuracy("all", teaching_corpora="all") > accuracy("annotated") + 0.1


def test_training_is_annealed_logged_and_exact_to_resume(make_run: MakeRun, tmp_path: Path) -> None:
    for task in ("upos", "chunks"):
        list(make_run([task], output=f"single/{task}/seed-1", epochs=1).events())
    settings: dict[str, Any] = {"teachers": str(tmp_path), "epochs": 2, "log_every": 1}
    whole = make_run(["upos", "chunks"], output="whole", **settings)
    assert set(whole.trainer.builder.lessons) == {("ud", "upos"), ("talk", "chunks")}
    shares = [event.schedules["teaching"] for event in whole.events() if isinstance(event, StepsDone)]
    assert shares == pytest.approx([1 - i / len(shares) for i in range(len(shares))])
    first = make_run(["upos", "chunks"], output="parts", **settings)
    for event in first.events():
        if isinstance(event, StepsDone) and event.step == len(shares) // 2 + 1:
            first.trainer.ask_to_stop()
    rest = list(make_run(["upos", "chunks"], output="parts", resume=True, **settings).events())
    assert isinstance(rest[-1], Ended)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_a_comparison_lets_each_tasks_own_model_teach(recipe_data: Make, tmp_path: Path) -> None:
    recipe = validate_recipe(recipe_data(["upos", "entities"], teachers="alone", teaching=0.5))
    *alone, joint = planned(recipe, tmp_path, seeds=[3])
    assert [run.recipe.training.teachers for run in alone] == [None, None]
    folder = single_folder(tmp_path, task="upos", seed=3).resolve()
    assert joint.recipe.training.teachers == {"upos": str(folder)}  # nested spans cannot be taught
    assert joint.recipe.training.teaching == 0.5


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        ({"upos": "nowhere/at/all"}, r"training\.teachers\.upos: nowhere/at/all: expected a model folder"),
        ({"xpos": "upos"}, r"training\.teachers\.xpos: .*upos: expected a model of 'xpos', found one of upos"),
        ({"upos": "small"}, r"training\.teachers\.upos: .*small: expected the labels that 'upos' has here"),
        ({"upos": ["upos", "small"]}, r"training\.teachers\.upos: .*small: expected the labels that 'upos' has here"),
        ("alone", r"training\.teachers: 'alone' is for `hiernlp compare`"),
        ("empty", r"training\.teachers: empty: expected a folder that `hiernlp compare` made"),
    ],
)
def test_what_cannot_teach_is_refused_and_leaves_no_folder(
    recipe_data: Make, make_run: MakeRun, tmp_path: Path, teachers: Any, message: str
) -> None:
    list(make_run(["upos"], output="upos", epochs=1).events())
    data = recipe_data(["upos"], epochs=1)
    small = "1\tcat\tcat\tNOUN\tNN\t_\t0\troot\t_\t_\n\n"
    (tmp_path / "small.conllu").write_text(small, encoding="utf-8")
    data["corpora"]["ud"]["train"] = data["corpora"]["ud"]["dev"] = str(tmp_path / "small.conllu")
    list(Run(validate_recipe(data), tmp_path / "small").events())
    (tmp_path / "empty").mkdir()
    recipe = validate_recipe(recipe_data(["upos", "xpos"], teachers=teachers))
    with pytest.raises(HierNLPError, match=message):
        Run(recipe, tmp_path / "pupil", base=tmp_path)
    assert not (tmp_path / "pupil").exists()


def test_a_recipe_finds_the_models_beside_it(recipe_data: Make, tmp_path: Path) -> None:
    (tmp_path / "runs" / "upos").mkdir(parents=True)
    beside = str(tmp_path / "runs" / "upos")
    for given, wanted in (
        ({"upos": "runs/upos"}, {"upos": beside}),
        ({"upos": ["runs/upos", "some-lab/tagger"]}, {"upos": [beside, "some-lab/tagger"]}),
        ("runs/upos", beside),
        ("alone", "alone"),
        (None, None),
    ):
        (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe_data(["upos"], teachers=given)), encoding="utf-8")
        assert load_recipe(tmp_path / "r.yaml").training.teachers == wanted


def test_a_recipe_says_who_can_be_taught(recipe_data: Make) -> None:
    for teachers, message in (
        ({"entities": "x"}, "teachers.entities: a task of the kind 'nested_spans' cannot be taught"),
        ({"upso": "x"}, "teachers.upso: there is no such task; did you mean 'upos'"),
        ({"upos": ["x", "y", "x"]}, "teachers.upos: expected different models, found x, y, x"),
        ({"upos": []}, "teachers.upos: expected a model or several, found none"),
    ):
        with pytest.raises(RecipeError, match=message):
            validate_recipe(recipe_data(["upos", "entities"], teachers=teachers))


def test_another_range_teaches_something_else(recipe_data: Make, make_run: MakeRun, tmp_path: Path) -> None:
    list(make_run(["length"], output="teacher", epochs=1).events())
    data = recipe_data(["length"], teachers={"length": str(tmp_path / "teacher")})
    data["tasks"]["length"] = data["tasks"]["length"] | {
        "options": data["tasks"]["length"]["options"] | {"maximum": 12}
    }
    with pytest.raises(RecipeError, match=r"expected maximum 12\.0, as here, found 9\.0"):
        Run(validate_recipe(data), tmp_path / "pupil")


def test_pairs_and_sentences_are_batched_alike(recipe_data: Make) -> None:
    """A pair's lesson is one row, whatever the number of its words."""
    experiment, builder = made(recipe_data)
    model = experiment.bundle.model.eval()
    batch = builder("pairs", [0, 1, 2])
    assert not isinstance(batch.words, WordBatch)
    for task in ("shared", "holds"):
        head = builder.heads[task]
        said = head.lessons(model(batch.words, tasks=[task])[task], batch.words.lengths)
        assert [lesson["beliefs"].shape for lesson in said] == [(1, head.feedback_size)] * 3
