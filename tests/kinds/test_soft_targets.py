"""Targets from votes and from scales: by hand, their limits, and the loss that they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hiernlp.errors import DataError, RecipeError
from hiernlp.kinds._soft_targets import ordinal_targets, vote_shares
from hiernlp.kinds.sentence_labels import SentenceLabels, SentenceLabelsOptions
from hiernlp.settings import validate

LABELS = ["low", "middle", "high"]
ROWS: list[dict[str, Any]] = [
    {"words": ["x"], "s": "low", "votes": ["low", "low", "middle", "low"]},
    {"words": ["x"], "s": "high", "votes": None},
    {"words": ["x"], "s": None, "votes": ["middle"]},
    {"words": ["x"], "s": None, "votes": None},
]


def make(**options: Any) -> SentenceLabels:
    torch.manual_seed(0)
    given = validate(SentenceLabelsOptions, {"column": "s", **options})
    return SentenceLabels(options=given, labels=SentenceLabels.fit(given, ROWS), hidden_size=4).eval()


def loss(kind: SentenceLabels, rows: list[dict[str, Any]]) -> tuple[float, torch.Tensor, float]:
    states = torch.randn(len(rows), 1, 4, generator=torch.Generator().manual_seed(3))
    output = kind(states, torch.ones(len(rows), 1, dtype=torch.bool)).detach()
    targets = kind.collate([kind.targets(row) for row in rows], 1)
    return kind.loss(output, targets.tensors).item(), output.double().log_softmax(-1), targets.count


def test_votes_by_hand() -> None:
    kind = make(votes="votes")
    found, logs, count = loss(kind, ROWS)
    at = kind.index
    expected = -(0.75 * logs[0, at["low"]] + 0.25 * logs[0, at["middle"]] + logs[1, at["high"]] + logs[2, at["middle"]])
    assert count == 3
    assert found == pytest.approx(expected.item(), rel=1e-5)
    # What only annotators said is a label, too; analysis writes the label alone.
    assert sorted(kind.space) == sorted(LABELS)
    assert (kind.columns(kind.options), kind.hidden_columns(kind.options)) == (("s",), ("votes",))


def test_a_distribution_is_what_its_votes_are() -> None:
    """Counts, shares and shares of any sum: what matters is what each label has of all."""
    votes = make(votes="votes")
    expected = votes.collate([votes.targets(row) for row in ROWS], 1).tensors["soft"]
    for scale in (1.0, 0.25, 0.1):
        rows = [
            row
            if row["votes"] is None
            else row
            | {"votes": [{"label": v, "share": scale * row["votes"].count(v)} for v in dict.fromkeys(row["votes"])]}
            for row in ROWS
        ]
        given = validate(SentenceLabelsOptions, {"column": "s", "votes": "votes"})
        kind = SentenceLabels(options=given, labels=SentenceLabels.fit(given, rows), hidden_size=4)
        assert kind.space == votes.space
        found = kind.collate([kind.targets(row) for row in rows], 1)
        torch.testing.assert_close(found.tensors["soft"], expected)
        assert found.count == 3


def test_the_gradient_of_a_distribution_by_hand() -> None:
    """d/dz_c of -sum_c q_c log softmax(z)_c is p_c - q_c; a sentence without votes and label has none."""
    kind = make(votes="votes")
    rows = [{"words": ["x"], "s": "low", "votes": [{"label": "low", "share": 3.0}, {"label": "high", "share": 1.0}]}]
    output = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    targets = kind.collate([kind.targets(row) for row in [*rows, ROWS[3]]], 1)
    kind.loss(output, targets.tensors).backward()
    shares = torch.zeros(3)
    shares[kind.index["low"]], shares[kind.index["high"]] = 0.75, 0.25
    assert output.grad is not None
    torch.testing.assert_close(output.grad[0], output[0].detach().softmax(-1) - shares)
    assert output.grad[1].tolist() == [0, 0, 0]


def test_unanimous_votes_are_the_label() -> None:
    rows = [{"words": ["x"], "s": label, "votes": [label] * 3} for label in ("low", "high")]
    soft, logs, _ = loss(make(votes="votes", class_weights={"low": 2.0}, label_smoothing=0.1), rows)
    hard = make(class_weights={"low": 2.0}, label_smoothing=0.1)
    hard.index = make(votes="votes").index
    labels = torch.tensor([hard.index["low"], hard.index["high"]])
    weights = torch.tensor([2.0 if label == "low" else 1.0 for label in hard.index])
    expected = F.cross_entropy(logs.float(), labels, weight=weights, reduction="sum", label_smoothing=0.1)
    assert soft == pytest.approx(expected.item(), rel=1e-4)


def test_a_scale_by_hand() -> None:
    found = ordinal_targets({"low": 0, "middle": 1, "high": 3}, LABELS, spread=2.0)
    row = np.exp(-np.array([1, 0, 2]) / 2)
    assert found[1] == pytest.approx(row / row.sum(), rel=1e-6)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6, unique=True), st.floats(0.05, 10))
def test_targets_are_distributions_about_their_labels(places: list[float], spread: float) -> None:
    places = sorted(places)
    labels = [str(i) for i in range(len(places))]
    q = ordinal_targets(dict(zip(labels, places, strict=True)), labels, spread=spread).astype(float)
    assert q.sum(1) == pytest.approx(np.ones(len(labels)), rel=1e-4)
    assert (q.diagonal() >= q.max(1) - 1e-6).all()
    means = q @ np.array(places)
    assert (np.diff(means) >= -1e-5).all()  # E[q] never falls as the label rises


def test_without_spread_a_scale_is_the_hard_label() -> None:
    assert ordinal_targets(LABELS, LABELS, spread=1e-3).tolist() == np.eye(3).tolist()


def test_votes_for_what_is_no_label() -> None:
    assert vote_shares(["new"], {"a": 0}) is None


def test_mistakes() -> None:
    with pytest.raises(DataError, match="expected a position for every label, found none for 'high'; did you mean"):
        make(scale=["low", "middle", "hight"])
    with pytest.raises(DataError, match=r"expected the annotation 'vote', labels or labels with shares, .* found none"):
        make(votes="vote")

    def told(votes: Any, **options: Any) -> str:
        given = validate(SentenceLabelsOptions, {"column": "s", "votes": "votes", **options})
        rows = [*ROWS, {"words": ["x"], "s": "low", "votes": votes, "file": "f", "line": 7}]
        with pytest.raises(DataError) as error:
            SentenceLabels.fit(given, rows)
        return str(error.value)

    # Only the distribution has the label: its sentence is named, and what is meant.
    unknown = told([{"label": "lov", "share": 1.0}], scale=LABELS)
    assert unknown.startswith("f, line 7: 's': expected a position for every label, found none for 'lov'; did you mean")
    assert told([{"label": "Low", "share": 1.0}]).startswith("f, line 7: 's' is 'Low' here and 'low' in most places")
    assert told("low,high").startswith("f, line 7: votes: expected labels or labels with shares as 'votes', found")
    with pytest.raises(RecipeError, match="spread"):
        make(scale=LABELS, spread=0)
