"""The training loop: what a step minimises, what it never does, and what a run yields."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from hiernlp.kinds._base import Scores
from hiernlp.training.data import TrainingBatch
from hiernlp.training.events import Ended, Evaluated, StepsDone
from hiernlp.training.meters import Sums
from hiernlp.training.optimizer import learning_rate_factor

ALL = ["upos", "xpos", "entities", "dependencies", "type"]
"""All tasks of one corpus."""


@pytest.fixture
def still(make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that makes a trainer whose steps leave their gradients and change nothing; no dropout."""

    def make(tasks: list[str] | None = None, **changes: Any) -> Any:
        trainer = make_run(tasks, clip=None, **changes).trainer
        trainer.model.eval()
        monkeypatch.setattr(trainer._optimizer, "step", lambda: None)
        monkeypatch.setattr(trainer._optimizer, "zero_grad", lambda set_to_none: None)
        return trainer

    return make


def gradients(trainer: Any, batches: list[TrainingBatch]) -> tuple[dict[str, torch.Tensor], Sums]:
    trainer.model.zero_grad()
    sums = Sums()
    trainer.step(batches, sums)
    found = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    return found, sums


def assert_close(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], *, scale: float = 1.0) -> None:
    assert set(a) == set(b)
    for name, value in a.items():
        torch.testing.assert_close(value, scale * b[name], rtol=2e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")


def test_accumulated_batches_are_one_batch(still: Callable[..., Any]) -> None:
    trainer = still(ALL)
    # Of unlike size, so that a mean of means would be another number.
    whole, of_whole = gradients(trainer, [trainer.builder("ud", range(10))])
    parts, of_parts = gradients(trainer, [trainer.builder("ud", [0]), trainer.builder("ud", range(1, 10))])
    assert_close(whole, parts)
    assert of_whole.total is not None
    torch.testing.assert_close(of_whole.total, of_parts.total, rtol=1e-5, atol=0)
    for task in ALL:
        torch.testing.assert_close(of_whole.losses[task], of_parts.losses[task], rtol=1e-5, atol=0)


def test_a_step_over_two_corpora_is_the_sum_of_their_losses(still: Callable[..., Any]) -> None:
    trainer = still(["upos", "mood", "length"])
    ud, talk = trainer.builder("ud", range(6)), trainer.builder("talk", range(6))
    both, _ = gradients(trainer, [ud, talk])
    one, _ = gradients(trainer, [ud])
    other, _ = gradients(trainer, [talk])
    assert not {name for name in one if "heads.mood" in name}
    assert_close(both, {n: one.get(n, 0) + other.get(n, 0) for n in both})


def test_a_longer_batch_weighs_no_more(still: Callable[..., Any]) -> None:
    trainer = still(ALL)
    once, _ = gradients(trainer, [trainer.builder("ud", [0, 1, 2])])
    thrice, sums = gradients(trainer, [trainer.builder("ud", [0, 1, 2] * 3)])
    assert_close(once, thrice)
    _, before = gradients(trainer, [trainer.builder("ud", [0, 1, 2])])
    torch.testing.assert_close(sums.total, before.total, rtol=1e-5, atol=0)


def test_a_loss_is_the_mean_over_its_own_targets(still: Callable[..., Any]) -> None:
    trainer = still(["upos", "type"])
    batch = trainer.builder("ud", range(5))
    words = sum(batch.words.lengths)
    assert {task: targets.count for task, targets in batch.targets.items()} == {"upos": words, "type": 5}
    _, sums = gradients(trainer, [batch])
    outputs = trainer.model(batch.words, tasks=["upos", "type"])
    labels = batch.targets["upos"].tensors["labels"]
    logs = outputs["upos"].scores.double().log_softmax(-1)
    by_hand = [-logs[b, n, label] for b, row in enumerate(labels.tolist()) for n, label in enumerate(row) if label >= 0]
    assert len(by_hand) == words
    assert sums.losses["upos"].item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-5)
    assert sums.total is not None
    assert sums.total.item() == pytest.approx(sum(loss.item() for loss in sums.losses.values()), rel=1e-6)


def test_weights_multiply(still: Callable[..., Any]) -> None:
    trainer = still(["upos", "type"])
    batch = trainer.builder("ud", range(5))
    plain, _ = gradients(trainer, [batch])
    trainer._balancer.task_weights.update(upos=3.0, type=0.0)
    weighted, sums = gradients(trainer, [batch])
    assert_close(
        {n: g for n, g in weighted.items() if "upos" in n}, {n: g for n, g in plain.items() if "upos" in n}, scale=3
    )
    assert all((g == 0).all() for n, g in weighted.items() if "heads.type" in n)
    assert set(sums.losses) == {"upos", "type"}  # what is logged are the tasks' own losses


def test_a_missing_annotation_costs_nothing(still: Callable[..., Any]) -> None:
    trainer = still()
    for corpus in ("ud", "talk"):
        full = trainer.builder(corpus, [0, 1, 2])
        split = trainer.builder.splits[corpus]
        rows = list(split.rows([0, 1, 2]))
        size = int(full.words.word_mask.shape[1])
        for task in split.tasks:
            head = trainer.model.heads[task]
            targets = [head.targets(row) for row in rows]
            some = head.collate([targets[0], None, targets[2]], size)
            none = head.collate([None, None, None], size)
            alone, alone_sums = gradients(trainer, [TrainingBatch(full.words, {task: some})])
            two = trainer.builder(corpus, [0, 2])
            pair, pair_sums = gradients(trainer, [TrainingBatch(two.words, {task: two.targets[task]})])
            assert some.count == two.targets[task].count
            assert_close(alone, pair)
            torch.testing.assert_close(alone_sums.total, pair_sums.total, rtol=1e-5, atol=1e-7)
            assert none.count == 0
            nothing, nothing_sums = gradients(trainer, [TrainingBatch(full.words, {task: none})])
            assert nothing_sums.total is not None
            assert nothing_sums.total.item() == 0
            assert all((g == 0).all() for g in nothing.values())


READS = {
    "_local_scalar_dense", "item", "is_nonzero", "equal", "allclose", "nonzero", "nonzero_static", "argwhere",
    "masked_select", "unique_consecutive", "unique_dim", "_unique", "_unique2", "bincount", "to_padded_tensor",
}  # fmt: skip
"""Operations that wait for the device, since their result or its shape depends on values."""


class NoReadBack(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in READS, f"{name} waits for the device"
        if (
            name.startswith(("index", "_index", "_unsafe_index"))
            and len(args) > 1
            and isinstance(args[1], list | tuple)
        ):
            chosen = [i for i in args[1] if i is not None]
            assert all(i.dtype not in (torch.bool, torch.uint8) for i in chosen), (
                f"{name} by a mask waits for the device"
            )
        if name == "repeat_interleave":
            assert (kwargs or {}).get("output_size") is not None, (
                "repeat_interleave without its size waits for the device"
            )
        return func(*args, **(kwargs or {}))


def test_the_check_for_read_backs_finds_them() -> None:
    numbers = torch.arange(3)
    for read in (numbers.sum().item, lambda: numbers[numbers > 1], numbers.nonzero, lambda: bool(numbers.any())):
        with pytest.raises(AssertionError, match="waits for the device"), NoReadBack():
            read()


def test_a_step_reads_nothing_back(make_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make_run().trainer
    for head in trainer.model.heads.values():
        monkeypatch.setattr(head, "decode", lambda *a, **k: pytest.fail("decoding in training"))
    batches = [trainer.builder("ud", range(7)), trainer.builder("talk", range(6)), trainer.builder("pairs", range(5))]
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    sums = Sums()
    trainer.model.train()
    with NoReadBack():
        trainer.step(batches, sums)
        trainer.step(batches[:1], sums)
    changed = {name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("heads")} == set(trainer.model.tasks)
    assert any(name.startswith("label_embeddings") for name in changed)


def test_random_balancing_reads_nothing_back(make_run: Callable[..., Any]) -> None:
    from hiernlp.balancing.random import Random, RandomOptions

    trainer = make_run(["upos", "type"]).trainer
    trainer._balancer = Random(options=RandomOptions(), weights={"upos": 1.0, "type": 1.0})
    batch = trainer.builder("ud", range(7))
    with NoReadBack():
        trainer.step([batch], Sums())


def test_one_task_is_plain_fine_tuning(
    recipe_data: Callable[..., dict[str, Any]], tiny_encoder: Path, tmp_path: Path
) -> None:
    """The same as a loop by hand over transformers' own model: no dropout, same batches, same optimizer."""
    from transformers import BertModel

    from hiernlp.experiment import Run
    from hiernlp.recipe.files import validate_recipe

    data = recipe_data(["upos"], epochs=2, clip=1.0)
    dropouts = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    data["encoder"]["config"] = dropouts
    data["tasks"]["upos"] = {"kind": "token_labels", "options": {"column": "upos", "dropout": 0.0}, "place": "top"}
    run = Run(validate_recipe(data), tmp_path / "model")
    trainer = run.trainer
    bert = BertModel.from_pretrained(tiny_encoder, **dropouts)
    head = torch.nn.Linear(32, 5)
    scorer = trainer.model.heads["upos"].scorer
    head.load_state_dict({n.split(".")[-1]: p.clone() for n, p in scorer.state_dict().items()})
    own = [p for n, p in bert.named_parameters() if "pooler" not in n]
    groups = [
        {"params": [p for p in own if p.ndim > 1], "peak": 1e-3, "weight_decay": 0.01},
        {"params": [p for p in own if p.ndim < 2], "peak": 1e-3, "weight_decay": 0.0},
        {"params": [head.weight], "peak": 1e-2, "weight_decay": 0.01},
        {"params": [head.bias], "peak": 1e-2, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups)
    plan = [trainer.planner.plan(epoch) for epoch in range(2)]
    for epoch, steps in enumerate(plan):
        for number, [[piece]] in enumerate(steps):
            batch = trainer.builder(piece.corpus, piece.indices)
            mask = batch.words.attention_mask
            mask = None if mask is None else mask.long()
            states = bert(input_ids=batch.words.input_ids, attention_mask=mask).last_hidden_state
            words = states.flatten(0, 1)[batch.words.word_index]
            labels = batch.targets["upos"].tensors["labels"]
            F.cross_entropy(head(words).flatten(0, 1), labels.flatten()).backward()
            torch.nn.utils.clip_grad_norm_([*own, *head.parameters()], 1.0)
            share = (epoch + (number + 0.5) / len(steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * learning_rate_factor(share, trainer.settings)
            optimizer.step()
            optimizer.zero_grad()
    list(run.events())
    trained = dict(trainer.model.scheme.encoder.model.named_parameters())
    for name, parameter in bert.named_parameters():
        if "pooler" not in name:
            torch.testing.assert_close(
                trained[name], parameter, rtol=1e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_what_lies_above_the_deepest_task_stays_bit_for_bit(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run(["upos", "chunks"], weight_decay=0.5)
    before = {n: p.detach().clone() for n, p in run.trainer.model.named_parameters()}
    list(run.events())
    for name, parameter in run.trainer.model.named_parameters():
        above = ".layer.2." in name or ".layer.3." in name
        assert torch.equal(parameter, before[name]) == above, name


@pytest.mark.parametrize("settings", [{"frozen_layers": 2}, {"frozen_layers": 2, "unfreeze_epochs": 0.25}])
def test_frozen_layers_stay(make_run: Callable[..., Any], settings: dict[str, Any]) -> None:
    run = make_run(["type"], weight_decay=0.5, **settings)
    before = {n: p.detach().clone() for n, p in run.trainer.model.named_parameters()}
    list(run.events())
    for name, parameter in run.trainer.model.named_parameters():
        frozen = any(part in name for part in ("embeddings", ".layer.0.", ".layer.1."))
        assert torch.equal(parameter, before[name]) == frozen, name


def test_layers_thaw_from_the_top(make_run: Callable[..., Any]) -> None:
    run = make_run(["type"], epochs=3, unfreeze_epochs=0.5, log_every=1)
    encoder = run.trainer.model.scheme.encoder
    thawed = []
    for event in run.events():
        if isinstance(event, StepsDone):
            thawed.append(sum(all(p.requires_grad for p in group) for group in encoder.parameters_by_layer()))
    assert thawed == sorted(thawed)
    assert (thawed[0], thawed[-1]) == (0, 5)


def test_bfloat16_keeps_losses_in_float32(make_run: Callable[..., Any]) -> None:
    seen: list[torch.dtype] = []
    run = make_run(precision="bfloat16", epochs=4)
    trainer = run.trainer
    first = trainer.model.scheme.encoder.layers[0]
    first.register_forward_hook(
        lambda m, a, output: seen.append((output[0] if isinstance(output, tuple) else output).dtype)
    )
    inner = first.attention.self.query
    inner.register_forward_hook(lambda m, a, output: seen.append(output.dtype))
    losses = []
    for corpus in ("ud", "talk"):
        batch = trainer.builder(corpus, range(5))
        found = trainer._wrapped(batch.words, tasks=tuple(batch.targets), targets=batch.targets)
        assert {loss.dtype for loss in found.values()} == {torch.float32}
        losses += list(found.values())
    torch.stack(losses).sum().backward()
    assert torch.bfloat16 in seen
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
    assert all(p.grad.isfinite().all() for p in trainer.model.parameters() if p.grad is not None)
    trainer.model.zero_grad()
    events = [e for e in run.events() if isinstance(e, StepsDone)]
    assert events[-1].losses["dependencies"] < events[0].losses["dependencies"]


def test_runs_of_several_precisions_in_one_process(make_run: Callable[..., Any]) -> None:
    for number, precision in enumerate(["float32", "bfloat16", "float32"]):
        run = make_run(["upos"], precision=precision, output=f"run{number}", epochs=1)
        assert run.accelerator.mixed_precision == {"float32": "no", "bfloat16": "bf16"}[precision]


class Figures:
    """Stands for evaluation and gives figures in turn."""

    def __init__(self, *figures: float) -> None:
        self.figures: Iterator[float] = iter(figures)

    def __call__(self) -> tuple[dict[str, Scores], float]:
        figure = next(self.figures)
        return {"upos": Scores("accuracy", {"accuracy": figure})}, figure


def test_patience(make_run: Callable[..., Any]) -> None:
    trainer = make_run(["upos"], epochs=9, patience=2).trainer
    trainer.evaluate = Figures(0.1, 0.3, 0.3, 0.2, 0.9)
    events = list(trainer.run())
    evaluated = [e for e in events if isinstance(e, Evaluated)]
    assert [e.is_best for e in evaluated] == [True, True, False, False]
    assert events[-1] == Ended(trainer.progress.step, "no improvement")
    assert trainer.progress.best_step == evaluated[1].step


def test_evaluation_by_steps_has_one_at_the_end(make_run: Callable[..., Any]) -> None:
    trainer = make_run(["upos"], epochs=2, evaluate_every=4).trainer
    steps = sum(len(trainer.planner.plan(epoch)) for epoch in range(2))
    trainer.evaluate = Figures(*[0.1] * 99)
    found = [e.step for e in trainer.run() if isinstance(e, Evaluated)]
    assert found == [*range(4, steps, 4), steps]


def test_without_development_data_the_last_model_is_saved(
    recipe_data: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    from hiernlp.experiment import Run
    from hiernlp.recipe.files import validate_recipe

    data = recipe_data(["upos"], epochs=1)
    data["corpora"]["ud"].pop("dev")
    run = Run(validate_recipe(data), tmp_path / "model")
    events = list(run.events())
    assert not any(isinstance(e, Evaluated) for e in events)
    saved = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in run.trainer.model.state_dict().items())


def test_the_best_model_is_kept_and_chosen_by_a_task(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run(["upos", "dependencies"], epochs=3, select="upos")
    kept: dict[int, dict[str, torch.Tensor]] = {}
    events = []
    for event in run.events():
        events.append(event)
        if isinstance(event, Evaluated):
            assert event.figure == event.scores["upos"].main_value
            kept[event.step] = {n: v.clone() for n, v in run.trainer.model.state_dict().items()}
    best = max((e for e in events if isinstance(e, Evaluated)), key=lambda e: (e.figure, -e.step))
    saved = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in kept[best.step].items())
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    assert scores["step"] == best.step
    found, baseline = scores["tasks"]["upos"], run.baselines["upos"].main_value
    assert found["values"]["accuracy"] == best.scores["upos"].main_value
    assert found["baseline"] == baseline
    room = 1 - baseline
    value = found["values"]["accuracy"] - baseline
    assert found["relative"] == pytest.approx(value / room if room else value)


def test_the_model_learns(make_run: Callable[..., Any]) -> None:
    run = make_run(epochs=12)
    last = [e for e in run.events() if isinstance(e, Evaluated)][-1]
    values = {task: scores.main_value for task, scores in last.scores.items()}
    assert values["upos"] > 0.97
    assert values["dependencies"] > 0.9
    assert values["chunks"] > 0.9
    assert values["type"] > 0.9


def test_log_lines_are_means_over_the_steps_between(make_run: Callable[..., Any]) -> None:
    def lines(every: int, name: str) -> list[StepsDone]:
        run = make_run(["upos", "mood"], epochs=1, log_every=every, output=name)
        return [e for e in run.events() if isinstance(e, StepsDone)]

    single, summed = lines(1, "a"), lines(4, "b")
    assert [e.step for e in single] == list(range(1, len(single) + 1))
    assert [e.step for e in summed] == sorted({*range(4, len(single) + 1, 4), len(single)})
    first = single[:4]
    assert summed[0].loss == pytest.approx(sum(e.loss for e in first) / 4, rel=1e-5)
    for task in ("upos", "mood"):
        own = [e.losses[task] for e in first if task in e.losses]
        if own:
            assert summed[0].losses[task] == pytest.approx(sum(own) / len(own), rel=1e-5)
    assert summed[-1].epoch == 1.0
    assert summed[-1].seconds_left == 0
    assert all(e.words_per_second > 0 and math.isfinite(e.seconds_left) for e in single)
    assert set(single[0].learning_rate) == {"encoder", "heads"}


def test_workers_change_nothing(make_run: Callable[..., Any], tmp_path: Path) -> None:
    for workers in (0, 1):
        list(make_run(["upos"], epochs=1, workers=workers, output=f"w{workers}").events())
    one, other = (tmp_path / name / "model.safetensors" for name in ("w0", "w1"))
    assert load_file(one).keys() == load_file(other).keys()
    assert all(torch.equal(v, load_file(other)[k]) for k, v in load_file(one).items())


def test_every_step_is_announced_with_its_batches(make_run: Callable[..., Any]) -> None:
    seen: list[tuple[int, int, set[str]]] = []
    trainer = make_run(["upos", "mood"], accumulation=2, epochs=1).trainer
    weights = [p.detach().clone() for p in trainer.model.parameters()]

    def look(step: int, batches: Any) -> None:
        if not step:
            assert all(torch.equal(p, was) for p, was in zip(trainer.model.parameters(), weights, strict=True))
        seen.append((step, len(batches), {task for batch in batches for task in batch.targets}))

    trainer.before_step = look
    list(trainer.run())
    assert [step for step, _, _ in seen] == list(range(trainer.progress.step))
    assert {number for _, number, _ in seen[:-1]} == {2}
    assert set.union(*(tasks for _, _, tasks in seen)) == {"upos", "mood"}
