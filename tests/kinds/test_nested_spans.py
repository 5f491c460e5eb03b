"""Nested spans: the layout against all pairs, the loss by hand, decoding that never crosses, scores and memory."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.errors import DataError
from hiernlp.kinds._span_scorer import LEAST_WEIGHT, SpanLayout, SpanScorer
from hiernlp.kinds.nested_spans import NestedSpans, NestedSpansOptions, SpanScores

HIDDEN = 12


def spans(*triples: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [{"start": start, "end": end, "label": label} for start, end, label in triples]


def row(words: int, *triples: tuple[int, int, str]) -> dict[str, Any]:
    return {"words": [f"w{i}" for i in range(words)], "e": spans(*triples)}


def make(*, max_width: int = 4, labels: tuple[str, ...] = ("a", "b"), **options: Any) -> NestedSpans:
    torch.manual_seed(0)
    kind = NestedSpans(
        options=NestedSpansOptions(column="e", width=6, **options),
        labels={"labels": list(labels), "max_width": [str(max_width)]},
        hidden_size=HIDDEN,
    )
    for parameter in kind.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return kind.eval()


def by_hand(scorer: SpanScorer, words: Tensor, start: int, end: int) -> Tensor:
    """Return the scores of the span from word ``start`` to before ``end`` of one sentence (N, H), in float64."""
    scorer = scorer.double()
    words = words.double()
    nothing = torch.zeros(1, words.shape[1], dtype=torch.float64)
    around = torch.cat([nothing, words, nothing])

    def boundary(at: int) -> Tensor:
        linear = scorer.boundaries[0]
        assert isinstance(linear, nn.Linear)
        return F.gelu(linear.weight @ around[at : at + 3].flatten() + linear.bias)

    width = scorer.pair.in_features
    first, last = boundary(start)[:width], boundary(end - 1)[width:]
    matrices = (scorer.pair.weight @ first + scorer.pair.bias).view(scorer.labels, width + 1)
    inside = words[start:end] @ scorer.inside.weight.T + scorer.inside.bias
    weight = inside[:, -1:].sigmoid() + LEAST_WEIGHT
    mean = (inside[:, :-1] * weight).sum(0) / weight.sum()
    bucket = min(math.floor(2 * math.log2(end - start)), 15)
    return matrices @ torch.cat([last, torch.ones(1)]) + mean + scorer.bias.weight[bucket]


def all_scores(output: SpanScores, sentence: int) -> dict[tuple[int, int], Tensor]:
    """Return the scores of a sentence's candidates by (start, end)."""
    found = {}
    for block, start, end in output.valid[sentence].nonzero().tolist():
        offset = block * output.layout.starts
        found[offset + start, offset + end + 1] = output.scores[sentence, block, :, start, end]
    return found


@pytest.mark.parametrize(
    ("words", "max_width", "blocks"), [(9, 9, 1), (9, 20, 1), (9, 5, 1), (9, 3, 3), (13, 3, 5), (7, 1, 7), (1, 1, 1)]
)
def test_every_candidate_is_scored_once_as_by_hand(words: int, max_width: int, blocks: int) -> None:
    kind = make(max_width=max_width)
    states = torch.randn(2, words, HIDDEN)
    lengths = (words, max(1, words - 2))
    mask = torch.arange(words) < torch.tensor(lengths).unsqueeze(-1)
    output = kind(states, mask)
    assert output.layout.blocks == blocks
    for b, length in enumerate(lengths):
        found = all_scores(output, b)
        wanted = {(i, j) for i in range(length) for j in range(i + 1, length + 1) if j - i <= max_width}
        assert found.keys() == wanted
        assert len(found) == int(output.valid[b].sum())
        for (start, end), scores in found.items():
            expected = by_hand(make(max_width=max_width).scorer, states[b, :length], start, end)
            torch.testing.assert_close(scores.double(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=50)
@given(words=st.integers(1, 40), max_width=st.integers(1, 40))
def test_the_layout_is_never_larger_than_all_pairs_and_indexes_its_spans(words: int, max_width: int) -> None:
    layout = SpanLayout.of(words, max_width=max_width)
    assert layout.blocks * layout.starts * layout.ends <= words**2
    valid = layout.valid(torch.ones(1, words, dtype=torch.bool))[0]
    assert int(valid.sum()) == sum(min(max_width, words - i) for i in range(words))
    place = torch.arange(words).view(1, -1)
    starts = layout.by_start(place.unsqueeze(-1))[0, ..., 0].unsqueeze(-1).expand(valid.shape)
    ends = layout.by_end(place.unsqueeze(-1))[0, ..., 0].unsqueeze(1).expand(valid.shape)
    found = layout.index(starts[valid], ends[valid] - starts[valid] + 1)
    assert found.tolist() == valid.flatten().nonzero().squeeze(-1).tolist()


def expected_loss(
    kind: NestedSpans, output: SpanScores, rows: list[dict[str, Any]], *, smoothing: float, weights: dict[str, float]
) -> float:
    total = 0.0
    for b, sentence in enumerate(rows):
        if sentence["e"] is None:
            continue
        gold = {(s["start"], s["end"]): s["label"] for s in sentence["e"]}
        for place, scores in all_scores(output, b).items():
            label = gold.get(place)
            if label is not None and label not in kind.space:
                continue
            logs = torch.cat([scores, torch.zeros(1)]).detach().double().log_softmax(0)
            chosen = logs[-1 if label is None else kind.index[label]]
            loss = -(1 - smoothing) * chosen - smoothing * logs.mean()
            total += (weights.get(label, 1.0) if label is not None else 1.0) * float(loss)
    return total


@pytest.mark.parametrize("max_width", [4, 20])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"class_weights": {"b": 2.5}}])
def test_loss_is_the_cross_entropy_of_all_candidates(max_width: int, options: dict[str, Any]) -> None:
    kind = make(max_width=max_width, **options)
    rows = [
        row(11, (0, 4, "a"), (1, 3, "b"), (2, 3, "new"), (0, 9, "b")),
        row(5),
        {**row(6), "e": None},
        row(8, (7, 8, "b")),
    ]
    mask = torch.arange(11) < torch.tensor([len(r["words"]) for r in rows]).unsqueeze(-1)
    output = kind(torch.randn(4, 11, HIDDEN), mask)
    targets = kind.collate([kind.targets(r) for r in rows], 11)
    expected = expected_loss(
        kind,
        output,
        rows,
        smoothing=options.get("label_smoothing", 0.0),
        weights=options.get("class_weights", {}),
    )
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected, rel=1e-4)
    assert targets.count == 11 + 5 + 8


def test_fit_learns_the_greatest_width_unless_told() -> None:
    rows = [row(9, (0, 7, "a"), (1, 2, "b")), row(3, (0, 1, "a"))]
    assert NestedSpans.fit(NestedSpansOptions(column="e"), rows) == {"labels": ["a", "b"], "max_width": ["7"]}
    assert NestedSpans.fit(NestedSpansOptions(column="e", max_width=3), rows)["max_width"] == ["3"]


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), words=st.integers(1, 12), max_width=st.integers(1, 12), many=st.floats(-2, 2))
def test_decoded_spans_never_cross_and_are_the_best(seed: int, words: int, max_width: int, many: float) -> None:
    kind = make(max_width=max_width)
    torch.manual_seed(seed)
    output = kind(torch.randn(1, words, HIDDEN), torch.ones(1, words, dtype=torch.bool))
    output = SpanScores(output.scores + many, output.valid, output.layout)
    [annotation] = kind.decode(output, [["w"] * words], probabilities=True)
    found = [(s["start"], s["end"]) for s in annotation["e"]]
    assert found == sorted(set(found), key=lambda span: (span[0], -span[1]))
    for (_, b), (c, d) in itertools.combinations(found, 2):
        assert b <= c or d <= b, "crossing spans"
    scores = all_scores(output, 0)
    positive = {place: values for place, values in scores.items() if values.max() > 0}
    assert set(found) <= positive.keys()
    for (c, d), values in positive.items():
        if (c, d) not in found:  # it must cross a better one
            assert any((a < c < b < d or c < a < d < b) and positive[a, b].max() >= values.max() for a, b in found)
    for span, share in zip(annotation["e"], annotation["e_probability"], strict=True):
        values = torch.cat([scores[span["start"], span["end"]], torch.zeros(1)]).detach().softmax(0)
        assert share == pytest.approx(float(values[:-1].max()), abs=1e-5)
        assert span["label"] == kind.space[int(values[:-1].argmax())]


@pytest.mark.parametrize("max_width", [2, 20])
def test_feedback_is_the_noisy_or_of_the_spans_over_a_word(max_width: int) -> None:
    kind = make(max_width=max_width)
    output = kind(torch.randn(1, 9, HIDDEN) - 0.5, torch.ones(1, 9, dtype=torch.bool))
    weights = kind.feedback(output)[0]
    shares = {place: torch.cat([s, torch.zeros(1)]).double().softmax(0) for place, s in all_scores(output, 0).items()}
    for word in range(9):
        over = torch.stack([share for (start, end), share in shares.items() if start <= word < end])
        expected = torch.cat([1 - (1 - over[:, :-1]).prod(0), over[:, -1:].prod(0)])
        torch.testing.assert_close(weights[word].double(), expected, rtol=1e-3, atol=1e-5)


def test_scores_by_hand() -> None:
    options = NestedSpansOptions(column="e")
    gold = [row(6, (0, 4, "a"), (1, 3, "b"), (5, 6, "a")), {**row(2), "e": None}, row(3, (0, 1, "a"))]
    predicted = [
        {"e": spans((0, 4, "a"), (1, 3, "a"), (2, 3, "b"))},
        {"e": spans((0, 1, "a"))},
        {"e": spans((0, 1, "a"))},
    ]
    scores = NestedSpans.score(options, gold, predicted)
    assert scores.main_value == pytest.approx(2 * 2 / (4 + 4))
    assert scores.values["precision"] == scores.values["recall"] == pytest.approx(0.5)
    assert scores.values["span_f1"] == pytest.approx(3 / 4)
    assert scores.per_label["a"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3})
    assert set(scores.confusions) == {("a", "no span", 1), ("b", "a", 1), ("no span", "b", 1)}


def test_labels_that_training_did_not_know_count_as_errors() -> None:
    scores = NestedSpans.score(NestedSpansOptions(column="e"), [row(2, (0, 1, "new"))], [{"e": []}])
    assert scores.main_value == 0
    assert scores.per_label["new"]["support"] == 1


@pytest.mark.parametrize("wrong", [(0, 0, "a"), (2, 1, "a"), (-1, 1, "a"), (0, 4, "a")])
def test_spans_outside_the_sentence_are_named_with_their_place(wrong: tuple[int, int, str]) -> None:
    bad = {**row(3, wrong), "file": "x.tsv", "line": 7}
    with pytest.raises(DataError, match=r"x\.tsv, line 7: .*start < end <= 3"):
        NestedSpans.fit(NestedSpansOptions(column="e"), [bad])


def test_the_baseline_knows_phrases_and_does_not_cross() -> None:
    def sentence(text: str, *triples: tuple[int, int, str]) -> dict[str, Any]:
        return {"words": text.split(), "e": spans(*triples)}

    rows = [
        sentence("the man of Rome", (0, 4, "person"), (3, 4, "place")),
        sentence("the man of Rome", (0, 4, "person"), (3, 4, "place")),
        sentence("Rome", (0, 1, "person")),
        sentence("old Rome fell", (0, 2, "place"), (1, 2, "place")),
        sentence("Rome fell again", (0, 3, "event")),
        sentence("of", (0, 1, "person")),
        sentence("of of of of"),
        {"words": ["of"], "e": None},
    ]
    answer = NestedSpans.baseline(NestedSpansOptions(column="e"), rows)
    assert answer({"words": ["old", "Rome", "fell", "again"]}) == {"e": spans((1, 4, "event"), (1, 2, "place"))}
    assert answer({"words": ["the", "man", "of", "Rome"]}) == {"e": spans((0, 4, "person"), (3, 4, "place"))}


def test_three_thousand_words_train_and_decode_in_little_memory() -> None:
    words, max_width = 3000, 95
    kind = make(max_width=max_width, labels=tuple("abcdefghij"))
    with torch.no_grad():
        kind.scorer.bias.weight -= 3
    layout = SpanLayout.of(words, max_width=max_width)
    assert layout.blocks * layout.starts * layout.ends <= 2.1 * words * max_width
    gold = row(words, *((i, i + 1 + i % max_width, "a") for i in range(0, words - max_width, 7)))
    mask = torch.ones(1, words, dtype=torch.bool)
    states = torch.randn(1, words, HIDDEN)
    targets = kind.collate([kind.targets(gold)], words)
    saved: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel() * tensor.element_size())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = kind(states, mask)
        loss = kind.loss(output, targets.tensors)
    loss.backward()
    assert loss.isfinite()
    # All pairs of words would be 360 MB for each tensor of scores.
    assert max(saved) < 30e6
    assert sum(saved) < 300e6
    [annotation] = kind.decode(output, [["w"] * words])
    assert all(s["end"] - s["start"] <= max_width for s in annotation["e"])
    assert kind.feedback(output).isfinite().all()


def test_gold_wider_than_the_candidates_loses_recall_only() -> None:
    kind = make(max_width=2)
    arrays = kind.targets(row(5, (0, 5, "a"), (1, 3, "b")))
    assert arrays is not None
    np.testing.assert_array_equal(arrays["width"], [2])
