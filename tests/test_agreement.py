"""Labels that go together: the best combination by brute force, the same for whoever asks, nothing else changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.agreement import Agreeing, Agreement, combinations, exchanged
from hiernlp.decoding._features import split
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, prepare
from hiernlp.hub import load_bundle, save_bundle
from hiernlp.hub.folder import Bundle
from hiernlp.hub.pruning import prune
from hiernlp.inference.analyzer import Analyzer
from hiernlp.kinds._tagger import TagScores
from hiernlp.kinds.features import Features, FeaturesOptions
from hiernlp.kinds.token_labels import TokenLabels, TokenLabelsOptions
from hiernlp.recipe import Recipe, only_tasks, single_task
from hiernlp.recipe.files import validate_recipe
from tests.graphs.conftest import analyzer_of_graphs, shaken

TAGS = ["NOUN", "VERB", "X"]
FEATURES = {"Number": ["Plur", "Sing"], "Tense": ["Past", "Pres", "Fut"]}
STRINGS = ["", "Number=Sing", "Number=Plur", "Tense=Past", "Number=Sing|Tense=Pres", "Number=Plur|Tense=Fut"]
SEEN = (("NOUN", "Number=Sing"), ("NOUN", "Number=Plur"), ("VERB", "Tense=Past"), ("VERB", "Number=Sing|Tense=Pres"))
SENTENCES = [["the", "cat", "sees", "a", "big", "dog", "."], ["mary", "liked", "?"], ["zebras"] * 90]
Make = Callable[..., dict[str, Any]]


def heads() -> dict[str, Any]:
    return {
        "tags": TokenLabels(options=TokenLabelsOptions(column="tags"), labels={"labels": TAGS}, hidden_size=8),
        "feats": Features(options=FeaturesOptions(), labels=FEATURES, hidden_size=8),
    }


def agreeing(seen: tuple[tuple[str, ...], ...] = SEEN, *, cost: float = 5.0) -> Agreeing:
    return Agreeing(Agreement(("tags", "feats"), seen, cost), heads())


def said(seed: int, *, sharpness: float) -> tuple[list[Any], list[Any]]:
    """Return two heads and what they say of three sentences of four words."""
    made = list(heads().values())
    torch.manual_seed(seed)
    tags = TagScores(sharpness * torch.randn(3, 4, len(TAGS)), torch.ones(3, 4, dtype=torch.bool))
    scores = (sharpness * torch.randn(3, 4, 2, 4)).masked_fill(made[1].void, float("-inf"))
    return made, [tags, scores.log_softmax(-1)]


def answers(made: list[Any], outputs: list[Any]) -> list[list[tuple[str, str]]]:
    words = [["w"] * 4] * 3
    tags, feats = ([next(iter(a.values())) for a in h.decode(o, words)] for h, o in zip(made, outputs, strict=True))
    return [list(zip(*both, strict=True)) for both in zip(tags, feats, strict=True)]


@given(st.integers(0, 10_000), st.sampled_from([0.5, 3.0, 20.0]), st.sampled_from([0.0, 1.0, 5.0, 1e9]))
def test_the_answer_is_the_most_probable_combination_or_what_each_task_says(
    seed: int, sharpness: float, cost: float
) -> None:
    made, outputs = said(seed, sharpness=sharpness)
    alone = answers(made, outputs)
    together = answers(made, agreeing(cost=cost)(made, outputs))
    tags = outputs[0].scores.double().log_softmax(-1)
    for b in range(3):
        for n in range(4):

            def log_probability(tag: str, feats: str, b: int = b, n: int = n) -> float:
                found = tags[b, n, TAGS.index(tag)].item()
                for a, (name, values) in enumerate(FEATURES.items()):
                    value = split(feats).get(name)
                    found += outputs[1][b, n, a, 0 if value is None else values.index(value) + 1].item()
                return found

            scores = {combination: log_probability(*combination) for combination in SEEN}
            best = max(scores, key=lambda combination: scores[combination])
            gap = log_probability(*alone[b][n]) - scores[best]
            if abs(gap - cost) > 1e-4:
                assert together[b][n] == (alone[b][n] if gap > cost else best)


def test_a_changed_answer_takes_the_probability_of_what_it_replaces() -> None:
    made, outputs = said(3, sharpness=3.0)
    changed = agreeing(cost=1e9)(made, outputs)
    for head, before, after in zip(made, outputs, changed, strict=True):
        one, other = head.factors(before), head.factors(after)
        torch.testing.assert_close(one.sort(-1).values, other.sort(-1).values)
        assert not torch.allclose(one, other)
    assert torch.equal(changed[0].mask, outputs[0].mask)


def test_numbers_of_16_bits_change_no_answer() -> None:
    for seed in range(20):
        made, outputs = said(seed, sharpness=0.5)
        expected = answers(made, agreeing()(made, outputs))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert answers(made, agreeing()(made, outputs)) == expected
        assert answers(made, agreeing().bfloat16()(made, outputs)) == expected


def test_values_change_places() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    found = exchanged(values, torch.tensor([0, 1]), torch.tensor([2, 1]))
    assert found.tolist() == [[3.0, 2.0, 1.0], [4.0, 5.0, 6.0]]


def test_combinations_with_labels_that_no_head_has_are_left_out() -> None:
    made, outputs = said(1, sharpness=1.0)
    with_others = agreeing((*SEEN, ("ADJ", ""), ("NOUN", "Case=Nom")))
    for one, other in zip(agreeing()(made, outputs), with_others(made, outputs), strict=True):
        assert torch.equal(getattr(one, "scores", one), getattr(other, "scores", other))
    assert agreeing((("ADJ", ""),))(made, outputs) == outputs


def test_a_word_that_lacks_a_label_tells_nothing() -> None:
    rows = [[["A", None], ["b", "c"]], [None, ["d"]], [["A", "B"], ["b", "b"]]]
    assert combinations(rows) == (("A", "b"), ("B", "b"))


@pytest.fixture(scope="module")
def recipe(recipe_data: Make) -> Recipe:
    """Tags at layer 1, features at layer 2, trees above; the tags of it are to agree with the features."""
    data = recipe_data(["upos", "feats", "dependencies"], feeds=[{"from": "upos"}], epochs=1)
    return validate_recipe(data | {"agreements": [{"tasks": ["upos", "feats"], "unseen_cost": 1e6}]})


@pytest.fixture(scope="module")
def bundle(recipe: Recipe) -> Bundle:
    """An untrained model in which every parameter matters."""
    return shaken(prepare(recipe).bundle)


def annotated(bundle: Bundle, tasks: list[str]) -> list[dict[str, Any]]:
    analyzer = Analyzer(bundle, device="cpu")
    return [dict(sentence.annotations) for sentence in analyzer(SENTENCES, tasks=tasks, probabilities=True)]


def test_the_combinations_are_those_of_the_training_data(recipe: Recipe, bundle: Bundle) -> None:
    (agreement,) = bundle.model.agreements
    rows = prepare(recipe).train["ud"].dataset
    seen = {pair for row in rows for pair in zip(row["upos"], row["feats"], strict=True)}
    assert set(agreement.combinations) == seen
    assert len(seen) < len(bundle.tasks["upos"].labels["labels"]) * len(set(next(zip(*seen, strict=True)))) * 4
    for sentence in annotated(bundle, ["upos", "feats"]):
        assert set(zip(sentence["upos"], sentence["feats"], strict=True)) <= seen


def test_without_agreement_the_same_model_contradicts_itself(bundle: Bundle) -> None:
    seen = set(bundle.model.agreements[0].combinations)
    found, bundle.model.agreements = bundle.model.agreements, ()
    modules, bundle.model.agreeing = bundle.model.agreeing, torch.nn.ModuleList()
    try:
        alone = annotated(bundle, ["upos", "feats"])
    finally:
        bundle.model.agreements, bundle.model.agreeing = found, modules
    assert any(not set(zip(s["upos"], s["feats"], strict=True)) <= seen for s in alone)


def test_an_answer_does_not_depend_on_what_else_is_asked_for(bundle: Bundle) -> None:
    whole = annotated(bundle, ["upos", "feats", "dependencies"])
    for task in ("upos", "feats", "dependencies"):
        for all_of_it, part in zip(whole, annotated(bundle, [task]), strict=True):
            assert part.items() <= all_of_it.items()
    model = bundle.model
    assert model.needed(["upos"]) == ("upos", "feats")
    assert model.depth_of(model.needed(["upos"])) == 2
    assert model.needed(["upos"], answers=False) == ("upos",)


def test_training_is_as_without_it(recipe: Recipe, tmp_path: Path) -> None:
    without = recipe.model_copy(update={"agreements": []})
    states: list[dict[str, torch.Tensor]] = []
    for name, each in (("with", recipe), ("without", without)):
        run = Run(each, tmp_path / name)
        list(run.events())
        states.append(run.experiment.bundle.model.state_dict())
    one, other = states
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_saved_loaded_and_cut_it_answers_the_same(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    loaded = load_bundle(tmp_path / "model")
    assert loaded.model.agreements == bundle.model.agreements
    tasks = ["upos", "feats", "dependencies"]
    assert annotated(loaded, tasks) == annotated(bundle, tasks)
    assert "go together in training data: upos, feats" in (tmp_path / "model" / "README.md").read_text("utf-8")
    cut = prune(loaded, ["upos"])
    assert cut.bundle.model.scheme.depth == 2
    assert cut.feeding == ("feats",)
    assert annotated(cut.bundle, ["upos"]) == annotated(bundle, ["upos"])
    with pytest.raises(HierNLPError, match=r"'feats' .* answered together"):
        bundle.model.restricted(["upos"])


def test_graphs_give_the_same_answers(bundle: Bundle, tmp_path: Path) -> None:
    analyzer = analyzer_of_graphs(bundle, tmp_path)
    for tasks in (["upos"], ["upos", "feats", "dependencies"]):
        found = [dict(sentence.annotations) for sentence in analyzer(SENTENCES, tasks=tasks)]
        expected = [dict(s.annotations) for s in Analyzer(bundle, device="cpu")(SENTENCES, tasks=tasks)]
        assert found == expected


def test_what_is_left_of_it_in_recipes_of_fewer_tasks(recipe: Recipe) -> None:
    assert only_tasks(recipe, ["upos", "feats"]).agreements == recipe.agreements
    assert only_tasks(recipe, ["upos", "dependencies"]).agreements == []
    assert single_task(recipe, "upos").agreements == []


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (["upos", "xpos"], r"^agreements.0.tasks: expected tasks with a label for every word .* found 'xpos' of"),
        (["upos", "dependencies"], r"^agreements.0.tasks: .* found 'dependencies' of the kind 'dependencies'"),
        (["upos", "feast"], r"^agreements.0.tasks: there is no task 'feast'; did you mean 'feats'"),
        (["upos", "upos"], r"^agreements.0.tasks: 'upos' is named twice"),
        (["upos"], r"^agreements.0.tasks: .*at least 2"),
        (["upos", "shared"], r"^agreements.0.tasks: .* found one on pairs, 'shared'"),
    ],
)
def test_mistakes_are_told(recipe_data: Make, tasks: list[str], message: str) -> None:
    data = recipe_data(["upos", "xpos", "feats", "dependencies", "shared"])
    with pytest.raises(HierNLPError, match=message):
        prepare(validate_recipe(data | {"agreements": [{"tasks": tasks}]}))


def test_labels_that_no_corpus_has_together_are_told(recipe_data: Make) -> None:
    data = recipe_data(["upos", "chunks"])
    data["tasks"]["chunks"] = {"kind": "token_labels", "options": {"column": "mood_of_words"}}
    columns, types = {"mood_of_words": "chunks"}, {"mood_of_words": "tags"}
    data["corpora"]["talk"]["options"] = {"words": "words", "columns": columns, "types": types}
    with pytest.raises(HierNLPError, match=r"^agreements.0.tasks: expected words that have the labels of all of upos"):
        prepare(validate_recipe(data | {"agreements": [{"tasks": ["upos", "chunks"]}]}))
