"""Flat spans: legal tags whatever the scores, seqeval's figures, losses by hand, one clear error for overlaps."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from hiernlp.decoding._tags import tags_of
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds._tagger import TagScores
from hiernlp.kinds.flat_spans import FlatSpans, FlatSpansOptions

HIDDEN = 6


def spans(*triples: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [{"start": start, "end": end, "label": label} for start, end, label in triples]


def make(**options: Any) -> FlatSpans:
    torch.manual_seed(0)
    kind = FlatSpans(options=FlatSpansOptions(column="e", **options), labels={"labels": ["x", "y"]}, hidden_size=HIDDEN)
    for parameter in kind.parameters():
        torch.nn.init.normal_(parameter)
    return kind.eval()


def best_tags(kind: FlatSpans, emissions: torch.Tensor) -> list[list[int]]:
    """Return the decoder's tags of sentences that are all as long as the batch."""
    batch, words = emissions.shape[:2]
    arrays = kind.arrays(TagScores(emissions, torch.ones(batch, words, dtype=torch.bool)))
    found = {name: array.detach().numpy() for name, array in arrays.items()}
    return kind.decoder.paths(found, [["w"] * words] * batch).tolist()


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw gold rows and predictions with spans that do not overlap."""
    labels = st.sampled_from(["x", "y", "B-x", "O", "-", "macro avg", ""])
    gold, predicted = [], []
    for _ in range(draw(st.integers(1, 4))):
        words = draw(st.integers(1, 8))
        sides = []
        for _ in range(2):
            cuts = sorted(draw(st.sets(st.integers(0, words))))
            sides.append(spans(*[(a, b, draw(labels)) for a, b in itertools.pairwise(cuts) if draw(st.booleans())]))
        gold.append({"words": ["w"] * words, "e": sides[0]})
        predicted.append({"e": sides[1]})
    return gold, predicted


@settings(max_examples=60)
@given(sentences())
def test_scores_equal_a_count_of_exact_matches(case: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    gold, predicted = case
    ours = {(i, s["start"], s["end"], s["label"]) for i, row in enumerate(gold) for s in row["e"]}
    theirs = {(i, s["start"], s["end"], s["label"]) for i, row in enumerate(predicted) for s in row["e"]}
    scores = FlatSpans.score(FlatSpansOptions(column="e"), gold, predicted)
    total = len(ours) + len(theirs)
    assert scores.main_value == pytest.approx(2 * len(ours & theirs) / total if total else 0)
    assert scores.values["precision"] == pytest.approx(len(ours & theirs) / len(theirs) if theirs else 0)
    assert scores.values["recall"] == pytest.approx(len(ours & theirs) / len(ours) if ours else 0)
    for label, values in scores.per_label.items():
        right = sum(span[3] == label for span in ours & theirs)
        both = sum(span[3] == label for span in ours) + sum(span[3] == label for span in theirs)
        assert values["f1"] == pytest.approx(2 * right / both)


def test_scores_equal_seqeval_on_iob2_tags() -> None:
    gold_tags = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "I-LOC"], ["B-ORG"]]
    predicted_tags = [["B-PER", "I-PER", "B-LOC", "B-LOC"], ["O", "B-LOC", "O"], ["B-PER"]]
    gold = [
        {"words": ["w"] * 4, "e": spans((0, 2, "PER"), (3, 4, "LOC"))},
        {"words": ["w"] * 3, "e": spans((1, 3, "LOC"))},
        {"words": ["w"], "e": spans((0, 1, "ORG"))},
    ]
    predicted = [
        {"e": spans((0, 2, "PER"), (2, 3, "LOC"), (3, 4, "LOC"))},
        {"e": spans((1, 2, "LOC"))},
        {"e": spans((0, 1, "PER"))},
    ]
    counting: dict[str, Any] = {"output_dict": True, "mode": "strict", "scheme": IOB2, "zero_division": 0}
    report: Any = classification_report(gold_tags, predicted_tags, **counting)
    scores = FlatSpans.score(FlatSpansOptions(column="e"), gold, predicted)
    assert scores.main_value == pytest.approx(report["micro avg"]["f1-score"])
    for label in ("PER", "LOC", "ORG"):
        assert scores.per_label[label]["f1"] == pytest.approx(report[label]["f1-score"])
        assert scores.per_label[label]["support"] == report[label]["support"]
    assert ("ORG", "PER", 1) in scores.confusions
    assert ("LOC", "no span", 1) in scores.confusions
    assert ("no span", "LOC", 2) in scores.confusions


@settings(max_examples=60)
@given(
    scores=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=5, max_size=5), min_size=1, max_size=8),
    crf=st.booleans(),
)
def test_decoded_tags_are_legal_and_the_best_of_all_legal_ones(scores: list[list[float]], crf: bool) -> None:
    kind = make(crf=crf)
    emissions = torch.tensor(scores).unsqueeze(0)
    [path] = best_tags(kind, emissions)
    tags = tags_of(["x", "y"])
    assert not tags[path[0]].startswith("I-")
    for i, j in itertools.pairwise(path):
        assert not tags[j].startswith("I-") or tags[i][2:] == tags[j][2:]


def test_the_softmax_path_is_the_most_probable_legal_one() -> None:
    kind = make()
    torch.manual_seed(3)
    emissions = 3 * torch.randn(20, 5, 5)
    found = best_tags(kind, emissions)
    tags = tags_of(["x", "y"])
    legal = [
        path
        for path in itertools.product(range(5), repeat=5)
        if not tags[path[0]].startswith("I-")
        and all(not tags[j].startswith("I-") or tags[i][2:] == tags[j][2:] for i, j in itertools.pairwise(path))
    ]
    index = torch.tensor(legal)
    for b in range(20):
        totals = emissions[b].double()[torch.arange(5), index].sum(1)
        assert found[b] == list(legal[int(totals.argmax())])


def test_span_probability_is_the_least_of_its_words() -> None:
    kind = make()
    states = torch.randn(1, 9, HIDDEN)
    output = kind(states, torch.ones(1, 9, dtype=torch.bool))
    [annotation] = kind.decode(output, [["w"] * 9], probabilities=True)
    shares = output.scores[0].softmax(-1).detach()
    assert len(annotation["e"]) == len(annotation["e_probability"]) > 0
    for span, share in zip(annotation["e"], annotation["e_probability"], strict=True):
        tags = [f"B-{span['label']}"] + [f"I-{span['label']}"] * (span["end"] - span["start"] - 1)
        least = min(shares[span["start"] + i, kind.index[tag]].item() for i, tag in enumerate(tags))
        assert share == pytest.approx(least)


def test_loss_by_hand_with_weights_and_smoothing() -> None:
    kind = make(class_weights={"y": 3.0}, label_smoothing=0.1)
    row = {"words": list("abcd"), "e": spans((0, 2, "y"), (3, 4, "new"))}
    arrays = kind.targets(row)
    assert arrays is not None
    assert arrays["tags"].tolist() == [3, 4, 0, IGNORE]
    targets = kind.collate([arrays], 4)
    assert targets.count == 3
    output = kind(torch.randn(1, 4, HIDDEN), torch.ones(1, 4, dtype=torch.bool))
    logs = output.scores[0].detach().double().log_softmax(-1)
    weights = torch.tensor([1.0, 1, 1, 3, 3], dtype=torch.float64)
    expected = 0.0
    for word, tag in enumerate([3, 4, 0]):
        expected -= (0.9 * weights[tag] * logs[word, tag] + 0.1 / 5 * (weights * logs[word]).sum()).item()
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected, rel=1e-5)


def test_overlapping_spans_point_to_nested_spans() -> None:
    row = {"words": list("abcd"), "e": spans((0, 3, "x"), (1, 2, "y")), "file": "f.conllu", "line": 12}
    with pytest.raises(DataError, match=r"f\.conllu, line 12: .*'x' over words 0 to 2.*nested_spans"):
        FlatSpans.fit(FlatSpansOptions(column="e"), [row])
    with pytest.raises(DataError, match="nested_spans"):
        make().targets(row)


@pytest.mark.parametrize("extra", [{"label_smoothing": 0.1}, {"class_weights": {"x": 2.0}}])
def test_settings_that_a_crf_would_ignore_are_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no meaning for a CRF"):
        FlatSpansOptions(column="e", crf=True, **extra)


def test_weights_of_labels_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match="'z'"):
        make(class_weights={"z": 2.0})


def test_the_baseline_takes_the_longest_known_phrase() -> None:
    rows = [
        {"words": ["New", "York"], "e": spans((0, 2, "place"))},
        {"words": ["York"], "e": spans((0, 1, "person"))},
        {"words": ["New", "York", "Times"], "e": spans((0, 3, "paper"))},
        {"words": ["in", "New", "York"], "e": spans((1, 3, "place"))},
    ]
    answer = FlatSpans.baseline(FlatSpansOptions(column="e"), rows)
    sentence = ["York", "in", "New", "York", "or", "New", "York", "Times"]
    assert answer({"words": sentence})["e"] == spans((2, 4, "place"), (5, 8, "paper"))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_spans_more_likely_than_not(seed: int, words: int) -> None:
    kind = make(crf=True, decode="spans")
    torch.manual_seed(seed)
    output = TagScores(2 * torch.randn(2, words, len(kind.tags)), torch.ones(2, words, dtype=torch.bool))
    for annotation, scores in zip(
        kind.decode(output, [["w"] * words] * 2, probabilities=True), output.scores, strict=True
    ):
        assert len(annotation["e"]) == len(annotation["e_probability"])
        for span, probability in zip(annotation["e"], annotation["e_probability"], strict=True):
            # The share of the sequences with this span: those that agree with its tags and then do not go on.
            start, end, label = span["start"], span["end"], span["label"]
            tags = torch.full((1, words), IGNORE)
            tags[0, start:end] = kind.index[f"I-{label}"]
            tags[0, start] = kind.index[f"B-{label}"]
            alone = TagScores(scores[None], torch.ones(1, words, dtype=torch.bool))
            share = (-kind.loss(alone, {"tags": tags})).exp()
            if end < words:
                tags[0, end] = kind.index[f"I-{label}"]
                share = share - (-kind.loss(alone, {"tags": tags})).exp()
            assert probability == pytest.approx(share.item(), abs=1e-4)
            assert probability > 0.5


def test_spans_go_by_the_crf() -> None:
    with pytest.raises(ValidationError, match="set `crf: true`"):
        FlatSpansOptions(column="e", decode="spans")
