"""Lemmas that go by the tags that a model gives: by hand, the same for whoever asks, training unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiernlp.decoding._consulting import consulted, reconsidered, with_consulted
from hiernlp.decoding._edit_scripts import EditScript
from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run, prepare
from hiernlp.hub import load_bundle, save_bundle
from hiernlp.hub.folder import Bundle
from hiernlp.hub.pruning import prune
from hiernlp.inference.analyzer import Analyzer
from hiernlp.kinds.lemmas import Lemmas, LemmasOptions
from hiernlp.recipe import Recipe, single_task, with_training
from hiernlp.recipe.files import validate_recipe
from tests.graphs.conftest import analyzer_of_graphs, shaken

Make = Callable[..., dict[str, Any]]
SENTENCES = [["the", "cat", "sees", "a", "big", "dog", "."], ["mary", "liked", "?"], ["zebras"] * 90]
LOWER, PLURAL = EditScript("lower"), EditScript("lower", after="s")
SCRIPTS = [LOWER, PLURAL, EditScript("whole", start="be")]
ENTRIES = [
    ("saw", "NN", "saw"),
    ("saw", "VBD", "see"),
    ("glasses", "NNS", "glass"),
    ("glasses", "NNS", "glasses"),
    ("'s", "VBZ", "be"),
    ("'s", "VBZ", "have"),
]


def lemmatizer(**options: Any) -> Lemmas:
    forms, tags, lemmas = (list(column) for column in zip(*ENTRIES, strict=True))
    labels = {"scripts": [str(s) for s in SCRIPTS], "forms": forms, "tags": tags, "lemmas": lemmas}
    return Lemmas(options=LemmasOptions(lexicon="xpos", **options), labels=labels, hidden_size=4)


def answer(scores: list[float], word: str, tag: str, **options: Any) -> tuple[str, str, float]:
    """Return a word's lemma without and with the lexicon, and its probability."""
    kind, output = lemmatizer(**options), torch.tensor([[scores]])
    found = kind.decode(output, [[word]], probabilities=True)
    before, share = found[0]["lemma"][0], found[0]["lemma_probability"][0]
    (after,) = kind.reconsider(found, output, [[word]], [{"xpos": [tag]}])
    assert after["lemma_probability"] == [share]
    return before, after["lemma"][0], share


@pytest.mark.parametrize(
    ("scores", "word", "tag", "before", "after"),
    [
        ([3.0, 0.0, 0.0], "saw", "NN", "saw", "saw"),
        ([3.0, 0.0, 0.0], "saw", "VBD", "saw", "see"),  # no learnt script makes it
        ([3.0, 0.0, 0.0], "saw", "JJ", "saw", "saw"),  # never seen with this tag
        ([3.0, 0.0, 0.0], "Saw", "VBD", "saw", "saw"),  # another form
        ([3.0, 0.0, 0.0], "glasses", "NNS", "glasses", "glasses"),  # one of two
        ([0.0, 0.0, 3.0], "glasses", "NNS", "be", "be"),  # more probable by more than two nats
        ([0.0, 1.5, 3.0], "glasses", "NNS", "be", "be"),  # "glasse" is in no lexicon
        ([1.5, 0.0, 3.0], "glasses", "NNS", "be", "glasses"),
        ([0.0, 0.0, 0.5], "'s", "VBZ", "be", "be"),
        ([1.0, 0.0, 0.5], "'s", "VBZ", "'s", "be"),
        ([9.0, 0.0, 0.5], "'s", "VBZ", "'s", "'s"),
    ],
)
def test_a_word_takes_the_best_of_its_known_lemmas(
    scores: list[float], word: str, tag: str, before: str, after: str
) -> None:
    assert answer(scores, word, tag)[:2] == (before, after)


def test_the_cost_of_an_unknown_lemma_is_an_option() -> None:
    assert answer([9.0, 0.0, 0.5], "'s", "VBZ", lexicon_cost=8.5)[1] == "be"
    assert answer([1.0, 0.0, 0.5], "'s", "VBZ", lexicon_cost=0.25)[1] == "'s"


def test_the_lexicon_is_what_training_data_have() -> None:
    rows = [
        {"words": ["saw", "saw", "x"], "lemma": ["see", "saw", None], "xpos": ["VBD", "NN", "NN"]},
        {"words": ["saw", "saw"], "lemma": ["see", "sea"], "xpos": ["VBD", None]},
        {"words": ["saw", "saw"], "lemma": ["sew", "see"], "xpos": ["VBD", "VBD"]},
        {"words": ["saw"], "lemma": ["say"]},
        {"words": ["saw"], "xpos": ["NN"]},
    ]
    found = Lemmas.fit(LemmasOptions(lexicon="xpos", min_count=1), rows)
    entries = list(zip(found["forms"], found["tags"], found["lemmas"], strict=True))
    assert entries == [("saw", "NN", "saw"), ("saw", "VBD", "see"), ("saw", "VBD", "sew")]
    assert Lemmas.fit(LemmasOptions(min_count=1), rows) == {"scripts": found["scripts"]}


def test_who_consults_whom() -> None:
    written = {"tags": ("xpos",), "lemmas": ("lemma",), "trees": ("head", "deprel")}
    wanted = {"tags": (), "lemmas": ("xpos",), "trees": ()}
    found = consulted(wanted, written)
    assert found == {"lemmas": {"xpos": "tags"}}
    assert with_consulted(["trees", "lemmas"], found) == ["trees", "lemmas", "tags"]
    assert with_consulted(["trees"], found) == ["trees"]
    assert consulted({"lemmas": ("upos",)}, written) == {}
    # By the first answers, whichever comes first, even where two consult one another.
    both = {"a": {"y": "b"}, "b": {"x": "a"}}
    first = {"a": [{"x": 1}], "b": [{"y": 2}]}
    last = reconsidered(first, both, lambda task, _, answers: [{"of": task, **answers[0]}])
    assert last == {"a": [{"of": "a", "y": 2}], "b": [{"of": "b", "x": 1}]}


@pytest.fixture(scope="module")
def recipe(recipe_data: Make) -> Recipe:
    """Lemmas at layer 2 that go by the tags, at layer 3, which are to agree with others at layer 4."""
    data = recipe_data(["upos", "feats", "lemmas", "dependencies"], feeds=[{"from": "upos"}], epochs=1)
    tasks = data["tasks"]
    tasks["upos"] = {**tasks["upos"], "place": 3}
    tasks["feats"] = {**tasks["feats"], "place": 4}
    tasks["lemmas"] = {**tasks["lemmas"], "options": {"lexicon": "upos", "lexicon_cost": 1e6}, "place": 2}
    tasks["dependencies"] = {**tasks["dependencies"], "place": 4}
    return validate_recipe(data | {"agreements": [{"tasks": ["upos", "feats"]}]})


@pytest.fixture(scope="module")
def bundle(recipe: Recipe) -> Bundle:
    """An untrained model in which every parameter matters."""
    return shaken(prepare(recipe).bundle)


def annotated(bundle: Bundle, tasks: list[str], *, probabilities: bool = True) -> list[dict[str, Any]]:
    analyzer = Analyzer(bundle, device="cpu")
    return [dict(sentence.annotations) for sentence in analyzer(SENTENCES, tasks=tasks, probabilities=probabilities)]


def test_known_words_take_known_lemmas(recipe: Recipe, bundle: Bundle) -> None:
    rows = prepare(recipe).train["ud"].dataset
    known: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for word, tag, lemma in zip(row["words"], row["upos"], row["lemma"], strict=True):
            known.setdefault((word, tag), set()).add(lemma)
    sentences = [list(row["words"]) for row in rows][:40]
    analyzer = Analyzer(bundle, device="cpu")
    found = [dict(s.annotations) for s in analyzer(sentences, tasks=["upos", "lemmas"])]
    consulted, bundle.model.consulted = bundle.model.consulted, {}
    alone = [dict(s.annotations) for s in analyzer(sentences, tasks=["upos", "lemmas"])]
    bundle.model.consulted = consulted
    seen = 0
    for words, sentence, before in zip(sentences, found, alone, strict=True):
        assert sentence["upos"] == before["upos"]
        for word, tag, lemma, own in zip(words, sentence["upos"], sentence["lemma"], before["lemma"], strict=True):
            lemmas = known.get((word, tag))
            seen += lemmas is not None
            assert lemma == own if lemmas is None else lemma in lemmas
    assert seen
    assert [s["lemma"] for s in found] != [s["lemma"] for s in alone]


def test_an_answer_does_not_depend_on_what_else_is_asked_for(bundle: Bundle) -> None:
    whole = annotated(bundle, ["upos", "feats", "lemmas", "dependencies"])
    for task in ("upos", "lemmas"):
        for all_of_it, part in zip(whole, annotated(bundle, [task]), strict=True):
            assert part.items() <= all_of_it.items()
    [first, *_] = annotated(bundle, ["lemmas"])
    assert first.keys() == {"lemma", "lemma_probability"}
    model = bundle.model
    assert model.needed(["lemmas"]) == ("lemmas", "upos", "feats")
    assert model.needed(["lemmas"], answers=False) == ("lemmas",)


def test_training_is_as_without_it(recipe: Recipe, tmp_path: Path) -> None:
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"]["lemmas"]["options"] = {}
    states: list[dict[str, torch.Tensor]] = []
    for name, each in (("with", recipe), ("without", Recipe.model_validate(data))):
        run = Run(each, tmp_path / name)
        list(run.events())
        states.append(run.experiment.bundle.model.state_dict())
    one, other = states
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_saved_loaded_and_cut_it_answers_the_same(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(bundle, tmp_path / "model")
    loaded = load_bundle(tmp_path / "model")
    expected = annotated(bundle, ["lemmas"])
    assert annotated(loaded, ["lemmas"]) == expected
    assert "by what other tasks answer, too: lemmas, by upos." in (tmp_path / "model" / "README.md").read_text("utf-8")
    cut = prune(loaded, ["lemmas"])
    assert cut.feeding == ("upos", "feats")
    assert annotated(cut.bundle, ["lemmas"]) == expected
    with pytest.raises(HierNLPError, match=r"'upos' .* asked by them"):
        bundle.model.restricted(["lemmas", "dependencies"])


@pytest.mark.parametrize("probabilities", [False, True])
def test_graphs_give_the_same_answers(bundle: Bundle, tmp_path: Path, probabilities: bool) -> None:
    analyzer = analyzer_of_graphs(bundle, tmp_path)
    for tasks in (["lemmas"], ["upos", "feats", "lemmas", "dependencies"]):
        found = [dict(s.annotations) for s in analyzer(SENTENCES, tasks=tasks, probabilities=probabilities)]
        for one, other in zip(found, annotated(bundle, tasks, probabilities=probabilities), strict=True):
            assert one.keys() == other.keys()
            assert one["lemma"] == other["lemma"]


def test_a_task_alone_goes_without_tags(recipe: Recipe) -> None:
    alone = prepare(single_task(recipe, "lemmas")).bundle
    assert alone.model.consulted == {}
    assert alone.model.needed(["lemmas"]) == ("lemmas",)
    assert len(annotated(alone, ["lemmas"])) == len(SENTENCES)


def test_a_model_without_a_lexicon_can_teach_one_that_has(recipe: Recipe, tmp_path: Path) -> None:
    data = recipe.model_dump(mode="json", by_alias=True)
    data["tasks"]["lemmas"]["options"] = {}
    list(Run(single_task(Recipe.model_validate(data), "lemmas"), tmp_path / "teacher").events())
    taught = with_training(recipe, teachers={"lemmas": str(tmp_path / "teacher")})
    assert list(Run(taught, tmp_path / "pupil").events())


def test_the_service_lists_labels_and_no_lexicon(bundle: Bundle) -> None:
    pytest.importorskip("fastapi")
    from hiernlp.server.catalogue import catalogue
    from hiernlp.server.settings import ServerSettings

    found = catalogue(Analyzer(bundle, device="cpu"), name="toy", settings=ServerSettings())
    (lemmas,) = (task for task in found.tasks if task.name == "lemmas")
    assert lemmas.labels.keys() == lemmas.label_counts.keys() == {"scripts"}


def test_a_column_that_no_corpus_has_is_told(recipe_data: Make) -> None:
    data = recipe_data(["upos", "lemmas"])
    data["tasks"]["lemmas"] = {**data["tasks"]["lemmas"], "options": {"lexicon": "tags"}}
    with pytest.raises(HierNLPError, match=r"lexicon names the annotation 'tags', which no training sentence .* xpos"):
        prepare(validate_recipe(data))
