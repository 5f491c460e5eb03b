"""Features: strings and mappings, losses by hand, combinations never seen, scores as counted by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.decoding._features import join, split
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds.features import Features, FeaturesOptions

HIDDEN = 5
LABELS = {"Case": ["Acc", "Nom"], "Number": ["Plur", "Sing", "Dual"], "Number[psor]": ["Sing"]}
NAMES = ["Case", "Number", "Number[psor]", "abbr", "PronType"]


def make(labels: dict[str, list[str]] = LABELS, **options: Any) -> Features:
    torch.manual_seed(0)
    return Features(options=FeaturesOptions(**options), labels=labels, hidden_size=HIDDEN).eval()


def outputs(kind: Features, *, words: int = 4, sentences: int = 1) -> torch.Tensor:
    return kind(torch.randn(sentences, words, HIDDEN), torch.ones(sentences, words, dtype=torch.bool))


def sure(kind: Features, strings: list[str]) -> torch.Tensor:
    """Return an output that is nearly certain of some features."""
    targets = kind.targets({"words": strings, "feats": strings})
    assert targets is not None
    scores = torch.zeros(1, len(strings), *kind.void.shape).masked_fill(kind.void, float("-inf"))
    return scores.scatter(-1, torch.from_numpy(targets["classes"])[None, ..., None], 20.0).log_softmax(-1)


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from("AbCd"), min_size=1, unique=True)))
def test_strings_and_mappings_are_one_another(features: dict[str, list[str]]) -> None:
    sorted_values = {name: ",".join(sorted(values, key=str.lower)) for name, values in features.items()}
    assert split("|".join(f"{n}={','.join(v)}" for n, v in features.items())) == sorted_values
    text = join(sorted_values)
    assert split(text) == sorted_values
    names = [item.partition("=")[0].lower() for item in text.split("|") if item]
    assert names == sorted(names)


@pytest.mark.parametrize("text", ["Number", "Number=", "=Sing", "Case=Nom|", "|", "A=b|A=c", "A=b=c", "A=b,,c", " "])
def test_damaged_features_are_one_error_with_their_place(text: str) -> None:
    row = {"words": ["a", "cat"], "feats": ["", text], "file": "x.conllu", "line": 7}
    for act in (
        lambda: Features.fit(FeaturesOptions(), [row]),
        lambda: make().targets(row),
        lambda: Features.score(FeaturesOptions(), [row], [{"feats": ["", ""]}]),
    ):
        with pytest.raises(DataError, match=r"^x\.conllu, line 7: feats of word 2 \('cat'\)"):
            act()


def test_label_spaces_are_by_attribute() -> None:
    rows = [
        {"words": ["a", "b", "c"], "feats": ["Number=Sing|Case=Nom", "Number=Plur", ""]},
        {"words": ["d", "e"], "feats": ["Number=Sing|PronType=Rel,Int", None]},
        {"words": ["f"], "feats": None},
    ]
    labels = Features.fit(FeaturesOptions(), rows)
    assert labels == {"Case": ["Nom"], "Number": ["Sing", "Plur"], "PronType": ["Int,Rel"]}
    assert list(labels) == ["Case", "Number", "PronType"]
    assert make(labels).feedback_size == 2 + 3 + 2


def test_words_without_any_features_are_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="feats"):
        Features.fit(FeaturesOptions(), [{"words": ["a", "b"], "feats": ["", ""]}])


def test_targets_leave_out_what_training_did_not_have() -> None:
    kind = make()
    row = {"words": list("abcde"), "feats": ["Number=Dual|Case=Acc", "Case=Gen", "", None, "Mood=Ind"]}
    targets = kind.collate([kind.targets(row), kind.targets({"words": ["x"]})], 6)
    missing = [IGNORE] * 3
    assert targets.tensors["classes"].tolist() == [
        [[1, 3, 0], [IGNORE, 0, 0], [0, 0, 0], missing, [0, 0, 0], missing],
        [missing] * 6,
    ]
    assert targets.count == 4


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_loss_by_hand(smoothing: float) -> None:
    kind = make(label_smoothing=smoothing)
    states = torch.randn(1, 3, HIDDEN)
    row = {"words": list("abc"), "feats": ["Number=Dual", "Case=Gen|Number[psor]=Sing", None]}
    targets = kind.collate([kind.targets(row)], 3)
    scores = kind.scorer(states)[0].detach().double()
    expected = 0.0
    # (word, the attribute's classes, the right one), absent first in each
    for n, classes, right in [
        (0, slice(0, 3), 0),
        (0, slice(3, 7), 3),
        (0, slice(7, 9), 0),
        (1, slice(3, 7), 0),
        (1, slice(7, 9), 1),
    ]:
        logs = scores[n, classes].log_softmax(-1)
        expected -= (1 - smoothing) * logs[right].item() + smoothing * logs.mean().item()
    output = kind(states, torch.ones(1, 3, dtype=torch.bool))
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected, rel=1e-5)


def test_feedback_has_each_attributes_distribution() -> None:
    kind = make()
    output = outputs(kind)
    weights = kind.feedback(output)
    assert weights.shape == (1, 4, 9)
    for classes in (slice(0, 3), slice(3, 7), slice(7, 9)):
        torch.testing.assert_close(weights[..., classes].sum(-1), torch.ones(1, 4))
    assert weights[0, 0, 3:7].tolist() == pytest.approx(output[0, 0, 1, :4].exp().tolist())


def test_combinations_never_seen_can_be_said() -> None:
    kind = make()
    wanted = ["Case=Nom|Number=Dual|Number[psor]=Sing", "", "Number[psor]=Sing", "Case=Acc"]
    [annotation] = kind.decode(sure(kind, wanted), [["w"] * 4])
    assert annotation == {"feats": wanted}


def test_a_strings_probability_is_the_product_of_its_attributes() -> None:
    kind = make()
    output = outputs(kind, words=3)
    [annotation] = kind.decode(output, [["w", "w"]], probabilities=True)
    expected = [math.prod(output[0, n, a].exp().max().item() for a in range(3)) for n in range(2)]
    assert annotation["feats_probability"] == pytest.approx(expected)


def test_scores_by_hand() -> None:
    gold = [
        {
            "words": list("abcdef"),
            "feats": ["Number=Sing|Case=Nom", "Number=Plur", "", "Typo=Yes", "Number[psor]=Sing", None],
        },
        {"words": ["g"], "feats": None},
    ]
    predicted = [
        {"feats": ["Case=Nom|Number=Sing", "Number=Sing", "Case=Acc", "", "", "Case=Nom"]},
        {"feats": ["Case=Nom"]},
    ]
    scores = Features.score(FeaturesOptions(), gold, predicted)
    # Right: the first word. Right in universal features: also the fourth and the fifth.
    assert scores.values == pytest.approx({"accuracy": 1 / 5, "universal": 3 / 5, "f1": 2 * 2 / (5 + 4), "words": 5})
    assert scores.per_label["Case"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1.0}
    assert scores.per_label["Number"] == pytest.approx({"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2})
    assert ("Number=Plur", "Number=Sing", 1) in scores.confusions
    assert ("no Case", "Case=Acc", 1) in scores.confusions
    assert ("Typo=Yes", "no Typo", 1) in scores.confusions


def test_the_baseline_goes_by_form_and_else_by_frequency() -> None:
    rows = [{"words": ["a", "b", "b", "c"], "feats": ["", "Number=Sing", "Number=Sing", None]}, {"words": ["b"]}]
    answer = Features.baseline(FeaturesOptions(), rows)
    assert answer({"words": ["a", "b", "new"]}) == {"feats": ["", "Number=Sing", "Number=Sing"]}
