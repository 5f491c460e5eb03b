"""The component of spaCy: the analyzer's answers on spaCy's words, batched or not, saved or not."""

from __future__ import annotations

import importlib
import pickle
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc

import hiernlp
from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.experiment import Run
from hiernlp.integrations.spacy import HierNLP, make_hiernlp
from hiernlp.recipe.files import validate_recipe

TASKS = ["upos", "xpos", "lemmas", "feats", "chunks", "entities", "dependencies", "type", "mood", "length", "topics"]
TEXTS = ["The cat sees a dog. A kind nurse liked the bird!", "mary  sees\n\njohn ?", "", " \n", "meet " * 90]


@pytest.fixture(scope="module")
def folder(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spacy") / "model"
    list(Run(validate_recipe(recipe_data(epochs=1)), path).events())
    return path


@pytest.fixture(scope="module")
def nlp(folder: Path) -> Language:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("hiernlp", config={"model": str(folder), "probabilities": True, "device": "cpu"})
    return pipeline


def seen(doc: Doc) -> dict[str, Any]:
    """All that the component writes; probabilities rounded, as another batch gives others in the last digits."""
    return {
        "tokens": [
            (t.text, t.tag_, t.pos_, t.lemma_, str(t.morph), t.head.i, t.dep_, t.is_sent_start, t.ent_iob_) for t in doc
        ],
        "ents": [(e.start, e.end, e.label_) for e in doc.ents],
        "spans": {key: [(s.start, s.end, s.label_) for s in group] for key, group in doc.spans.items()},
        "cats": {key: round(share, 4) for key, share in doc.cats.items()},
        "labels": [s._.hiernlp.get("mood") for s in doc.sents] if len(doc) else [],
    }


def test_it_says_what_the_analyzer_says_of_the_same_words(nlp: Language, folder: Path) -> None:
    doc = nlp(TEXTS[0])
    sentences = list(doc.sents)
    assert [s.text for s in sentences] == ["The cat sees a dog.", "A kind nurse liked the bird!"]
    expected = hiernlp.load(folder, device="cpu")([[t.text for t in s] for s in sentences], probabilities=True)
    for span, sentence in zip(sentences, expected.sentences, strict=True):
        assert [t.tag_ for t in span] == sentence["xpos"]
        assert [t.pos_ for t in span] == sentence["upos"]
        assert [t.lemma_ for t in span] == sentence["lemma"]
        assert [t.head.i - span.start + 1 if t.head.i != t.i else 0 for t in span] == sentence["head"]
        assert span._.hiernlp["mood"] == sentence["mood"]
        assert span._.hiernlp["mood_probability"] == pytest.approx(sentence["mood_probability"])
    assert doc.cats["length"] == pytest.approx(sum(s["length"] for s in expected.sentences) / 2)
    labels = [s["entities"] for s in expected.sentences]
    assert len(doc.spans["entities"]) == sum(map(len, labels))
    assert {key for key in doc.cats if key.startswith("mood=")} == {"mood=happy", "mood=plain"}


def test_one_by_one_and_in_a_stream(nlp: Language) -> None:
    alone = [seen(nlp(text)) for text in TEXTS]
    assert [seen(doc) for doc in nlp.pipe(TEXTS, batch_size=2)] == alone
    assert [(seen(doc), mark) for doc, mark in nlp.pipe([(TEXTS[0], "x")], as_tuples=True)] == [(alone[0], "x")]


def test_sentences_of_earlier_components_and_of_the_user_stay(folder: Path) -> None:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer", config={"punct_chars": ["cat"]})
    pipeline.add_pipe("hiernlp", config={"model": str(folder), "device": "cpu"})
    assert [s.text for s in pipeline("the cat sees a cat meet.").sents] == ["the cat", "sees a cat", "meet."]
    component = pipeline.get_pipe("hiernlp")
    for tasks in (["dependencies"], ["upos"]):
        component.tasks = tasks  # pyright: ignore[reportAttributeAccessIssue]
        doc = pipeline.make_doc("the  cat sees  a dog .  ")
        for token in doc:
            token.is_sent_start = token.i in (0, 4, 7)  # the space before "a", and the last dot
        before = [token.is_sent_start for token in doc]
        assert [token.is_sent_start for token in component(doc)] == before  # pyright: ignore[reportCallIssue]


def test_without_a_tree_the_rules_cut_and_tokens_are_never_cut(folder: Path) -> None:
    component = HierNLP(model=str(folder), tasks=["upos"], device="cpu")
    vocab = spacy.blank("en").vocab
    doc = component(Doc(vocab, words=["The", "cat", "sees. A", "dog", "liked", "."]))
    assert [s.text for s in doc.sents] == ["The cat sees. A", "dog liked ."]
    assert not doc.has_annotation("DEP")
    assert doc.cats == {}


def test_what_others_wrote_stays_unless_the_model_answers_it(folder: Path) -> None:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("hiernlp", config={"model": str(folder), "tasks": ["chunks"], "device": "cpu"})
    doc = pipeline.make_doc("the cat sees mary")
    doc[0].tag_, doc.cats = "DT", {"other": 1.0}
    doc.set_ents([doc.char_span(13, 17, label="PER")])
    doc = pipeline(doc)
    assert (doc[0].tag_, doc.cats, [e.label_ for e in doc.ents]) == ("DT", {"other": 1.0}, ["PER"])
    assert set(doc.spans) == {"chunks"}


def test_it_survives_the_disk_bytes_and_the_model_folders_loss(nlp: Language, folder: Path, tmp_path: Path) -> None:
    expected = [seen(nlp(text)) for text in TEXTS]
    nlp.to_disk(tmp_path / "pipeline")
    data = nlp.to_bytes()
    for file in (tmp_path / "pipeline" / "hiernlp").rglob("*"):
        assert file.suffix not in (".bin", ".pkl", ".pt", ".pickle"), file
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        loaded = spacy.load(tmp_path / "pipeline")
        assert [seen(loaded(text)) for text in TEXTS] == expected
        other = spacy.blank("en")
        other.add_pipe("hiernlp", config={"device": "cpu", "probabilities": True})
        other.from_bytes(data)
        assert [seen(other(text)) for text in TEXTS] == expected
    finally:
        hidden.rename(folder)


def test_graphs_in_place_of_a_model(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the libraries of the extra onnx are not installed")
    from hiernlp.graphs.exporter import export
    from hiernlp.hub import load_bundle

    graphs = tmp_path / "graphs"
    graphs.mkdir()
    export(load_bundle(folder), graphs, tasks=["upos", "chunks"])
    pipelines = [spacy.blank("en"), spacy.blank("en")]
    for pipeline, model in zip(pipelines, (folder, graphs), strict=True):
        pipeline.add_pipe("hiernlp", config={"model": str(model), "tasks": ["upos", "chunks"], "device": "cpu"})
    expected = [seen(pipelines[0](text)) for text in TEXTS]
    nlp = pipelines[1]
    assert [seen(nlp(text)) for text in TEXTS] == expected
    nlp.to_disk(tmp_path / "pipeline")
    data, copy = nlp.to_bytes(), pickle.loads(pickle.dumps(nlp.get_pipe("hiernlp")))
    assert seen(copy(nlp.make_doc(TEXTS[0]))) == expected[0]
    shutil.rmtree(graphs)
    loaded = spacy.load(tmp_path / "pipeline")
    assert [seen(loaded(text)) for text in TEXTS] == expected
    other = spacy.blank("en")
    other.add_pipe("hiernlp", config={"tasks": ["upos", "chunks"]})
    other.from_bytes(data)
    assert [seen(other(text)) for text in TEXTS] == expected
    component = HierNLP(model=str(tmp_path / "pipeline" / "hiernlp"), precision="bfloat16")
    with pytest.raises(HierNLPError, match=r"precision bfloat16: .* is an export"):
        component.initialize()


def test_bytes_write_nowhere_but_into_their_folder() -> None:
    with pytest.raises(ModelFolderError, match=r"expected names of files, found '\.\./x'"):
        HierNLP(model=None).from_bytes(srsly.msgpack_dumps({"../x": b""}))


def test_mistakes_are_told(nlp: Language, tmp_path: Path) -> None:
    pipeline = spacy.blank("en")
    pipeline.add_pipe("hiernlp")
    with pytest.raises(HierNLPError, match=r"has no model; add it with config="):
        pipeline("a")
    with pytest.raises(ModelFolderError, match="expected a model folder, found nothing"):
        HierNLP(model=str(tmp_path / "none")).initialize()
    component = nlp.get_pipe("hiernlp")
    assert isinstance(component, HierNLP)
    wrong = HierNLP(model=component.model, tasks=["upsos"], device="cpu")
    told: list[Any] = []
    wrong.set_error_handler(lambda name, proc, docs, error: told.append((name, len(docs), str(error))))
    docs = [nlp.make_doc("a"), nlp.make_doc("b")]
    assert list(wrong.pipe(docs)) == []
    assert told == [("hiernlp", 2, "there is no task 'upsos' in this model; did you mean 'upos' or 'xpos'?")]


def test_several_processes_can_have_it(nlp: Language) -> None:
    copy = pickle.loads(pickle.dumps(nlp.get_pipe("hiernlp")))
    assert seen(copy(nlp.make_doc(TEXTS[0]))) == seen(nlp(TEXTS[0]))


def test_the_entry_point_is_the_factory() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["spacy_factories"]["hiernlp"].partition(":")
    assert getattr(importlib.import_module(module), name) is make_hiernlp
