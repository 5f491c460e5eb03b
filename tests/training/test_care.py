"""Tasks that rest: when by hand, what of the plan is left, and the same after a resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

import hiernlp
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.kinds._base import Scores
from hiernlp.recipe import single_task
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.care import Care
from hiernlp.training.events import Ended, Evaluated, StepsDone
from hiernlp.training.sampling import Piece

Make = Callable[..., Any]


def rests(care: Care, scores: list[float]) -> list[bool]:
    states: dict[str, dict[str, float]] = {}
    found = []
    for score in scores:
        states = json.loads(json.dumps(states))  # as from a saved state
        care.observe(states, {"a": score}, trained=["a"])
        found.append("a" in care.resting(states))
    return found


@pytest.mark.parametrize(
    ("care", "scores", "expected"),
    [
        # After two evaluations that are no better; as good is not better.
        (Care(2), [0.5, 0.6, 0.6, 0.55, 0.6], [0, 0, 0, 1, 1]),
        # Below its best it wakes up, and has two evaluations again.
        (Care(2), [0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.5], [0, 0, 1, 0, 0, 1, 1]),
        # Better than ever, it is awake too.
        (Care(2), [0.5, 0.5, 0.5, 0.6, 0.6, 0.6], [0, 0, 1, 0, 0, 1]),
        # Within the margin nothing counts, neither up nor down; the best stays 0.5, so that a creep gets there.
        (Care(1, margin=0.125), [0.5, 0.5625, 0.625, 0.6875, 0.75], [0, 1, 1, 0, 1]),
        (Care(1, margin=0.125), [0.5, 0.5, 0.375, 0.25, 0.25], [0, 1, 1, 0, 1]),
        # What is not a number is never better.
        (Care(2), [float("nan"), float("nan"), float("nan")], [0, 0, 1]),
    ],
)
def test_when_a_task_rests(care: Care, scores: list[float], expected: list[int]) -> None:
    assert rests(care, scores) == [bool(e) for e in expected]


def test_what_was_not_trained_has_not_converged() -> None:
    care, states = Care(1), {}
    for trained in ([], [], ["b"]):
        care.observe(states, {"a": 0.5, "b": 0.5}, trained=trained)
    assert care.resting(states) == {"b"}
    care.observe(states, {"a": 0.5, "b": 0.4}, trained=["a"])
    assert care.resting(states) == {"a"}  # the other one fell, trained or not


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(1, 4), st.floats(0, 0.2))
def test_a_task_rests_only_after_so_many(scores: list[float], after: int, margin: float) -> None:
    found = rests(Care(after, margin=margin), scores)
    assert not any(found[:after])
    for i, (now, before) in enumerate(zip(found[1:], found, strict=False), start=1):
        if now and not before:
            assert all(s <= max(scores[: i - after + 1]) + margin for s in scores[i - after + 1 : i + 1])


def plan(text: str) -> list[list[list[Piece]]]:
    """Steps of rounds for two processes, such as ``ab a``: a step of two rounds and one of one."""
    return [[[Piece(c, [i]), Piece(c, [i + 1])] for i, c in enumerate(step)] for step in text.split()]


def shown(steps: list[list[list[Piece]]]) -> list[list[Any]]:
    for step in steps:
        for round_ in step:
            assert len({(piece.corpus, piece.tasks) for piece in round_}) == 1
    return [[(round_[0].corpus, round_[0].tasks) for round_ in step] for step in steps]


def test_what_is_left_of_a_plan() -> None:
    tasks = {"a": ("x", "y"), "b": ("y",)}
    stop, slow = Care(1, converged="stop"), Care(1, converged="slow", every=2)

    def thin(care: Care, text: str, *resting: str) -> list[list[Any]]:
        return shown(care.thin(plan(text), resting=frozenset(resting), tasks_of=tasks.__getitem__))

    assert thin(stop, "ab b aa", "y") == [[("a", ("x",))], [], [("a", ("x",)), ("a", ("x",))]]
    assert thin(stop, "ab b", "x", "y") == [[], []]
    assert thin(stop, "ab b") == [[("a", ("x", "y")), ("b", ("y",))], [("b", ("y",))]]
    # Counted by corpus: the first, the third, ... round of each trains all its tasks, which None stands for.
    assert thin(slow, "ab b aa bb", "y") == [
        [("a", None), ("b", None)], [], [("a", ("x",)), ("a", None)], [("b", None)],
    ]  # fmt: skip
    assert thin(slow, "aaaa", "x", "y") == [[("a", None), ("a", None)]]


class Figures:
    """Stands for evaluation and gives scores of ``upos`` and ``mood`` in turn."""

    def __init__(self, *scores: tuple[float, float]) -> None:
        self.scores = iter(scores)

    def __call__(self) -> tuple[dict[str, Scores], float]:
        upos, mood = next(self.scores)
        found = {"upos": Scores("f1", {"f1": upos}), "mood": Scores("f1", {"f1": mood})}
        return found, upos + mood


def losses_by_epoch(events: list[Any]) -> list[list[set[str]]]:
    """The tasks of each trained step by epoch, from a log of every step."""
    found: list[list[set[str]]] = [[]]
    for event in events:
        if isinstance(event, StepsDone):
            found[-1].append(set(event.losses))
        if isinstance(event, Evaluated):
            found.append([])
    return found[:-1]


def test_a_converged_task_stops_and_wakes_up(make_run: Make) -> None:
    run = make_run(["upos", "mood"], epochs=4, log_every=1, converged_after=1, converged="stop")
    trainer = run.trainer
    trainer.evaluate = Figures((0.5, 0.5), (0.6, 0.5), (0.7, 0.4), (0.7, 0.4))
    events = list(trainer.run())
    assert [e.converged for e in events if isinstance(e, Evaluated)] == [(), ("mood",), (), ("mood", "upos")]
    assert [e.best_tasks for e in events if isinstance(e, Evaluated)] == [("upos", "mood"), ("upos",), ("upos",), ()]
    epochs = losses_by_epoch(events)
    steps = len(trainer.planner.plan(0))
    assert [len(epoch) for epoch in epochs][:2] == [steps, steps]
    assert all({"mood"} in epochs[e] for e in (0, 1, 3))
    assert all(tasks == {"upos"} for tasks in epochs[2])
    assert 0 < len(epochs[2]) < steps
    last = [e for e in events if isinstance(e, StepsDone)][-1]
    assert last.step == sum(len(trainer.planner.plan(e)) for e in range(4))  # steps are counted by the whole plan
    assert events[-1].reason == "converged"


def test_slowly(make_run: Make) -> None:
    settings: dict[str, Any] = {"converged_after": 1, "converged": "slow", "converged_every": 2}
    trainer = make_run(["upos", "mood"], epochs=3, log_every=1, **settings).trainer
    trainer.evaluate = Figures(*[(0.5, 0.5)] * 3)
    events = list(trainer.run())
    last = losses_by_epoch(events)[2]
    batches = [piece.corpus for [[piece]] in trainer.planner.plan(2)]
    for corpus, task in (("ud", "upos"), ("talk", "mood")):
        assert last.count({task}) == -(-batches.count(corpus) // 2)
    assert events[-1].reason == "finished"


def test_nothing_is_left_to_train(make_run: Make) -> None:
    trainer = make_run(["upos", "mood"], epochs=9, converged_after=2, converged="stop").trainer
    trainer.evaluate = Figures(*[(0.5, 0.5)] * 9)
    events = list(trainer.run())
    assert sum(isinstance(e, Evaluated) for e in events) == 3
    assert events[-1] == Ended(trainer.progress.step, "converged")


def test_one_corpus_after_another(make_run: Make) -> None:
    settings: dict[str, Any] = {"evaluate_every": 2, "converged_after": 1, "converged": "stop"}
    trainer = make_run(["upos", "mood"], epochs=1, sampling={"scheme": "sequential"}, **settings).trainer
    trainer.evaluate = Figures(*[(i / 100, 0.5) for i in range(20)])
    first = [piece.corpus for [[piece]] in trainer.planner.plan(0)].index("talk")
    resting = [(e.step, e.converged) for e in trainer.run() if isinstance(e, Evaluated)]
    assert all(not converged for step, converged in resting if step <= first)  # mood's time has not come
    assert any("mood" in converged for _, converged in resting)


def test_patience_goes_first(make_run: Make) -> None:
    trainer = make_run(["upos", "mood"], epochs=9, patience=1, converged_after=1, converged="stop").trainer
    trainer.evaluate = Figures(*[(0.5, 0.5)] * 9)
    assert list(trainer.run())[-1].reason == "no improvement"


@pytest.mark.parametrize(("mode", "accumulation"), [("slow", 2), ("stop", 1)])
def test_resumed_in_the_middle(make_run: Make, tmp_path: Path, mode: str, accumulation: int) -> None:
    settings: dict[str, Any] = {
        "epochs": 4, "log_every": 1, "evaluate_every": 3, "checkpoint_every": 2, "converged_after": 1,
        "converged_margin": 0.02, "converged": mode, "converged_every": 2, "accumulation": accumulation,
        "best_per_task": True,
    }  # fmt: skip
    tasks = ["upos", "type", "chunks", "mood"]
    whole = list(make_run(tasks, output="whole", **settings).events())
    resting = [event.converged for event in whole if isinstance(event, Evaluated)]
    assert len(set(resting)) > 2, resting  # some rest at one time and others at another
    cut = next(e for e in whole if isinstance(e, Evaluated) and e.converged).step + 1
    events = make_run(tasks, output="cut", **settings).events()
    for event in events:
        if event.step >= cut:
            break
    events.close()
    resumed = make_run(tasks, output="cut", resume=True, **settings)
    assert resumed.trainer.progress.care
    rest = [e for e in resumed.events() if isinstance(e, Evaluated)]
    assert rest == [e for e in whole if isinstance(e, Evaluated)][-len(rest) :]
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("model.safetensors"))
    assert len(files) == 1 + len(tasks)
    for file in files:
        assert (tmp_path / "cut" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_the_best_for_each_task_is_kept(make_run: Make, tmp_path: Path) -> None:
    run = make_run(["upos", "type"], epochs=4, best_per_task=True)
    weights: dict[int, dict[str, Any]] = {}
    events = []
    for event in run.events():
        if isinstance(event, Evaluated):
            events.append(event)
            weights[event.step] = {n: v.clone() for n, v in run.trainer.model.state_dict().items()}
    for task in ("upos", "type"):
        best = max(events, key=lambda e: (e.scores[task].main_value, -e.step))
        folder = tmp_path / "model" / "training" / "best" / task
        scores = json.loads((folder / "scores.json").read_text())
        assert scores["step"] == best.step
        assert scores["tasks"][task]["values"]["accuracy"] == best.scores[task].main_value
        saved = load_file(folder / "model.safetensors")
        assert all(bool((saved[name] == value).all()) for name, value in weights[best.step].items())
        document = hiernlp.load(str(folder))("The cat sees mary.")
        assert len(document.sentences) == 1
    best_of_all = json.loads((tmp_path / "model" / "scores.json").read_text())
    assert best_of_all["step"] == run.trainer.progress.best_step


def test_a_single_task_keeps_no_second_best(recipe_data: Make) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type"], best_per_task=True, converged_after=2))
    alone = single_task(recipe, "upos").training
    assert (alone.best_per_task, alone.converged_after) == (False, 2)


@pytest.mark.parametrize("settings", [{"converged_after": 1}, {"best_per_task": True}])
def test_without_development_data(recipe_data: Make, tmp_path: Path, settings: dict[str, Any]) -> None:
    data = recipe_data(["upos"], **settings)
    data["corpora"]["ud"].pop("dev")
    [key] = settings
    with pytest.raises(HierNLPError, match=rf"^training.{key}: needs development data"):
        Run(validate_recipe(data), tmp_path / "model")
