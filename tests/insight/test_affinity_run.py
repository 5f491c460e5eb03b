"""Measuring while a model is trained: nothing of training changes, and what is measured is the model's losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.experiment import build_trainer, new_accelerator, prepare
from hiernlp.insight.affinity_losses import AffinityMeter
from hiernlp.insight.affinity_run import AffinityRun
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]


def state(run: Any) -> tuple[dict[str, Tensor], list[Tensor], Tensor]:
    """Return a trainer's weights, its optimizer's moments, and the random numbers' state."""
    moments = [v.clone() for s in run._optimizer.state.values() for v in s.values() if isinstance(v, Tensor)]
    weights = {name: value.clone() for name, value in run.model.state_dict().items()}
    return weights, moments, torch.random.get_rng_state()


@pytest.mark.parametrize(("order", "precision"), [("mixed", "float32"), ("random", "bfloat16")])
def test_training_is_the_same_with_and_without_measuring(recipe_data: Make, order: str, precision: str) -> None:
    data = recipe_data(["upos", "dependencies", "mood", "holds"], precision=precision, epochs=1)
    data["sampling"] = {"order": order}
    recipe = validate_recipe(data)
    measured = AffinityRun(recipe, share=1.0, every=2)
    found = list(measured.measurements())
    plain = build_trainer(prepare(recipe), new_accelerator(recipe.training))
    list(plain.run())
    assert [m.step for m in found] == list(range(0, measured.steps, 2))
    assert measured.steps == plain.progress.step
    one, other = state(measured._trainer), state(plain)
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    assert all(torch.equal(a, b) for a, b in zip(one[1], other[1], strict=True))
    assert torch.equal(one[2], other[2])


def test_a_measurement_leaves_the_model_as_it_is(recipe_data: Make) -> None:
    run = AffinityRun(validate_recipe(recipe_data()), steps=3)
    trainer = run._trainer
    trainer.model.train()
    trainer.model.heads["upos"].eval()  # a mode of its own
    modes = [module.training for module in trainer.model.modules()]
    trainer.model(trainer.builder("ud", range(4)).words, tasks=["upos"])["upos"].scores.sum().backward()
    gradients = [None if p.grad is None else p.grad.clone() for p in trainer.model.parameters()]
    before = state(trainer)
    found = run._meter.measure(0)
    assert found is not None
    assert set(found.losses) == set(run.experiment.recipe.tasks)
    after = state(trainer)
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert torch.equal(before[2], after[2])
    assert [module.training for module in trainer.model.modules()] == modes
    for parameter, was in zip(trainer.model.parameters(), gradients, strict=True):
        assert parameter.grad is was is None or torch.equal(parameter.grad, was)  # type: ignore[arg-type]


def test_losses_are_those_of_the_model_over_all_corpora_of_a_task(recipe_data: Make) -> None:
    data = recipe_data(["upos", "mood"])
    data["corpora"]["more"] = data["corpora"]["ud"]
    run = AffinityRun(validate_recipe(data), steps=1)
    builder, model = run._trainer.builder, run.experiment.bundle.model
    batches = [builder("ud", [0]), builder("more", [1, 2, 3]), builder("talk", range(5))]
    model.eval()
    counts = {"upos": 0.0, "mood": batches[2].targets["mood"].count}
    counts["upos"] = sum(batch.targets["upos"].count for batch in batches[:2])
    found = run._meter.losses(batches, counts)
    both = builder("ud", range(4))
    expected = model(both.words, tasks=["upos"], targets=both.targets)["upos"] / both.targets["upos"].count
    torch.testing.assert_close(found["upos"], expected)
    assert set(found) == {"upos", "mood"}


def test_tasks_of_unlike_corpora_are_compared(recipe_data: Make) -> None:
    run = AffinityRun(validate_recipe(recipe_data(["upos", "mood", "shared"])), steps=6, every=5)
    found = list(run.measurements())[-1]
    assert all(found.affinity[i][j] is not None for i in found.losses for j in found.losses)
    assert found.affinity["upos"]["mood"] != 0
    assert found.affinity["mood"]["shared"] != 0
    assert all((found.affinity[i][i] or 0) > 0 for i in found.losses)
    # upos is at layer 1 of 4: what is above is not reached by its loss.
    assert [layer for layer, cosines in found.cosine_by_layer.items() if cosines["upos"]["mood"] is not None] == [
        "0",
        "1",
    ]


def test_batches_to_measure_on_begin_anew_when_used_up(recipe_data: Make) -> None:
    run = AffinityRun(validate_recipe(recipe_data(["upos", "type"])), steps=1)
    meter = run._meter
    seen: list[int] = []
    while len(seen) < 120:
        seen += meter._next("ud")
    assert sorted(seen[:60]) == list(range(60))
    assert sorted(seen[60:]) == list(range(60))
    assert seen[:60] != seen[60:]


def test_nothing_is_measured_while_nothing_shared_learns(recipe_data: Make) -> None:
    run = AffinityRun(validate_recipe(recipe_data(["upos", "type"], unfreeze_epochs=1.0)), share=1.0, every=2)
    found = list(run.measurements())
    assert found
    assert min(m.step for m in found) >= run.steps // 2  # in the first epoch heads alone learn
    assert all(m.cosine_by_layer["0"]["upos"]["type"] is None for m in found)


def test_how_long(recipe_data: Make) -> None:
    recipe = validate_recipe(recipe_data(["upos", "type"]))
    whole = AffinityRun(recipe, share=1.0).steps
    run = AffinityRun(recipe)
    assert (run.steps, run.steps_of_recipe) == (round(whole / 4), whole)
    assert AffinityRun(recipe, steps=10**6).steps == whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "--steps: expected 1 or more, found 0"),
        ({"share": 0.0}, "--share: expected a share of the recipe's steps, above 0 and at most 1, found 0"),
        ({"share": 1.5}, "--share: .* found 1.5"),
        ({"every": 0}, "--every: expected 1 or more"),
        ({"rate": 0.0}, "--rate: expected a number above 0, found 0"),
        ({"rate": float("nan")}, "--rate: expected a number above 0, found nan"),
        ({"steps": 1, "share": 0.5}, "leave one of them out"),
    ],
)
def test_mistakes(recipe_data: Make, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(HierNLPError, match=message):
        AffinityRun(validate_recipe(recipe_data(["upos", "type"])), **arguments)


def test_one_task(recipe_data: Make) -> None:
    with pytest.raises(
        RecipeError, match="expected two tasks or more whose affinity can be measured, found only 'upos'"
    ):
        AffinityRun(validate_recipe(recipe_data(["upos"])))


def test_a_batch_without_targets(recipe_data: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = AffinityRun(validate_recipe(recipe_data(["upos", "mood"])), steps=1)
    rows = list(run.experiment.train["talk"].rows())
    missing = [number for number, row in enumerate(rows) if row["mood"] is None][:2]
    monkeypatch.setattr(AffinityMeter, "_next", lambda _, corpus: [0] if corpus == "ud" else missing)
    found = run._meter.measure(0)
    assert found is not None
    assert set(found.losses) == {"upos"}
