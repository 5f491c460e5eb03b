"""Sentence labels: losses by hand, numbers as labels, scores as scikit-learn counts them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds.sentence_labels import SentenceLabels, SentenceLabelsOptions

ZERO: Any = {"zero_division": 0}
OPTIONS = SentenceLabelsOptions(column="s")


def make(labels: list[str], **options: Any) -> SentenceLabels:
    torch.manual_seed(0)
    kind = SentenceLabels(
        options=SentenceLabelsOptions(column="s", **options), labels={"labels": labels}, hidden_size=4
    )
    return kind.eval()


def test_loss_by_hand() -> None:
    kind = make(["a", "b", "c"], label_smoothing=0.3, class_weights={"c": 0.5})
    rows = [{"words": ["x"], "s": label} for label in ("a", "c", None, "new")]
    targets = kind.collate([kind.targets(row) for row in rows], 1)
    assert targets.tensors["label"].tolist() == [0, 2, IGNORE, IGNORE]
    assert targets.count == 2
    scores = kind(torch.randn(4, 1, 4), torch.ones(4, 1, dtype=torch.bool))
    logs = scores.detach().double().log_softmax(-1)
    weights = torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64)
    expected = sum(
        -(0.7 * weights[label] * logs[b, label] + 0.1 * (weights * logs[b]).sum()).item()
        for b, label in enumerate([0, 2])
    )
    assert kind.loss(scores, targets.tensors).item() == pytest.approx(expected, rel=1e-5)


def test_numbers_are_labels_as_they_are_written() -> None:
    rows = [{"words": ["x"], "s": value} for value in (1, 0, 1)]
    labels = SentenceLabels.fit(OPTIONS, rows)
    assert labels == {"labels": ["1", "0"]}
    assert SentenceLabels.score(OPTIONS, rows, [{"s": "1"}, {"s": "0"}, {"s": "0"}]).main_value == pytest.approx(2 / 3)


def test_probabilities_cover_every_label() -> None:
    kind = make(["a", "b", "c"])
    scores = kind(torch.randn(5, 2, 4), torch.ones(5, 2, dtype=torch.bool))
    for annotation in kind.decode(scores, [["w"] * 2] * 5, probabilities=True):
        shares = annotation["s_probability"]
        assert list(shares) == ["a", "b", "c"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
        assert annotation["s"] == max(shares, key=shares.get)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abd")), min_size=1, max_size=30))
def test_scores_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    rows: list[dict[str, Any]] = [{"words": ["w"], "s": g} for g in gold]
    scores = SentenceLabels.score(OPTIONS, rows, [{"s": p} for p in predicted])
    assert scores.main_value == pytest.approx(accuracy_score(gold, predicted))
    assert scores.values["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro", **ZERO))


def test_the_baseline_is_the_most_frequent_label() -> None:
    rows: list[dict[str, Any]] = [{"words": ["w"], "s": s} for s in ("b", "a", "b", None)]
    assert SentenceLabels.baseline(OPTIONS, rows)({"words": ["x"]}) == {"s": "b"}


def test_an_unknown_class_weight_lists_the_labels() -> None:
    with pytest.raises(DataError, match="labels are a, b"):
        make(["a", "b"], class_weights={"c": 1.0})


def test_labels_in_another_letter_case() -> None:
    options = SentenceLabelsOptions(column="s")
    rows = [
        {"words": ["w"], "s": label, "file": "f.tsv", "line": line}
        for line, label in enumerate(["NEUTRAL", "yes", "NEUTRAL", "Neutral"], start=2)
    ]
    with pytest.raises(DataError, match=r"f.tsv, line 5: 's' is 'Neutral' here and 'NEUTRAL' in most places"):
        SentenceLabels.fit(options, rows)
    apart = SentenceLabelsOptions(column="s", case_sensitive=True)
    assert SentenceLabels.fit(apart, rows)["labels"] == ["NEUTRAL", "Neutral", "yes"]
    kind = SentenceLabels(options=options, labels=SentenceLabels.fit(options, rows[:3]), hidden_size=4)
    kind.check([*rows[:3], {"words": ["w"], "s": "never seen"}, {"words": ["w"], "s": None}])
    with pytest.raises(DataError, match=r"line 5: 's' is 'Neutral' here"):
        kind.check(rows)
