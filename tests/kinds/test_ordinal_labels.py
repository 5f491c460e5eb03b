"""Ordinal labels: the loss by hand, probabilities that never rise, mistakes with their place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import DataError, RecipeError
from hiernlp.kinds.ordinal_labels import OrdinalLabels, OrdinalLabelsOptions
from hiernlp.settings import validate

ORDER = ["bad", "fair", "good", "great"]


def make(order: list[str] = ORDER) -> OrdinalLabels:
    torch.manual_seed(0)
    options = OrdinalLabelsOptions(column="s", order=order)
    return OrdinalLabels(options=options, labels={"labels": order}, hidden_size=4).eval()


def test_loss_by_hand() -> None:
    kind = make()
    rows = [{"words": ["x"], "s": label} for label in ("fair", None, "great")]
    targets = kind.collate([kind.targets(row) for row in rows], 1)
    assert targets.count == 2
    output = torch.tensor([[1.0, -0.5, -2.0], [9.0, 9.0, 9.0], [0.3, 0.2, 0.1]])
    p = output.double().sigmoid()
    expected = -(p[0, 0].log() + (1 - p[0, 1]).log() + (1 - p[0, 2]).log() + p[2].log().sum())
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected.item(), rel=1e-5)


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=2), st.integers(0, 99))
def test_probabilities_never_rise_with_the_threshold(steps: list[float], seed: int) -> None:
    kind = make()
    with torch.no_grad():
        kind.steps.copy_(torch.tensor(steps))
        states = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(seed))
        output = kind(states, torch.ones(3, 2, dtype=torch.bool))
    assert (output.diff(dim=-1) <= 0).all()
    shares = kind.shares(output)
    assert (shares >= -1e-6).all()
    assert shares.sum(-1).tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    above = torch.tensor([[sum(s[k + 1 :]) for k in range(3)] for s in shares.tolist()])
    torch.testing.assert_close(above, output.sigmoid(), atol=1e-5, rtol=0)


def test_decoding_counts_what_is_passed() -> None:
    output = torch.tensor([[-1.0, -2.0, -3.0], [1.0, 0.5, -1.0], [3.0, 2.0, 1.0]])
    assert make().decode(output, [["x"]] * 3) == [{"s": "bad"}, {"s": "good"}, {"s": "great"}]


def test_two_labels_are_a_question() -> None:
    kind = make(["no", "yes"])
    assert kind(torch.randn(1, 1, 4), torch.ones(1, 1, dtype=torch.bool)).shape == (1, 1)


def test_errors_are_in_steps() -> None:
    gold: list[dict[str, Any]] = [{"words": ["x"], "s": s} for s in ("bad", "good", None)]
    found = OrdinalLabels.score(make().options, gold, [{"s": "great"}, {"s": "good"}, {"s": "bad"}])
    assert (found.values["accuracy"], found.values["mae"], found.values["sentences"]) == (0.5, 1.5, 2.0)


def test_mistakes() -> None:
    rows = [{"words": ["x"], "s": "god", "file": "f", "line": 3}]
    with pytest.raises(
        DataError, match=r"f, line 3: 's': expected a label of `order`, found 'god'; did you mean 'good'"
    ):
        OrdinalLabels.fit(make().options, rows)
    with pytest.raises(RecipeError, match="each label once"):
        validate(OrdinalLabelsOptions, {"column": "s", "order": ["a", "a"]})
