"""Sentence scores: the declared range, losses by hand, correlations as scipy computes them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import pearsonr, spearmanr

from hiernlp.errors import DataError
from hiernlp.kinds.sentence_scores import SentenceScores, SentenceScoresOptions, soft_targets

OPTIONS = SentenceScoresOptions(column="s", minimum=1, maximum=5)


def rows(*values: Any) -> list[dict[str, Any]]:
    return [{"words": ["w"], "s": value, "file": "f.tsv", "line": i} for i, value in enumerate(values)]


def make(**options: Any) -> SentenceScores:
    torch.manual_seed(0)
    made = SentenceScoresOptions(column="s", minimum=1, maximum=5, **options)
    return SentenceScores(options=made, labels={}, hidden_size=4).eval()


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_loss_by_hand_is_on_the_share_of_the_range(loss: str) -> None:
    kind = make(loss=loss)
    given_rows = rows(1, 4.0, None)
    targets = kind.collate([kind.targets(row) for row in given_rows], 1)
    assert targets.tensors["share"][:2].tolist() == [0.0, 0.75]
    assert targets.count == 2
    output = torch.tensor([0.05, 0.25, 9.0], requires_grad=True)
    found = kind.loss(output, targets.tensors)
    errors = [0.05, 0.5]
    squares = [error**2 for error in errors]
    hubers = [0.5 * e**2 if e <= 0.1 else 0.1 * (e - 0.05) for e in errors]
    assert found.item() == pytest.approx(sum(squares if loss == "mse" else hubers), rel=1e-5)
    found.backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert output.grad[2] == 0


def test_training_begins_in_the_middle_of_the_range() -> None:
    kind = make()
    for parameter in kind.scorer.parameters():
        torch.nn.init.zeros_(parameter)
    output = kind(torch.randn(2, 3, 4), torch.ones(2, 3, dtype=torch.bool))
    assert kind.decode(output, [["w"] * 3] * 2) == [{"s": 3.0}, {"s": 3.0}]


def test_predictions_are_clipped_to_the_range() -> None:
    assert make().decode(torch.tensor([-3.0, 0.5, 7.0]), [["w"]] * 3) == [{"s": 1.0}, {"s": 3.0}, {"s": 5.0}]


@pytest.mark.parametrize("value", [0.99, 5.01, math.nan, math.inf, "3", True, [3]])
def test_what_is_no_number_of_the_range_is_named_with_its_place(value: object) -> None:
    with pytest.raises(DataError, match=r"f\.tsv, line 1: 's' must be a number from 1 to 5"):
        SentenceScores.fit(OPTIONS, rows(3, value))
    with pytest.raises(DataError, match="line 0"):
        make().targets(rows(value)[0])


@pytest.mark.parametrize(("minimum", "maximum"), [(1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_the_range_must_be_one(minimum: float, maximum: float) -> None:
    with pytest.raises(ValidationError, match="below maximum"):
        SentenceScoresOptions(column="s", minimum=minimum, maximum=maximum)


@given(st.lists(st.tuples(st.sampled_from([1, 1.5, 2, 4, 5]), st.sampled_from([1.0, 2.2, 3.1, 5.0])), max_size=20))
def test_scores_equal_scipy(pairs: list[tuple[float, float]]) -> None:
    scores = SentenceScores.score(
        OPTIONS, [*rows(*(g for g, _ in pairs)), *rows(None)], [*({"s": p} for _, p in pairs), {"s": 3.0}]
    )
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    if len(set(gold)) > 1 and len(set(predicted)) > 1:
        assert scores.main_value == pytest.approx(pearsonr(gold, predicted)[0])
        assert scores.values["spearman"] == pytest.approx(spearmanr(gold, predicted)[0])
    else:
        assert scores.main_value == scores.values["spearman"] == 0
        assert any("undefined" in note for note in scores.notes)
    expected = sum((g - p) ** 2 for g, p in pairs) / len(pairs) if pairs else 0
    assert scores.values["mse"] == pytest.approx(expected)


def test_feedback_lies_between_the_two_ends() -> None:
    weights = make().feedback(torch.tensor([-1.0, 0.25, 2.0]))
    torch.testing.assert_close(weights, torch.tensor([[[1.0, 0.0]], [[0.75, 0.25]], [[0.0, 1.0]]]))


def test_the_baseline_is_the_mean() -> None:
    assert SentenceScores.baseline(OPTIONS, rows(1, 2, None, 4.5))({"words": ["x"]}) == {"s": 2.5}


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=6), st.integers(2, 9))
def test_soft_targets_are_distributions_whose_expectation_is_the_number(shares: list[float], classes: int) -> None:
    soft = soft_targets(torch.tensor(shares, dtype=torch.float64), classes=classes)
    torch.testing.assert_close(soft.sum(-1), torch.ones(len(shares), dtype=torch.float64))
    assert ((soft > 0).sum(-1) <= 2).all()
    expected = soft @ torch.linspace(0, 1, classes, dtype=torch.float64)
    torch.testing.assert_close(expected, torch.tensor(shares, dtype=torch.float64))


def test_soft_targets_by_hand() -> None:
    # On the range from 1 to 5: 3.6, and both ends.
    found = soft_targets(torch.tensor([0.65, 0.0, 1.0]), classes=5)
    expected = [[0, 0, 0.4, 0.6, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_divergence_by_hand() -> None:
    kind = make(classes=5)
    targets = kind.collate([kind.targets(row) for row in rows(3.6, None)], 1)
    output = torch.tensor([[0.0, 1.0, 2.0, 0.5, -1.0], [9.0, 0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    shares = [math.exp(s) for s in (0.0, 1.0, 2.0, 0.5, -1.0)]
    p = [s / sum(shares) for s in shares]
    loss = kind.loss(output, targets.tensors)
    assert loss.item() == pytest.approx(0.4 * math.log(0.4 / p[2]) + 0.6 * math.log(0.6 / p[3]), rel=1e-5)
    loss.backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert not output.grad[1].any()
    expectation = 1 + sum(4 * share * k / 4 for k, share in enumerate(p))
    assert kind.decode(output, [["w"]] * 2)[0]["s"] == pytest.approx(expectation, rel=1e-5)
    assert kind.feedback(output)[0, 0].tolist() == pytest.approx(p, rel=1e-5)


def test_errors_of_the_expectation_by_hand() -> None:
    kind = make(classes=3, loss="mse")
    targets = kind.collate([kind.targets(row) for row in rows(5, None)], 1)
    output = torch.zeros(2, 3)
    assert kind.loss(output, targets.tensors).item() == pytest.approx(0.25)


def test_divergence_needs_classes() -> None:
    with pytest.raises(ValidationError, match="set `classes`"):
        SentenceScoresOptions(column="s", minimum=1, maximum=5, loss="kl")
