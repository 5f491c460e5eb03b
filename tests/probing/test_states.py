"""Cached states: those of transformers, whole or not there, and nothing in the model changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel

from hiernlp.encoding.collate import collate
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Experiment, prepare
from hiernlp.probing.folder import fingerprint
from hiernlp.probing.states import LaidOut, StateBatch, States, cache_states, is_cached
from hiernlp.recipe.files import validate_recipe

Make = Callable[..., dict[str, Any]]
SENTENCES = [["the", "cat", "sees", "a", "bird", "."], ["mary"], ["unbelievable", "dog", "?"]]
ORDER = [[2, 0], [1]]
"""The batches are laid out in another order than the rows'."""


@pytest.fixture(scope="module")
def experiment(recipe_data: Make) -> Experiment:
    return prepare(validate_recipe(recipe_data(["upos", "dependencies"], feeds=[{"from": "upos"}])))


def laid_out(experiment: Experiment, *, mean: bool = False) -> Iterator[list[LaidOut]]:
    encoder = experiment.bundle.encoder
    subwords = encoder.encode(SENTENCES)
    yield [LaidOut(collate([subwords[i] for i in rows], encoder, mean=mean), rows) for rows in ORDER]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 2e-3)])
@pytest.mark.parametrize("mean", [False, True])
def test_they_are_the_hidden_states_of_transformers(
    experiment: Experiment, tiny_encoder: Path, tmp_path: Path, precision: str, tolerance: float, *, mean: bool
) -> None:
    model, encoder = experiment.bundle.model, experiment.bundle.encoder
    cached = cache_states(model, laid_out(experiment, mean=mean), tmp_path / "states", precision=precision)
    assert isinstance(cached.values, np.memmap)
    assert cached.values.dtype == precision
    assert len(cached) == len(SENTENCES)
    reference = AutoModel.from_pretrained(tiny_encoder).eval()
    for row, (words, subwords) in enumerate(zip(SENTENCES, encoder.encode(SENTENCES), strict=True)):
        ids = torch.tensor([[*encoder.prefix, *subwords.ids, *encoder.suffix]])
        with torch.no_grad():
            hidden = torch.stack(reference(ids, output_hidden_states=True).hidden_states, 2)[0]
        starts = len(encoder.prefix) + np.concatenate([[0], np.cumsum(subwords.lengths)])
        assert cached.row(row).shape == (len(words), model.scheme.depth + 1, model.scheme.hidden_size)
        for word, (a, b) in enumerate(pairwise(starts)):
            wanted = hidden[a:b].mean(0) if mean else hidden[a]
            torch.testing.assert_close(
                torch.tensor(cached.row(row)[word]).float(), wanted, atol=tolerance, rtol=tolerance
            )


def test_the_model_stays_as_it_was(experiment: Experiment, tmp_path: Path) -> None:
    model = experiment.bundle.model.train()
    before = fingerprint(model)
    cache_states(model, laid_out(experiment), tmp_path / "states")
    assert fingerprint(model) == before
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_batches_are_padded(experiment: Experiment, tmp_path: Path) -> None:
    cached = cache_states(experiment.bundle.model, laid_out(experiment), tmp_path / "states")
    batch = StateBatch.of([cached.row(i) for i in (1, 0)])
    assert batch.states.dtype == torch.float32
    assert batch.mask.tolist() == [[True] + [False] * 5, [True] * 6]
    assert not batch.states[0, 1:].any()
    np.testing.assert_array_equal(batch.states[1].numpy(), cached.row(0).astype(np.float32))


def test_what_a_model_feeds_upward_is_in_its_states(experiment: Experiment, tmp_path: Path) -> None:
    model = experiment.bundle.model
    [table] = model.label_embeddings.values()
    plain = cache_states(model, laid_out(experiment), tmp_path / "plain").values
    with torch.no_grad():
        table.normal_()
    fed = cache_states(model, laid_out(experiment), tmp_path / "fed").values
    with torch.no_grad():
        table.zero_()
    source = model.places["upos"].high
    for layer in range(model.scheme.depth + 1):
        assert np.array_equal(plain[:, layer], fed[:, layer]) == (layer <= source)


def test_half_written_states_are_not_there(experiment: Experiment, tmp_path: Path) -> None:
    def interrupted() -> Iterator[list[LaidOut]]:
        yield from laid_out(experiment)
        raise KeyboardInterrupt

    file = tmp_path / "states"
    with pytest.raises(KeyboardInterrupt):
        cache_states(experiment.bundle.model, interrupted(), file)
    assert not is_cached(file)
    assert list(tmp_path.iterdir()) == []
    cache_states(experiment.bundle.model, laid_out(experiment), file)
    assert is_cached(file)
    again = States(file, layers=5, size=32, precision="float16")
    assert again.length(0) == 6
    assert again.second_from(0) is None


def test_states_that_float16_cannot_hold(experiment: Experiment, tmp_path: Path) -> None:
    model = experiment.bundle.model
    norm = model.scheme.encoders[0].layers[0].get_submodule("output.LayerNorm")
    norm.weight.data.mul_(1e6)  # pyright: ignore
    try:
        with pytest.raises(HierNLPError, match=r"probe\.precision: .* set it to float32"):
            cache_states(model, laid_out(experiment), tmp_path / "states")
        assert list(tmp_path.iterdir()) == []
        cache_states(model, laid_out(experiment), tmp_path / "states", precision="float32")
    finally:
        norm.weight.data.div_(1e6)  # pyright: ignore


def test_tasks_that_read_several_encoders(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = type(experiment.bundle.model.scheme)
    once = scheme.run

    def twice(self: Any, *arguments: Any, **settings: Any) -> None:
        once(self, *arguments, **settings)
        once(self, *arguments, **settings)

    monkeypatch.setattr(scheme, "run", twice)
    with pytest.raises(HierNLPError, match=r"sharing\.scheme: the probe reads the layers of one encoder"):
        cache_states(experiment.bundle.model, laid_out(experiment), tmp_path / "states")
    assert list(tmp_path.iterdir()) == []
