"""Token labels: losses by hand, legal BIO on demand, scores as scikit-learn counts them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds._tagger import TagScores
from hiernlp.kinds.token_labels import TokenLabels, TokenLabelsOptions

HIDDEN = 5
ZERO: Any = {"zero_division": 0}


def make(labels: list[str], **options: Any) -> TokenLabels:
    torch.manual_seed(0)
    kind = TokenLabels(options=TokenLabelsOptions(column="t", **options), labels={"labels": labels}, hidden_size=HIDDEN)
    return kind.eval()


def test_loss_by_hand() -> None:
    kind = make(["a", "b", "c"], label_smoothing=0.2, class_weights={"b": 2.0})
    rows = [{"words": list("xyz"), "t": ["b", None, "new"]}, {"words": list("xy"), "t": ["a", "c"]}]
    targets = kind.collate([kind.targets(row) for row in rows], 3)
    assert targets.tensors["labels"].tolist() == [[1, IGNORE, IGNORE], [0, 2, IGNORE]]
    assert targets.count == 3
    mask = torch.tensor([[True] * 3, [True, True, False]])
    output = kind(torch.randn(2, 3, HIDDEN), mask)
    logs = output.scores.detach().double().log_softmax(-1)
    weights = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    expected = 0.0
    for b, n, label in [(0, 0, 1), (1, 0, 0), (1, 1, 2)]:
        expected -= (0.8 * weights[label] * logs[b, n, label] + 0.2 / 3 * (weights * logs[b, n]).sum()).item()
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abce")), min_size=1, max_size=30))
def test_scores_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    gold, predicted = zip(*pairs, strict=True)
    row = {"words": ["w"] * (len(pairs) + 1), "t": [*gold, None]}
    scores = TokenLabels.score(TokenLabelsOptions(column="t"), [row], [{"t": [*predicted, "a"]}])
    assert scores.main_value == pytest.approx(accuracy_score(gold, predicted))
    assert scores.values["macro_f1"] == pytest.approx(f1_score(gold, predicted, average="macro", **ZERO))
    labels = sorted(set(gold) | set(predicted))
    each: Any = precision_recall_fscore_support(gold, predicted, labels=labels, **ZERO)
    for i, label in enumerate(labels):
        expected = dict(zip(("precision", "recall", "f1", "support"), (float(x[i]) for x in each), strict=True))
        assert scores.per_label[label] == pytest.approx(expected)
    assert sum(n for _, _, n in scores.confusions) == sum(g != p for g, p in pairs)


@settings(max_examples=50)
@given(
    scores=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), min_size=1, max_size=8),
    crf=st.booleans(),
)
def test_bio_labels_are_decoded_legally(scores: list[list[float]], crf: bool) -> None:
    labels = ["I-x", "O", "B-x", "I-y"]  # I-y has no B-y and may never be said
    kind = make(labels, bio=True, crf=crf)
    output = TagScores(torch.tensor(scores).unsqueeze(0), torch.ones(1, len(scores), dtype=torch.bool))
    [annotation] = kind.decode(output, [["w"] * len(scores)])
    tags = ["O", *annotation["t"]]
    assert all(not b.startswith("I-") or a[2:] == b[2:] for a, b in itertools.pairwise(tags))


def test_bio_needs_a_label_to_begin_with() -> None:
    with pytest.raises(DataError, match="I-x"):
        make(["I-x"], bio=True)


def test_without_bio_every_word_has_its_best_label() -> None:
    kind = make(["I-x", "O"])
    output = kind(torch.randn(1, 6, HIDDEN), torch.ones(1, 6, dtype=torch.bool))
    [annotation] = kind.decode(output, [["w"] * 6], probabilities=True)
    assert annotation["t"] == [kind.space[i] for i in output.scores[0].argmax(-1).tolist()]
    assert annotation["t_probability"] == pytest.approx(output.scores[0].detach().softmax(-1).amax(-1).tolist())


@pytest.mark.parametrize("extra", [{"label_smoothing": 0.1}, {"class_weights": {"x": 2.0}}])
def test_settings_that_a_crf_would_ignore_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no meaning for a CRF"):
        TokenLabelsOptions(column="t", crf=True, **extra)


def test_a_crf_learns_what_no_single_word_shows() -> None:
    # The label alternates, and only the first word says where it begins.
    torch.manual_seed(0)
    kind = make(["a", "b"], crf=True, dropout=0.0)
    states = torch.zeros(2, 6, HIDDEN)
    states[0, 0, 0], states[1, 0, 0] = 1.0, -1.0
    rows = [{"words": ["w"] * 6, "t": list("ababab")}, {"words": ["w"] * 6, "t": list("bababa")}]
    mask = torch.ones(2, 6, dtype=torch.bool)
    targets = kind.collate([kind.targets(row) for row in rows], 6)
    optimizer = torch.optim.Adam(kind.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        kind.loss(kind(states, mask), targets.tensors).backward()
        optimizer.step()
    assert [a["t"] for a in kind.decode(kind(states, mask), [["w"] * 6] * 2)] == [row["t"] for row in rows]


def test_the_baseline_goes_by_form_and_else_by_frequency() -> None:
    rows = [
        {"words": ["to", "run", "to"], "t": ["P", "V", "P"]},
        {"words": ["run", "run", "x"], "t": ["N", "N", None]},
        {"words": ["so", "on"]},
    ]
    answer = TokenLabels.baseline(TokenLabelsOptions(column="t"), [*rows, {"words": ["it"], "t": ["N"]}])
    assert answer({"words": ["run", "to", "unseen"]}) == {"t": ["N", "P", "N"]}
