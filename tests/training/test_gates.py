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
from hiernlp.training.gates import cosine
from hiernlp.training.loop import StepsDone
from hiernlp.training.reports import RunLog, read_log

Make = Callable[..., dict[str, Any]]
GATES = {
    "similarity": {"every": 2, "decay": 0.9, "full": 0.1},
    "held_out": {"every": 2, "rate": 4.0, "toll": 0.05, "start": 0.8},
}


def helped(recipe_data: Make, folder: Path, *, method: str = "similarity", **training: Any) -> dict[str, Any]:
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
            "gate": {"method": method, "options": GATES[method]},
        }
    return data


@pytest.mark.parametrize("method", list(GATES))
def test_harm_is_shut_out_and_help_is_not(recipe_data: Make, tmp_path: Path, method: str) -> None:
    data = helped(recipe_data, tmp_path, method=method, epochs=4, log_every=1)
    run = Run(validate_recipe(data), tmp_path / "model")
    (tmp_path / "log").mkdir()
    with RunLog(tmp_path / "log", tensorboard=False) as log:
        steps = []
        for event in run.events():
            log.write(event)
            if isinstance(event, StepsDone):
                steps.append(event.schedules)
    assert steps[-1]["gate/noise"] < 0.25
    assert steps[-1]["gate/kin"] > 0.5
    assert steps[-1].keys() == {"gate/kin", "gate/noise"}
    # Logged, and drawn by what draws any run.
    lines = list(read_log(tmp_path / "log" / "log.jsonl"))
    assert [value for _, value in Curves.of(lines).schedules["gate/noise"]] == [s["gate/noise"] for s in steps]
    drawn = {line.get_gid() for axes in figure(lines).axes for line in axes.get_lines()}
    assert {"gate/kin", "gate/noise"} <= drawn


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


@pytest.mark.parametrize("method", list(GATES))
def test_a_resumed_run_has_the_same_gates(recipe_data: Make, tmp_path: Path, method: str) -> None:
    recipe = validate_recipe(helped(recipe_data, tmp_path, method=method, log_every=1, checkpoint_every=3))
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
    assert cosine([one], [torch.zeros(2)]) == cosine([None], [one]) == 0


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
    assert "compares with development data" in told(lambda d: d["corpora"]["ud"].pop("dev"))
