"""Multi-label sentences: empty and missing lists, losses by hand, scores as scikit-learn counts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from hiernlp.kinds.multi_labels import MultiLabels, MultiLabelsOptions

ZERO: Any = {"zero_division": 0}
OPTIONS = MultiLabelsOptions(column="m")


def make(labels: list[str], **options: Any) -> MultiLabels:
    torch.manual_seed(0)
    kind = MultiLabels(options=MultiLabelsOptions(column="m", **options), labels={"labels": labels}, hidden_size=4)
    return kind.eval()


def test_loss_by_hand() -> None:
    kind = make(["a", "b"], label_smoothing=0.2, class_weights={"b": 3.0})
    rows: list[dict[str, Any]] = [{"words": ["w"], "m": m} for m in (["b", "new"], [], None)]
    targets = kind.collate([kind.targets(row) for row in rows], 1)
    assert targets.count == 4
    scores = torch.tensor([[0.3, -1.2], [2.0, 0.1], [5.0, 5.0]], requires_grad=True)
    found = kind.loss(scores, targets.tensors)
    yes, no = scores.detach().double().sigmoid().log(), (-scores.detach().double()).sigmoid().log()
    aims = [[0.1, 0.9], [0.1, 0.1]]
    expected = sum(
        -(aims[b][c] * (1.0, 3.0)[c] * yes[b, c] + (1 - aims[b][c]) * no[b, c]).item() for b in (0, 1) for c in (0, 1)
    )
    assert found.item() == pytest.approx(expected, rel=1e-5)
    found.backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert not scores.grad[2].any()


def test_empty_says_none_and_missing_says_nothing() -> None:
    kind = make(["a", "b"])
    assert kind.targets({"words": ["w"], "m": None}) is None
    assert kind.targets({"words": ["w"]}) is None
    arrays = kind.targets({"words": ["w"], "m": []})
    assert arrays is not None
    np.testing.assert_array_equal(arrays["holds"], [0, 0])


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, ["b"]), (0.3, ["a", "b"]), (0.9, [])])
def test_labels_above_the_threshold_hold(threshold: float, expected: list[str]) -> None:
    kind = make(["a", "b"], threshold=threshold)
    [annotation] = kind.decode(torch.tensor([[0.4, 0.8]]).logit(), [["w"] * 3], probabilities=True)
    assert annotation["m"] == expected
    assert annotation["m_probability"] == pytest.approx({"a": 0.4, "b": 0.8})


SETS = st.sets(st.sampled_from("abcd"))


@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=12))
def test_scores_equal_scikit_learn(pairs: list[tuple[set[str], set[str]]]) -> None:
    rows: list[dict[str, Any]] = [{"words": ["w"], "m": sorted(g)} for g, _ in pairs]
    scores = MultiLabels.score(OPTIONS, [*rows, {"words": ["w"]}], [*({"m": sorted(p)} for _, p in pairs), {"m": []}])
    used = sorted(set().union(*(g | p for g, p in pairs)))
    # One more column that no sentence has: scikit-learn takes a single column for two classes.
    gold, predicted = (
        np.array([[label in pair[side] for label in [*used, "none"]] for pair in pairs], dtype=int) for side in (0, 1)
    )
    for name in ("micro", "macro"):
        expected = f1_score(gold, predicted, labels=range(len(used)), average=name, **ZERO) if used else 0
        assert scores.values[f"{name}_f1"] == pytest.approx(expected)
    assert scores.values["exact_match"] == pytest.approx(sum(g == p for g, p in pairs) / len(pairs))


def test_unknown_labels_of_gold_count_as_missed() -> None:
    scores = MultiLabels.score(OPTIONS, [{"words": ["w"], "m": ["new", "a"]}], [{"m": ["a", "b"]}])
    assert scores.main_value == pytest.approx(0.5)
    assert set(scores.confusions) == {("new", "absent", 1), ("absent", "b", 1)}


def test_the_baseline_gives_labels_that_mostly_hold() -> None:
    rows: list[dict[str, Any]] = [{"words": ["w"], "m": m} for m in (["a"], ["a", "b"], ["b"], ["a"], None)]
    assert MultiLabels.baseline(OPTIONS, rows)({"words": ["x"]}) == {"m": ["a"]}
