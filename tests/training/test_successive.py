"""Successive regularisation: the moments of the snapshots and the term by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.hub import load_bundle
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.events import Ended
from hiernlp.training.settings import SuccessiveSettings
from hiernlp.training.successive import Successive

TASKS = ["upos", "dependencies", "type"]
FEEDS = [{"from": "upos"}, {"from": "upos", "to": "dependencies"}, {"from": "dependencies", "to": "type"}]
DELTA, HEAD_DELTA = 0.25, 3.0


@pytest.fixture
def model(make_run: Callable[..., Any]) -> Any:
    return make_run(TASKS, feeds=FEEDS).trainer.model


def names(model: Any, held: list[tuple[Any, float]]) -> dict[str, float]:
    by_id = {id(parameter): name for name, parameter in model.named_parameters()}
    return {by_id[id(parameter)]: delta for parameter, delta in held}


def successive(model: Any) -> Successive:
    return Successive(model, SuccessiveSettings(delta=DELTA, head_delta=HEAD_DELTA), order=TASKS)


def test_what_is_held_in_each_turn(model: Any) -> None:
    held = successive(model)
    held.enter(0, "upos")
    assert held.held() == []
    held.enter(1, "upos")
    found = names(model, held.held())
    assert found
    assert all(".embeddings." in name and delta == DELTA for name, delta in found.items())
    held.enter(1, "dependencies")
    found = names(model, held.held())
    # UPOS reads layer 1; its head is held more firmly; what it is fed by is nothing.
    assert {delta for name, delta in found.items() if name.startswith("scheme")} == {DELTA}
    assert {name.split("layer.")[1][0] for name in found if "layer." in name} == {"0"}
    rest = {name: delta for name, delta in found.items() if not name.startswith("scheme")}
    assert {name.split(".")[1] for name in rest} == {"upos"}
    assert set(rest.values()) == {HEAD_DELTA}
    held.enter(1, "type")
    found = names(model, held.held())
    # Dependencies read layer 3 with what UPOS fed them, both into the encoder and to the head.
    assert {name.split("layer.")[1][0] for name in found if "layer." in name} == {"0", "1", "2"}
    assert {name for name in found if name.startswith("label")} == {
        "label_embeddings.upos->encoder",
        "label_embeddings.upos->dependencies",
    }
    assert not any(name.startswith(("heads.type", "shortcuts.type")) for name in found)


def test_letter_case_is_held_as_the_embeddings_are(recipe_data: Callable[..., Any], tmp_path: Path) -> None:
    data = recipe_data(TASKS, feeds=FEEDS) | {"encoding": {"letter_case": True}}
    cased = Run(validate_recipe(data), tmp_path / "cased").trainer.model
    held = successive(cased)
    held.enter(0, "upos")
    assert held.held() == []
    for epoch, task in ((1, "upos"), (1, "dependencies"), (1, "type")):
        held.enter(epoch, task)
        assert names(cased, held.held())["case_embedding"] == DELTA


def test_the_term_by_hand(model: Any) -> None:
    held = successive(model)
    bias = dict(model.named_parameters())["heads.upos.scorer.1.bias"]
    other = dict(model.named_parameters())["heads.upos.scorer.1.weight"]
    with torch.no_grad():
        bias.copy_(torch.arange(float(len(bias))))
    held.enter(0, "dependencies")
    bias.grad = torch.ones_like(bias)
    held.add_gradient()
    assert bias.grad.tolist() == [1.0] * len(bias)  # nothing has moved yet
    with torch.no_grad():
        bias.add_(0.5)
        other.add_(1.0)
    held.enter(0, "dependencies")  # the same turn: no other snapshot
    held.add_gradient()
    # d/d theta of 3 (theta - theta')^2 at a distance of 0.5
    assert bias.grad.tolist() == [1.0 + 2 * HEAD_DELTA * 0.5] * len(bias)
    assert other.grad is None  # the step does not move it
    held.enter(0, "type")  # the turn has ended: what it came to is held now
    bias.grad = torch.zeros_like(bias)
    held.add_gradient()
    assert not bias.grad.any()


def test_it_goes_on_within_a_turn(model: Any) -> None:
    held, again = successive(model), successive(model)
    held.enter(2, "type")
    bias = dict(model.named_parameters())["heads.upos.scorer.1.bias"]
    with torch.no_grad():
        bias.add_(1.0)
    again.load_state_dict(held.state_dict())
    bias.grad = torch.zeros_like(bias)
    again.add_gradient()
    assert bias.grad.tolist() == pytest.approx([2 * HEAD_DELTA] * len(bias))
    empty = successive(model)
    empty.load_state_dict(successive(model).state_dict())
    assert empty.held() == []


def distance(make_run: Callable[..., Any], name: str, delta: float) -> float:
    """Return how far the last turn of an epoch, of three, moves what the lower tasks use."""
    run = make_run(
        TASKS,
        feeds=FEEDS,
        output=name,
        epochs=1,
        sampling={"order": "sequential"},
        successive={"delta": delta, "head_delta": delta},
        clip=None,
        warmup=0.0,
        schedule="constant",
        log_every=1,
        weight_decay=0.0,
    )
    before: dict[str, torch.Tensor] = {}
    for event in run.trainer.run():
        if type(event).__name__ == "StepsDone" and "type" not in event.losses:
            before = {n: p.detach().clone() for n, p in run.trainer.model.named_parameters() if "layer.0." in n}
    after = dict(run.trainer.model.named_parameters())
    return float(sum(((after[n].detach() - p) ** 2).sum() for n, p in before.items()))


def test_lower_layers_stay_nearer(make_run: Callable[..., Any]) -> None:
    assert distance(make_run, "firm", 1e3) < 0.7 * distance(make_run, "free", 0.0)


def test_dropped_and_resumed_within_a_turn(make_run: Callable[..., Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "feeds": FEEDS,
        "sampling": {"order": "sequential"},
        "successive": {"delta": 0.1, "head_delta": 0.5},
        "epochs": 2,
    }
    whole = make_run(TASKS, output="whole", **settings)
    list(whole.events())
    total = whole.trainer.progress.step
    cut = make_run(TASKS, output="cut", **settings)
    steps = 0
    step = cut.trainer.step

    def stopping(*arguments: Any) -> None:
        nonlocal steps
        step(*arguments)
        steps += 1
        if steps == total // 2 + 3:
            cut.trainer.ask_to_stop()

    cut.trainer.step = stopping
    assert [e.reason for e in cut.events() if isinstance(e, Ended)] == ["interrupted"]
    list(make_run(TASKS, output="cut", resume=True, **settings).events())
    one, other = (load_bundle(tmp_path / name).model.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_turns_are_needed(recipe_data: Callable[..., dict[str, Any]]) -> None:
    data = recipe_data(TASKS, feeds=FEEDS, successive={})
    with pytest.raises(HierNLPError, match=r"`sampling\.order: sequential`, found mixed"):
        validate_recipe(data)
