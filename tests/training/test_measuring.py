"""What is looked at in training is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from hiernlp.experiment import prepare
from hiernlp.recipe.files import validate_recipe
from hiernlp.training.measuring import shared_layers, undisturbed

Make = Callable[..., dict[str, Any]]


def test_shared_parameters(recipe_data: Make) -> None:
    model = prepare(validate_recipe(recipe_data())).bundle.model
    found = shared_layers(model)
    assert list(found) == ["0", "1", "2", "3", "4"]
    assert any(p is model.case_embedding for p in found["0"])
    shared = {id(p) for layer in found.values() for p in layer}
    own = [p for module in (model.heads, model.label_embeddings) for p in module.parameters()]
    assert not shared & {id(p) for p in own}
    assert len(shared) == sum(1 for _ in model.scheme.parameters()) + 1


def test_nothing_is_disturbed(recipe_data: Make) -> None:
    model = prepare(validate_recipe(recipe_data(["upos"]))).bundle.model.train()
    model.gates["upos"] = 0.25
    before = torch.random.get_rng_state()
    with undisturbed(model, torch.device("cpu")):
        assert not any(module.training for module in model.modules())
        assert not model.gates
        torch.rand(3)
    assert all(module.training for module in model.modules())
    assert model.gates == {"upos": 0.25}
    assert torch.equal(torch.random.get_rng_state(), before)
