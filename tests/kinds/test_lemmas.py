"""Lemmas: losses by hand, the best script that applies, scores as the official scorer counts them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hiernlp.decoding._edit_scripts import EditScript, script_of
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds.lemmas import Lemmas, LemmasOptions

HIDDEN = 5
PLURAL, BERRY, LOWER = EditScript("lower", after="s"), EditScript("lower", after="ies", end="y"), EditScript("lower")


def make(scripts: list[EditScript], **options: Any) -> Lemmas:
    torch.manual_seed(0)
    labels = {"scripts": [str(script) for script in scripts]}
    return Lemmas(options=LemmasOptions(**options), labels=labels, hidden_size=HIDDEN).eval()


def test_rare_scripts_are_not_learnt_and_cost_nothing() -> None:
    rows = [
        {"words": ["Cats", "was", "dogs"], "lemma": ["cat", "be", "dog"]},
        {"words": ["the", "A", "is", "x"], "lemma": ["the", "a", "be", None]},
        {"words": ["mice", "y"], "lemma": ["mouse", ""]},
        {"words": ["no", "lemmas"]},
    ]
    options = LemmasOptions()
    labels = Lemmas.fit(options, rows)
    assert sorted(labels["scripts"]) == sorted(map(str, [PLURAL, LOWER, EditScript("whole", start="be")]))
    kind = Lemmas(options=options, labels=labels, hidden_size=HIDDEN)
    targets = kind.collate([kind.targets(row) for row in rows], 4)
    found = [[None if i == IGNORE else kind.space[i] for i in row] for row in targets.tensors["scripts"].tolist()]
    plural, lower, be = str(PLURAL), str(LOWER), '["whole","","be"]'
    assert found == [[plural, be, plural, None], [lower, lower, be, None], [None] * 4, [None] * 4]
    assert targets.count == 6
    again = kind.collate([kind.targets(row) for row in rows], 4)
    assert again.tensors["scripts"].equal(targets.tensors["scripts"])


def test_too_few_of_every_script_is_said() -> None:
    with pytest.raises(DataError, match="min_count"):
        Lemmas.fit(LemmasOptions(min_count=3), [{"words": ["a", "b"], "lemma": ["a", "b"]}])


def test_loss_by_hand() -> None:
    kind = make([PLURAL, BERRY, LOWER], label_smoothing=0.3)
    rows = [{"words": ["berries", "rats"], "lemma": ["berry", None]}, {"words": ["a"], "lemma": ["a"]}]
    targets = kind.collate([kind.targets(row) for row in rows], 2)
    output = kind(torch.randn(2, 2, HIDDEN), torch.ones(2, 2, dtype=torch.bool))
    logs = output.detach().double().log_softmax(-1)
    expected = -sum(0.7 * logs[b, n, i].item() + 0.3 * logs[b, n].mean().item() for b, n, i in [(0, 0, 1), (1, 0, 2)])
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected, rel=1e-5)


def test_the_best_script_that_applies_is_chosen() -> None:
    kind = make([BERRY, PLURAL, LOWER])
    scores = torch.tensor([[[3.0, 2.0, 1.0]] * 4])
    [annotation] = kind.decode(scores, [["Berries", "Cats", "s", "unseen"]], probabilities=True)
    assert annotation["lemma"] == ["berry", "cat", "s", "unseen"]
    shares = scores[0, 0].softmax(-1).tolist()
    assert annotation["lemma_probability"] == pytest.approx([shares[0], shares[1], shares[2], shares[2]])


def test_a_word_to_which_nothing_applies_is_its_own_lemma() -> None:
    kind = make([BERRY, PLURAL])
    [annotation] = kind.decode(torch.zeros(1, 2, 2), [["Sheep", ""]], probabilities=True)
    assert annotation == {"lemma": ["Sheep", "_"], "lemma_probability": [0.0, 0.0]}


@settings(max_examples=100)
@given(
    pairs=st.lists(st.tuples(st.text(max_size=6), st.text(min_size=1, max_size=6)), min_size=1, max_size=6),
    words=st.lists(st.text(max_size=8), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_decoding_equals_trying_all_scripts_in_order(pairs: list[Any], words: list[str], seed: int) -> None:
    kind = make([EditScript.parse(s) for s in dict.fromkeys(script_of(f, lemma) for f, lemma in pairs)])
    scores = torch.randn(1, len(words), len(kind.space), generator=torch.Generator().manual_seed(seed))
    [annotation] = kind.decode(scores, [words])
    for n, word in enumerate(words):
        made = (kind.decoder.scripts[i](word) for i in scores[0, n].argsort(descending=True).tolist())
        assert annotation["lemma"][n] == (next((lemma for lemma in made if lemma), None) or word or "_")


def test_scores_count_a_missing_lemma_as_the_official_scorer_does() -> None:
    gold = [
        {"words": ["Cats", "run", "to", "_"], "lemma": ["cat", "run", None, "_"]},
        {"words": ["no", "lemmas"], "lemma": None},
        {"words": ["Us"], "lemma": ["we"]},
    ]
    predicted = [{"lemma": ["cat", "Run", "x", "y"]}, {"lemma": ["no", "lemma"]}, {"lemma": ["us"]}]
    scores = Lemmas.score(LemmasOptions(), gold, predicted)
    assert scores.values == pytest.approx({"accuracy": 2 / 4, "official": 3 / 5, "words": 4})
    assert scores.confusions == [("run", "Run", 1), ("we", "us", 1)]


def test_the_baseline_goes_by_form_and_else_copies() -> None:
    rows = [{"words": ["saw", "saw", "saw"], "lemma": ["see", "see", "saw"]}, {"words": ["saw"], "lemma": None}]
    answer = Lemmas.baseline(LemmasOptions(), rows)
    assert answer({"words": ["saw", "Unseen"]}) == {"lemma": ["see", "Unseen"]}
