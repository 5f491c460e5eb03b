"""Probes on states made by hand: what is readable at one layer alone is found there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hiernlp.errors import DataError, RecipeError
from hiernlp.modules import ScalarMix
from hiernlp.pairs import PairSettings
from hiernlp.probing.probes import CumulativeMixes, Example, ProbedTask, Probes, mean_losses, probe_task
from hiernlp.probing.settings import ProbeSettings
from hiernlp.probing.states import StateBatch
from hiernlp.registry import kinds

LAYERS, SIZE, LABELS = 5, 16, ["A", "B", "C"]
SETTINGS = ProbeSettings(epochs=15, batch_words=48, learning_rate=0.02, mix_learning_rate=0.3)


def probed(kind: str, pair: dict[str, Any] | None = None, **options: Any) -> ProbedTask:
    found = kinds.load(kind)
    return ProbedTask(found, found.Options(**options), None if pair is None else PairSettings(**pair))


TAGS = probed("token_labels", column="tag")


def made(readable_at: int, *, seed: int, sentences: int = 40, level: str = "token") -> list[Example]:
    """Return sentences whose labels are in the states of one layer alone; all others are noise."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(sentences):
        length = int(draw.integers(2, 6))
        labels = draw.integers(0, len(LABELS), length if level == "token" else 1)
        states = draw.normal(size=(length, LAYERS, SIZE)).astype(np.float32)
        states[np.arange(length), readable_at, labels] += 6
        words = [f"w{draw.integers(10)}" for _ in range(length)]
        tags = [LABELS[i] for i in labels]
        found.append(Example(lambda s=states: [s], length, {"words": words, "tag": tags, "label": tags[0]}))
    return found


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_a_task_is_found_at_the_only_layer_where_it_is_readable(layer: int) -> None:
    found = probe_task(TAGS, made(layer, seed=1), made(layer, seed=2), settings=SETTINGS, seed=1)
    assert found.best_layer == found.place(0.98) == layer
    assert found.layers[layer] > 0.95
    assert all(score < 0.6 for at, score in enumerate(found.layers) if at != layer)
    assert found.centre_of_gravity == pytest.approx(layer, abs=1)
    assert found.weights[layer] == max(found.weights)
    assert found.cumulative[0] == found.layers[0]
    if layer:
        assert found.expected_layer == pytest.approx(layer, abs=0.3)
    assert found.selectivity is not None
    assert found.selectivity[layer] > 0.3


def test_a_sentence_task_has_no_control_task() -> None:
    task = probed("sentence_labels", column="label", pool="mean")
    found = probe_task(
        task, made(3, seed=1, level="sentence"), made(3, seed=2, level="sentence"), settings=SETTINGS, seed=1
    )
    assert found.place(0.98) == 3
    assert (found.control, found.selectivity) == (None, None)
    assert found.main == "accuracy"


def test_controls_can_be_left_out_and_change_nothing() -> None:
    train, dev = made(1, seed=1, sentences=8), made(1, seed=2, sentences=8)
    few = SETTINGS.model_copy(update={"epochs": 1})
    without = probe_task(
        probed("token_labels", column="tag", dropout=0.0),
        train,
        dev,
        settings=few.model_copy(update={"control": False}),
        seed=1,
    )
    assert without.control is None
    found = probe_task(probed("token_labels", column="tag", dropout=0.0), train, dev, settings=few, seed=1)
    assert (found.layers, found.cumulative) == (without.layers, without.cumulative)


def test_the_same_seed_gives_the_same_result_whatever_was_drawn_before() -> None:
    train, dev = made(1, seed=1, sentences=10), made(1, seed=2, sentences=10)
    few = SETTINGS.model_copy(update={"epochs": 2})
    first = probe_task(TAGS, train, dev, settings=few, seed=3)
    torch.rand(7)
    before = torch.random.get_rng_state()
    again = probe_task(TAGS, train, dev, settings=few, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert replace(again, seconds=first.seconds) == first
    other = probe_task(TAGS, train, dev, settings=few, seed=4)
    assert other.weights != first.weights


def test_batches_without_the_annotation_teach_nothing() -> None:
    train, dev = made(1, seed=1), made(1, seed=2)
    mute = [Example(e.states, 40, {**e.row, "tag": None}) for e in made(1, seed=5, sentences=4)]  # batches of their own
    found = probe_task(TAGS, [*train, *mute], [*dev, *mute], settings=SETTINGS, seed=1)
    assert found.place(0.98) == 1
    with pytest.raises(DataError, match="no training sentence has the annotation"):
        probe_task(TAGS, mute, mute, settings=SETTINGS, seed=1)
    with pytest.raises(RecipeError, match=r"probe\.dev_sentences: none of the 4 sentences .* annotation 'tag'; set it"):
        probe_task(TAGS, train, mute, settings=SETTINGS, seed=1)


def test_heads_that_score_with_parameters_of_their_own() -> None:
    """What a loss reads of a head, such as a CRF's transitions, is that probe's own."""
    task = probed("token_labels", column="tag", crf=True)
    probes = Probes(task, labels={"labels": LABELS}, layers=LAYERS, size=SIZE, control=True, normalize=True)
    examples = made(3, seed=1, sentences=3)
    batch = StateBatch.of([example.states()[0] for example in examples])
    told, controlled = probes(batch, None)
    targets = [probes.heads[0].targets(example.row) for example in examples]
    total = mean_losses(probes.heads, told, targets, batch)
    assert isinstance(total, torch.Tensor)
    (total + mean_losses(probes.control_heads, controlled, targets, batch)).backward()
    for name, parameter in probes.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(
    "pair", [{"encode": "apart"}, {"encode": "together"}, {"encode": "together", "features": ["absolute"]}]
)
def test_pairs(pair: dict[str, Any]) -> None:
    """Whether two sentences say the same: at one layer alone they have one state where they do."""
    at = 2

    def examples(seed: int) -> list[Example]:
        draw = np.random.default_rng(seed)
        found = []
        for _ in range(60):
            first, second = draw.normal(size=(2, 3, LAYERS, SIZE)).astype(np.float32)
            same = bool(draw.random() < 0.5)
            first[:, at] = first[:1, at]
            second[:, at] = first[:, at] if same else second[:1, at]
            if pair == {"encode": "together"}:  # the head reads the row as a sentence
                first[:, at, 0] += 30 * same
            apart = pair["encode"] == "apart"
            rows = [first, second] if apart else [np.concatenate([first, second])]
            row = {"words": ["x"] * 3, "label": "same" if same else "other"}
            found.append(Example(lambda r=rows: r, 3 if apart else 6, row, None if apart else 3))
        return found

    task = probed("sentence_labels", pair, column="label", hidden=16)
    found = probe_task(task, examples(1), examples(2), settings=SETTINGS, seed=1)
    assert found.best_layer == at
    assert found.layers[at] > 0.8


def test_each_mix_reads_the_layers_up_to_its_own() -> None:
    torch.manual_seed(0)
    mixes = CumulativeMixes(LAYERS)
    torch.nn.init.normal_(mixes.logits)
    torch.nn.init.normal_(mixes.gamma)
    states = torch.randn(2, 3, LAYERS, SIZE)
    mixed = mixes(states)
    weights = mixes.weights()
    assert torch.equal(weights, weights.tril())
    torch.testing.assert_close(weights.sum(-1), torch.ones(LAYERS))
    for top in range(LAYERS):
        plain = ScalarMix(top + 1)
        with torch.no_grad():
            plain.logits.copy_(mixes.logits[top, : top + 1])
            plain.gamma.copy_(mixes.gamma[top])
        torch.testing.assert_close(mixed[:, :, top], plain(list(states.unbind(2))[: top + 1]))


@pytest.mark.parametrize("normalize", [True, False])
def test_layers_of_another_norm(*, normalize: bool) -> None:
    probes = Probes(
        TAGS, labels={"labels": LABELS}, layers=LAYERS, size=SIZE, control=False, normalize=normalize
    ).eval()
    states = torch.randn(2, 3, LAYERS, SIZE)
    mask = torch.ones(2, 3, dtype=torch.bool)
    scale = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]).unsqueeze(-1)
    once, _ = probes(StateBatch(states, mask), None)
    scaled, _ = probes(StateBatch(states * scale, mask), None)
    same = [torch.allclose(a.scores, b.scores, atol=1e-3) for a, b in zip(once, scaled, strict=True)]
    assert same == ([True] * (2 * LAYERS - 1) if normalize else [True] + [False] * (2 * LAYERS - 2))
