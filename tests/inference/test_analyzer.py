"""The analyzer: any words in, legal answers out, no deeper than asked, the same whatever runs beside."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from udtools.udeval import load_conllu

from hiernlp.decoding._trees import are_trees
from hiernlp.errors import DataError, HierNLPError
from hiernlp.experiment import Run
from hiernlp.hub import load_bundle
from hiernlp.inference.analyzer import Analyzer
from hiernlp.inference.document import PROBABILITY, Document
from hiernlp.inference.writers import formats, writer
from hiernlp.prediction import ModelPredictor
from hiernlp.recipe.files import validate_recipe

TEXT = "the big cat sees mary. does john meet a dog?\n\nThe nurse liked  a bird ."
SENTENCES = [["the", "cat", "sees", "a", "big", "dog", "."], ["mary", "?"], ["zebras", "sees", "the"] * 40, ["?"]]
COLUMNS = {
    "upos": "token", "xpos": "token", "lemma": "token", "feats": "token", "head": "token", "deprel": "token",
    "chunks": "spans", "entities": "spans", "sentence_type": "sentence", "mood": "sentence", "length": "sentence",
    "topics": "sentence",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a model folder with a task of every kind, trained a little so that it predicts spans."""
    folder = tmp_path_factory.mktemp("analyzer") / "model"
    list(Run(validate_recipe(recipe_data(epochs=2)), folder).events())
    return folder


@pytest.fixture(scope="module")
def analyzer(folder: Any) -> Analyzer:
    return Analyzer.load(folder, device="cpu")


def annotations(document: Document) -> list[dict[str, Any]]:
    """Return all annotations; numbers without their last digits, which depend on a batch's shape."""
    return [
        {column: round(value, 4) if isinstance(value, float) else value for column, value in s.annotations.items()}
        for s in document
    ]


def alike(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Return whether annotations are the same, but for the last digits of numbers."""
    numbers = [[a.get("length", 0.0) for a in annotations] for annotations in (found, expected)]
    rest = [[{c: v for c, v in a.items() if c != "length"} for a in annotations] for annotations in (found, expected)]
    return numbers[0] == pytest.approx(numbers[1], rel=1e-5) and rest[0] == rest[1]


def check_legal(document: Document) -> None:
    """Assert that every sentence has every annotation, and each of them is legal."""
    for sentence in document:
        n = len(sentence)
        assert set(COLUMNS) <= set(sentence.annotations)
        for column, level in COLUMNS.items():
            assert sentence.level(column) == level
            if level == "token":
                assert len(sentence[column]) == n
            if level == "spans":
                spans = sentence.spans(column)
                assert all(0 <= span.start < span.end <= n for span in spans)
                assert spans == sorted(spans, key=lambda span: (span.start, -span.end))
                assert not any(a.start < b.start < a.end < b.end for a in spans for b in spans)
        chunks = sentence.spans("chunks")
        assert all(a.end <= b.start for a, b in pairwise(chunks))
        heads = sentence["head"]
        assert are_trees(torch.tensor([heads]).numpy(), torch.tensor([n]).numpy()).all()
        assert [h == 0 for h in heads] == [r == "root" for r in sentence["deprel"]]
        assert isinstance(sentence["topics"], list)
        assert math.isfinite(sentence["length"])


def check_written(document: Document) -> None:
    """Assert that every format takes the document, and that CoNLL-U has all its words."""
    for name in formats.names():
        writer(name).write(document).encode("utf-8")
    if document.sentences:
        loaded = load_conllu(io.StringIO(document.to_conllu(), newline="\n"), "test", {})
        assert len(loaded.words) == sum(map(len, document))
        assert len(loaded.sentences) == len(document)


def test_raw_text(analyzer: Analyzer) -> None:
    document = analyzer(TEXT)
    assert document.text == TEXT
    assert [len(s) for s in document] == [6, 6, 6]
    for sentence in document:
        assert sentence.text == TEXT[sentence.start : sentence.end]
        for word, start in zip(sentence.words, sentence.word_starts or [], strict=True):
            assert TEXT[start : start + len(word)] == word
        for span in sentence.spans("chunks"):
            assert TEXT[span.start_char : span.end_char] == span.text
    check_legal(document)
    check_written(document)
    assert any(s.spans("chunks") for s in document)


def test_words_and_lists_of_words_keep_their_order(analyzer: Analyzer) -> None:
    together = analyzer(SENTENCES)
    assert together.text is None
    assert [list(s.words) for s in together] == SENTENCES
    check_legal(together)
    alone = [analyzer(words) for words in SENTENCES]
    assert alike([annotations(d)[0] for d in alone], annotations(together))
    assert annotations(analyzer(tuple(map(tuple, SENTENCES)))) == annotations(together)  # type: ignore[arg-type]
    assert alike(annotations(analyzer(SENTENCES[::-1])), annotations(together)[::-1])


def test_several_texts_are_answered_as_each_alone(analyzer: Analyzer) -> None:
    texts = [TEXT, "", SENTENCES[0], "mary sees\ud800 .", SENTENCES]
    together = analyzer.documents(texts)
    for document, text in zip(together, texts, strict=True):
        alone = analyzer(text)
        assert document.text == alone.text
        assert [(s.words, s.text, s.start, s.end, s.word_starts) for s in document] == [
            (s.words, s.text, s.start, s.end, s.word_starts) for s in alone
        ]
        assert alike(annotations(document), annotations(alone))
    assert analyzer.documents([]) == []


def test_rows_keep_what_they_hold(analyzer: Analyzer) -> None:
    rows = [{"words": ["mary", "sees"], "text": "mary sees", "sentence": "s1", "upos": ["X", "X"]}]
    (sentence,) = analyzer.rows(rows)
    assert sentence.row == rows[0]
    assert sentence.text == "mary sees"
    assert sentence["upos"] != ["X", "X"]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\u00a0\r\n", []])
def test_nothing_in_nothing_out(analyzer: Analyzer, text: Any) -> None:
    document = analyzer(text)
    assert list(document) == []
    check_written(document)


def test_a_subset_of_tasks_answers_alike_and_runs_no_deeper(analyzer: Analyzer) -> None:
    whole = annotations(analyzer(SENTENCES, probabilities=True))
    counts = [0] * 4
    handles = [
        layer.register_forward_hook(lambda *_, k=k: counts.__setitem__(k, counts[k] + 1))
        for k, layer in enumerate(analyzer.model.scheme.encoders[0].layers)
    ]
    try:
        for tasks in [["upos"], ["chunks", "upos"], ["entities"], ["dependencies", "xpos"], ["topics"]]:
            counts[:] = [0] * 4
            part = annotations(analyzer(SENTENCES, tasks=tasks, probabilities=True))
            columns = set(part[0])
            assert part == [{c: v for c, v in found.items() if c in columns} for found in whole]
            assert list(part[0]) == [c for c in whole[0] if c in columns]
            depth = analyzer.depth(tasks)
            assert all(counts[:depth])
            assert not any(counts[depth:])
    finally:
        for handle in handles:
            handle.remove()
    assert [analyzer.depth([task]) for task in ("upos", "chunks", "entities", "topics")] == [1, 2, 3, 4]
    assert analyzer.depth() == 4
    assert list(part[0]) == ["topics", "topics_probability"]


def test_probabilities(analyzer: Analyzer) -> None:
    without = annotations(analyzer(SENTENCES))
    assert not any(c.endswith(PROBABILITY) for found in without for c in found)
    for sentence in analyzer(SENTENCES, probabilities=True):
        for column in ("upos", "xpos", "head", "deprel"):
            shares = sentence[column + PROBABILITY]
            assert len(shares) == len(sentence)
            assert all(0 <= share <= 1 + 1e-6 for share in shares)
        for column in ("chunks", "entities"):
            assert len(sentence[column + PROBABILITY]) == len(sentence[column])
            assert all(0 <= span.probability <= 1 + 1e-6 for span in sentence.spans(column))
        for column in ("sentence_type", "mood"):
            distribution = sentence[column + PROBABILITY]
            assert sum(distribution.values()) == pytest.approx(1, abs=1e-5)
            assert max(distribution, key=distribution.get) == sentence[column]
        for label, share in sentence["topics" + PROBABILITY].items():
            assert 0 <= share <= 1
            assert (label in sentence["topics"]) == (share > 0.5)
    assert annotations(analyzer(SENTENCES, probabilities=True)) == annotations(analyzer(SENTENCES, probabilities=True))


@pytest.mark.parametrize("given_as", [TEXT, SENTENCES])
def test_the_size_of_batches_changes_nothing(
    analyzer: Analyzer, given_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets, original = [], ModelPredictor.predict

    def predict(*args: Any, budget: int, **more: Any) -> Any:
        budgets.append(budget)
        return original(*args, budget=budget, **more)

    monkeypatch.setattr(ModelPredictor, "predict", predict)
    found = [annotations(analyzer(given_as, batch_subwords=size)) for size in (1, 64, 4096)]
    assert budgets == [1, 64, 4096]
    assert all(alike(found[0], other) for other in found[1:])


def test_batches_side_by_side_change_nothing(analyzer: Analyzer) -> None:
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(annotations(analyzer(SENTENCES * 9, batch_subwords=16)))
    finally:
        torch.set_num_threads(before)
    assert alike(*found)


def test_threads_with_different_tasks(analyzer: Analyzer) -> None:
    wanted = [["upos"], ["topics", "dependencies"], ["chunks", "entities"], ["mood"]] * 5
    expected = [annotations(analyzer(SENTENCES, tasks=tasks)) for tasks in wanted]
    texts = annotations(analyzer(TEXT))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda tasks: annotations(analyzer(SENTENCES, tasks=tasks)), wanted))
        found_texts = list(pool.map(lambda _: annotations(analyzer(TEXT)), range(4)))
    assert found == expected
    assert found_texts == [texts] * 4


def test_bfloat16(folder: Any) -> None:
    analyzer = Analyzer(load_bundle(folder), device="cpu", precision="bfloat16")
    assert {p.dtype for p in analyzer.model.parameters()} == {torch.bfloat16}
    document = analyzer(SENTENCES, probabilities=True)
    check_legal(document)
    check_written(document)


@pytest.mark.skipif("x86" not in torch.backends.quantized.supported_engines, reason="torch here has no int8 for x86")
def test_int8_leaves_the_bundle_and_the_heads_as_they_are(folder: Any) -> None:
    bundle = load_bundle(folder)
    before = {name: value.clone() for name, value in bundle.model.state_dict().items()}
    analyzer = Analyzer(bundle, device="cpu", precision="int8")
    after = bundle.model.state_dict()
    assert set(before) == set(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(not isinstance(m, torch.nn.Linear) for e in analyzer.model.scheme.encoders for m in e.layers.modules())
    assert {k for k in before if k.startswith("heads")} == {
        k for k in analyzer.model.state_dict() if k.startswith("heads")
    }
    document = analyzer(SENTENCES, probabilities=True)
    check_legal(document)
    check_written(document)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "float23"}, "precision: expected one of .*, found 'float23'; did you mean 'float32'"),
        ({"precision": "int8", "compile": True}, "compile: layers in int8 cannot be compiled"),
        ({"device": "gpu"}, "device: 'gpu' cannot be used here .*cpu always can"),
        ({"device": "cuda:99"}, "device: 'cuda:99' cannot be used here"),
        ({"device": "meta"}, "device: 'meta' cannot be used here"),
    ],
)
def test_unknown_devices_and_formats(folder: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(HierNLPError, match=message) as error:
        Analyzer(load_bundle(folder), **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (["upso"], "there is no task 'upso' in this model; did you mean 'upos'"),
        ("upos", "tasks: expected a list of task names, found 'upos'; this model has upos, xpos"),
        ([], r"tasks: expected a list of task names, found \[\]"),
    ],
)
def test_unknown_tasks(analyzer: Analyzer, tasks: Any, message: str) -> None:
    for text in (TEXT, "", SENTENCES, []):
        with pytest.raises(HierNLPError, match=message):
            analyzer(text, tasks=tasks)
    with pytest.raises(HierNLPError, match=message):
        analyzer.depth(tasks)


def test_tasks_may_be_any_iterable(analyzer: Analyzer) -> None:
    (sentence,) = analyzer(["mary"], tasks=iter(["upos", "mood", "upos"]))  # type: ignore[arg-type]
    assert sentence.columns == ["upos", "mood"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (7, "expected a string, a list of words or a list of lists of words, found int"),
        (b"bytes", "found bytes"),
        (["a", 3], r"sentence 1: expected words as strings, found int \(3\)"),
        ([["a"], "bc"], "sentence 2: expected a list of words, found str"),
        ([["a"], []], "sentence 2: expected words, found none"),
        ([[]], "sentence 1: expected words, found none"),
        ([["a"], ["b", None]], "sentence 2: expected words as strings, found NoneType"),
    ],
)
def test_what_are_no_words(analyzer: Analyzer, words: Any, message: str) -> None:
    with pytest.raises(HierNLPError, match=message):
        analyzer(words)


def test_a_row_without_words(analyzer: Analyzer) -> None:
    with pytest.raises(DataError, match="sentence 2: expected words, found none"):
        analyzer.rows([{"words": ["a"]}, {"words": []}])


HOSTILE: dict[str, Any] = {
    "one emoji": "\U0001f600",
    "an emoji of several": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a long word": "a" * 10_000,
    "zero width": "\u200b\u200c \u200d",
    "control": "\x00 \x01\x02 \x1b[31m \x7f",
    "line ends": "The cat.\r\nA dog.\r\n\r\nMary\rJohn",
    "byte order mark": "\ufeffThe cat",
    "lone surrogate": "a \ud800 b\udfff",
    "odd line ends": "a\u2028b\u2029c\x0bd\x85e",
    "right to left": "\u202eabc \u05d0\u05d1",
    "marks": "e" + "\u0301" * 200,
    "tabs in words": ["a\tb", "c\n", "", "  ", " x "],
    "surrogates as words": ["\ud800", "a\udfff x"],
    "zero width as words": ["\u200b", "\u00ad", "\ufeff", "\x00", "\x7f"],
    "long words": ["b" * 10_000] * 3,
    "signs of the format": ["#", "# text = x", "1\t2", "_", "|", "a=b", "(1-x)"],
    "many words": ["cat", "dog", "sees"] * 100,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input(analyzer: Analyzer, name: str) -> None:
    given_as = HOSTILE[name]
    document = analyzer(given_as, probabilities=True)
    assert len(document) >= 1
    check_legal(document)
    check_written(document)
    if isinstance(given_as, str):
        assert document.text == given_as
        assert "".join(w for s in document for w in s.words) == "".join(given_as.split())
    else:
        assert [list(s.words) for s in document] == [given_as]


def test_three_thousand_words(analyzer: Analyzer) -> None:
    # Without dependencies, whose worst case grows with the cube of the length.
    (sentence,) = analyzer(["cat", "dog", "sees"] * 1000, tasks=["upos", "xpos", "chunks", "entities"])
    assert len(sentence["upos"]) == len(sentence["xpos"]) == 3000
    assert all(0 <= span.start < span.end <= 3000 for span in [*sentence.spans("chunks"), *sentence.spans("entities")])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=12), min_size=1, max_size=4))
def test_any_words_get_legal_answers(analyzer: Analyzer, sentences: list[list[str]]) -> None:
    document = analyzer(sentences)
    assert [list(s.words) for s in document] == sentences
    check_legal(document)
    check_written(document)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_any_text_gets_legal_answers(analyzer: Analyzer, text: str) -> None:
    document = analyzer(text)
    check_legal(document)
    check_written(document)


PAIRS = [("the cat sees a dog", "a dog"), ("a dog", "the cat sees a dog"), ("mary", "mary")]


def test_pairs_as_text_or_words(analyzer: Analyzer) -> None:
    document = analyzer.pairs(PAIRS, probabilities=True)
    assert [(" ".join(s.words), " ".join(s.second or [])) for s in document] == PAIRS
    assert set(document.columns) == {"shared", "holds"}
    by_words = analyzer.pairs([(a.split(), b.split()) for a, b in PAIRS])
    assert annotations(by_words) == annotations(analyzer.pairs(PAIRS))
    # Relatedness is read apart and asks not which sentence comes first.
    assert document.sentences[0]["shared"] == pytest.approx(document.sentences[1]["shared"], abs=1e-5)
    assert sum(document.sentences[0]["holds_probability"].values()) == pytest.approx(1.0)
    assert document.to_dict()["sentences"][0]["second"] == ["a", "dog"]
    table = str(document)
    assert table.splitlines()[:2] == ["the cat sees a dog", "a dog"]
    assert "holds" in table
    with pytest.raises(HierNLPError, match="CoNLL-U holds single sentences"):
        document.to_conllu()
    assert list(analyzer.pairs([])) == []
    assert set(analyzer.pairs(PAIRS, tasks=["shared"]).columns) == {"shared"}


def test_pairs_and_sentences_are_told_apart(analyzer: Analyzer) -> None:
    assert "shared" not in analyzer(SENTENCES).columns
    with pytest.raises(HierNLPError, match="'shared' reads pairs of sentences, found single ones"):
        analyzer(SENTENCES, tasks=["shared"])
    with pytest.raises(HierNLPError, match="'upos' reads one sentence, found pairs"):
        analyzer.pairs(PAIRS, tasks=["upos"])
    with pytest.raises(HierNLPError, match="pair 2: expected words in both sentences"):
        analyzer.pairs([PAIRS[0], ("a dog", " ")])
    with pytest.raises(HierNLPError, match="pair 1: expected two sentences"):
        analyzer.pairs(["ab"])  # type: ignore[list-item]
