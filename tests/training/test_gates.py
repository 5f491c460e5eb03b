"""Gates in training: a helper that does harm is shut out, one that helps is not; exact to resume, logged and drawn."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, build_trainer, new_accelerator, prepare
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.curves import Curves, figure
from hiernlp.training.events import StepsDone
from hiernlp.training.gates import cosine
from hiernlp.training.loop import Trainer
from hiernlp.training.measuring import shared_layers
from hiernlp.training.meters import Sums
from hiernlp.training.reports import RunLog, read_log

Make = Callable[..., dict[str, Any]]
GATES = {
    "similarity": {"every": 2, "decay": 0.9, "full": 0.1},
    "held_out": {"every": 2, "rate": 4.0, "toll": 0.05, "start": 0.8},
}


def helped(
    recipe_data: Make, folder: Path, *, method: str = "similarity", per: str = "task", **training: Any
) -> dict[str, Any]:
    """Sentences with tags, a helper that tells of them and one whose labels are drawn at random for every word."""
    draw = random.Random(3)
    data = copy.deepcopy(recipe_data(["upos"], **training))
    kin = {"NOUN": "thing", "VERB": "deed"}
    for split in ("train", "dev"):
        lines = []
        for block in Path(data["corpora"]["ud"][split]).read_text(encoding="utf-8").split("\n\n"):
            cells = [line.split("\t") for line in block.splitlines() if line[:1].isdigit()]
            if cells:
                tags = [word[3] for word in cells]
                noise = [draw.choice("abc") for _ in cells]
                kins = [kin.get(tag, "other") for tag in tags]
                lines.append({"words": [word[1] for word in cells], "upos": tags, "kin": kins, "noise": noise})
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    columns = ("upos", "kin", "noise")
    data["corpora"]["ud"] = {
        "reader": "tables",
        "options": {"words": "words", "columns": {c: c for c in columns}, "types": dict.fromkeys(columns, "tags")},
        **{split: str(folder / f"{split}.jsonl") for split in ("train", "dev")},
    }
    for helper in columns[1:]:
        data["tasks"][helper] = {
            "kind": "token_labels",
            "options": {"column": helper},
            "place": 1,
            "auxiliary": True,
            "gate": {"method": method, "options": GATES[method] | {"per": per}},
        }
    return data


@pytest.mark.parametrize("per", ["task", "layer"])
@pytest.mark.parametrize("method", list(GATES))
def test_harm_is_shut_out_and_help_is_not(recipe_data: Make, tmp_path: Path, method: str, per: str) -> None:
    data = helped(recipe_data, tmp_path, method=method, per=per, epochs=4, log_every=1)
    run = Run(validate_recipe(data), tmp_path / "model")
    (tmp_path / "log").mkdir()
    with RunLog(tmp_path / "log", tensorboard=False) as log:
        steps = []
        for event in run.events():
            log.write(event)
            if isinstance(event, StepsDone):
                steps.append(event.schedules)
    # Both read layer 1, so that they share the embeddings and that layer with the main task.
    layers = [""] if per == "task" else ["/0", "/1"]
    assert all(steps[-1][f"gate/noise{layer}"] < 0.25 for layer in layers)
    assert all(steps[-1][f"gate/kin{layer}"] > 0.5 for layer in layers)
    assert steps[-1].keys() == {f"gate/{helper}{layer}" for helper in ("kin", "noise") for layer in layers}
    # Logged, and drawn by what draws any run.
    lines = list(read_log(tmp_path / "log" / "log.jsonl"))
    curves = Curves.of(lines).schedules
    assert [[value for _, value in curves[name]] for name in curves] == [[s[name] for s in steps] for name in curves]
    drawn = {line.get_gid(): line for axes in figure(lines).axes for line in axes.get_lines()}
    assert steps[-1].keys() <= drawn.keys()
    looks = {(drawn[name].get_color(), drawn[name].get_alpha()) for name in steps[-1]}
    assert len(looks) == len(steps[-1])


def test_a_gate_holds_back_the_shared_gradient_alone(recipe_data: Make, tmp_path: Path) -> None:
    def gradients(gates: dict[str, float]) -> dict[str, Tensor]:
        run = prepare(validate_recipe(helped(recipe_data, tmp_path)))
        builder = build_trainer(run, new_accelerator(run.recipe.training)).builder
        model = run.bundle.model.eval()
        model.gates.update(gates)
        batch = builder("ud", [0, 1, 2])
        model(batch.words, tasks=("noise",), targets=batch.targets)["noise"].backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    whole, half, shut = (gradients({"noise": value}) for value in (1.0, 0.5, 0.0))
    assert whole.keys() == half.keys() == shut.keys()
    for name, gradient in whole.items():
        own = name.startswith("heads.noise")
        assert torch.equal(half[name], gradient if own else 0.5 * gradient)
        assert torch.equal(shut[name], gradient if own else torch.zeros_like(gradient))


def set_gates(trainer: Trainer, task: str, values: dict[str, float]) -> None:
    """Open gates by similarity as far as told, as if they had measured so."""
    assert trainer.gates is not None
    state = trainer.gates.state_dict()
    for layer, value in values.items():
        full = trainer.gates.gates[task][layer].options.full
        state[task][layer] = {"mean": value * full, "seen": 1.0}
    trainer.gates.load_state_dict(state)
    assert {layer: trainer.gates.values[f"{task}/{layer}"] for layer in values} == pytest.approx(values)


SHARES = [
    {"0": 0.25, "1": 1.0, "2": 0.5, "3": 0.75},
    {"0": 1.0, "1": 0.0, "2": 0.5, "3": 0.0},  # open below a shut one
    dict.fromkeys("0123", 0.5),
    dict.fromkeys("0123", 0.0),
]


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("view", [None, {"mask": 0.3, "answer": "all"}])
def test_each_layer_is_given_its_share_and_the_main_tasks_all_of_theirs(
    recipe_data: Make, tmp_path: Path, shares: dict[str, float], view: dict[str, Any] | None
) -> None:
    """A step of two batches, each of both tasks, against the gradients of each task by itself, in float64."""
    data = helped(recipe_data, tmp_path, per="layer", clip=None)
    del data["tasks"]["kin"]
    # The helper reads several layers and the embeddings, and a main task feeds the encoder below it.
    data["tasks"]["noise"] |= {"place": {"mix": [2, 3]}, "shortcut": True, "view": view, "weight": 0.5}
    data["feeds"] = [{"from": "upos"}]
    experiment = prepare(validate_recipe(data))
    trainer = build_trainer(experiment, new_accelerator(experiment.recipe.training))
    model = trainer.model.double().eval()
    for parameter in [*model.label_embeddings.parameters(), *model.shortcuts.parameters()]:
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    batches = [trainer.builder("ud", [0, 1, 2]), trainer.builder("ud", [3, 4, 5, 6])]

    def alone(task: str) -> dict[str, Tensor]:
        model.zero_grad()
        count = sum(batch.targets[task].count for batch in batches)
        for batch in batches:
            (model(batch.words, tasks=(task,), targets=batch.targets, views=batch.views)[task] / count).backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    main, helper = alone("upos"), alone("noise")
    model.zero_grad()
    set_gates(trainer, "noise", shares)
    assert bool(model.held_back) == (len(set(shares.values())) > 1)
    found: dict[str, Tensor] = {}
    trainer.optimizer.register_step_pre_hook(
        lambda *_: found.update({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    )
    trainer.progress.step = 1  # between two measurements
    trainer.step(batches, Sums())

    layer_of = {id(p): layer for layer, parameters in shared_layers(model).items() for p in parameters}
    fed = {id(p): "1" for p in [*model.own_parameters("upos"), *model.label_embeddings.parameters()]}
    expected: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        share = shares.get((layer_of | fed).get(id(parameter), "own"), 1.0)
        expected[name] = main.get(name, 0) + 0.5 * share * helper.get(name, torch.zeros_like(parameter))
    assert found.keys() <= expected.keys()
    for name, gradient in expected.items():
        # Losses are in float32, whence the tolerance.
        torch.testing.assert_close(found.get(name, torch.zeros_like(gradient)), gradient, rtol=1e-5, atol=1e-8)


def test_a_layers_gate_looks_at_that_layer_alone(recipe_data: Make, tmp_path: Path) -> None:
    data = helped(recipe_data, tmp_path, per="layer", batch_subwords=100_000)
    data["tasks"]["kin"] |= {"place": 3, "gate": {"method": "similarity", "options": {"per": "layer", "full": 1.0}}}
    data["tasks"]["upos"]["place"] = 2
    experiment = prepare(validate_recipe(data))
    trainer = build_trainer(experiment, new_accelerator(experiment.recipe.training))
    model, gates = experiment.bundle.model.eval(), trainer.gates
    assert gates is not None
    layers = shared_layers(model)
    for parameter in layers["1"]:
        parameter.requires_grad_(False)
    # One batch holds the whole corpus, so that its order is nothing to the mean.
    batch = trainer.builder("ud", list(range(60)))
    losses = model(batch.words, tasks=("upos", "kin"), targets=batch.targets)

    def direction(task: str, layer: str) -> Tensor:
        found = torch.autograd.grad(losses[task], layers[layer], retain_graph=True, allow_unused=True)
        return torch.cat([torch.zeros(0) if g is None else g.flatten() for g in found])

    gates.measure(0)
    for layer in ("0", "2"):
        by_hand = torch.cosine_similarity(direction("upos", layer), direction("kin", layer), dim=0).item()
        assert gates.gates["kin"][layer].mean / gates.gates["kin"][layer].seen == pytest.approx(by_hand, abs=1e-4)
    # A frozen layer, and one that the main task does not reach, tell nothing.
    assert [gates.gates["kin"][layer].seen for layer in ("1", "3")] == [0, 0]
    assert list(gates.gates["kin"]) == ["0", "1", "2", "3"]


def test_measuring_changes_nothing_but_the_gates(recipe_data: Make, tmp_path: Path) -> None:
    experiment = prepare(validate_recipe(helped(recipe_data, tmp_path, method="held_out")))
    trainer = build_trainer(experiment, new_accelerator(experiment.recipe.training))
    model, gates = experiment.bundle.model, trainer.gates
    assert gates is not None
    before = {name: value.clone() for name, value in model.state_dict().items()}
    numbers = torch.random.get_rng_state()
    started = dict(gates.values)
    gates.measure(1)  # between two turns
    assert gates.values == started
    gates.measure(2, ended=["noise"])
    assert gates.values["noise"] == started["noise"]
    assert gates.values["kin"] != started["kin"]
    assert model.gates == gates.values
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), numbers)


@pytest.mark.parametrize("per", ["task", "layer"])
@pytest.mark.parametrize("method", list(GATES))
def test_a_resumed_run_has_the_same_gates(recipe_data: Make, tmp_path: Path, method: str, per: str) -> None:
    recipe = validate_recipe(helped(recipe_data, tmp_path, method=method, per=per, log_every=1, checkpoint_every=3))
    whole = [e.schedules for e in Run(recipe, tmp_path / "whole").events() if isinstance(e, StepsDone)]
    events = Run(recipe, tmp_path / "cut").events()
    for event in events:
        if isinstance(event, StepsDone) and event.step == 5:
            break
    events.close()
    resumed = Run(recipe, tmp_path / "cut", resume=True)
    again = [e.schedules for e in resumed.events() if isinstance(e, StepsDone)]
    assert again == whole[3:]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]


def test_cosines_by_hand() -> None:
    one, other = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert cosine([one], [other]) == pytest.approx(24 / 25)
    assert cosine([one, None], [-one, other]) == pytest.approx(-1)
    assert cosine([one, other], [one, None]) == pytest.approx(1)
    assert cosine([one], [torch.zeros(2)]) == 0
    assert cosine([None], [one]) is None


def test_mistakes(recipe_data: Make, tmp_path: Path) -> None:
    def told(change: Callable[[dict[str, Any]], object]) -> str:
        data = helped(recipe_data, tmp_path, method="held_out")
        change(data)
        with pytest.raises(HierNLPError) as error:
            Run(validate_recipe(data), tmp_path / "model")
        return str(error.value)

    assert "expected an auxiliary task" in told(lambda d: d["tasks"]["upos"].update(gate={"method": "held_out"}))
    assert "take out `gate` or `reversal`" in told(lambda d: d["tasks"]["noise"].update(reversal={}))
    assert "take out the feed or the gate" in told(lambda d: d["feeds"].append({"from": "upos", "to": "noise"}))
    assert "did you mean 'similarity'" in told(lambda d: d["tasks"]["noise"]["gate"].update(method="similar"))
    assert "tasks.noise.gate.options.decai: unknown key" in told(
        lambda d: d["tasks"]["noise"].update(gate={"method": "similarity", "options": {"decai": 1}})
    )
    layered = {"method": "similarity", "options": {"per": "layer"}}
    assert "tasks.noise.gate.options.per: 'noise' feeds others" in told(
        lambda d: (
            d["tasks"]["noise"].update(gate=layered),
            d["training"].update(keep_auxiliary=True),
            d["feeds"].append({"from": "noise"}),
        )
    )
    assert "compares with development data" in told(lambda d: d["corpora"]["ud"].pop("dev"))
