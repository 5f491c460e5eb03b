"""Streams: in order, the same answers as one by one, no further ahead than agreed, one bad record and no other lost."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiernlp.errors import DataError, HierNLPError
from hiernlp.experiment import Run
from hiernlp.inference.analyzer import Analyzer
from hiernlp.inference.document import Document
from hiernlp.recipe.files import validate_recipe

TEXTS: list[Any] = [
    "the big cat sees mary. does john meet a dog?",
    "",
    ["mary", "sees"],
    [["the", "cat"], ["a", "dog", "?"]],
    [{"words": ["john", "?"], "sentence": "s9"}],
    " ".join(["the cat sees a dog."] * 30),
]


@pytest.fixture(scope="module")
def analyzer(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    folder = tmp_path_factory.mktemp("stream") / "model"
    list(Run(validate_recipe(recipe_data(["upos", "dependencies"], epochs=1)), folder).events())
    return Analyzer.load(folder, device="cpu")


def answers(documents: list[Document]) -> list[Any]:
    return [(d.text, [(list(s.words), dict(s.annotations)) for s in d]) for d in documents]


@pytest.mark.parametrize(("look_ahead", "batch_tokens"), [(1, 64), (2, 1), (4, 1024), (1000, 256)])
def test_in_order_and_as_one_by_one(analyzer: Analyzer, look_ahead: int, batch_tokens: int) -> None:
    texts = TEXTS * 3
    found = list(analyzer.stream(iter(texts), look_ahead=look_ahead, batch_tokens=batch_tokens))
    alone = [analyzer(text) for text in texts]
    assert answers(found) == answers(alone) == answers(analyzer.documents(texts))
    assert found[4].sentences[0].row["sentence"] == "s9"


def test_nothing_is_read_further_ahead(analyzer: Analyzer) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "the cat sees mary."

    stream = analyzer.stream(texts(), look_ahead=5)
    assert taken == 0
    for number in range(1, 23):
        next(stream)
        assert taken == -(-number // 5) * 5


def test_long_records_end_a_window(analyzer: Analyzer) -> None:
    taken = 0

    def texts() -> Iterator[list[str]]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield ["cat"] * 200

    next(analyzer.stream(texts(), batch_tokens=16))
    assert taken == 4  # 50 batches of 16 subwords of about 4 characters are 3,200; 200 words and blanks are 800


def test_a_bad_record_is_reported_and_no_other_is_lost(analyzer: Analyzer) -> None:
    texts: list[Any] = ["mary sees.", 7, ["a", None], "john?", [["a"], []], "a dog."]
    told: list[tuple[int, str]] = []
    found = list(
        analyzer.stream(texts, on_error="skip", look_ahead=4, report=lambda n, error: told.append((n, str(error))))
    )
    assert [d.text for d in found] == ["mary sees.", "john?", "a dog."]
    assert [number for number, _ in told] == [2, 3, 5]
    assert "found int" in told[0][1]
    stream = analyzer.stream(texts)
    assert next(stream).text == "mary sees."
    with pytest.raises(DataError, match="input 2: expected a string"):
        next(stream)
    with pytest.raises(DataError, match="input 3: sentence 1: expected words as strings"):
        analyzer.documents(["a", "b", ["a", None]])


def test_what_is_left_out_is_logged(analyzer: Analyzer, caplog: pytest.LogCaptureFixture) -> None:
    assert len(list(analyzer.stream(["mary.", None, "john."], on_error="skip"))) == 2  # type: ignore[list-item]
    assert "input 2 is left out: expected a string" in caplog.text


def test_one_record_too_long_for_the_memory(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    original = analyzer.annotate

    def annotate(documents: list[Document], **how: Any) -> list[Document]:
        if any(len(sentence) > 50 for document in documents for sentence in document):
            raise torch.OutOfMemoryError
        return original(documents, **how)

    monkeypatch.setattr(analyzer, "annotate", annotate)
    told: list[tuple[int, str]] = []
    texts: list[Any] = [["a", "cat"], ["cat"] * 60, ["mary"]]
    found = list(analyzer.stream(texts, on_error="skip", report=lambda n, error: told.append((n, str(error)))))
    assert [len(d.sentences[0]) for d in found] == [2, 1]
    assert told == [(2, "the memory does not suffice for it; its longest sentence has 60 words")]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"tasks": ["upso"]}, "did you mean 'upos'"),
        ({"on_error": "ignore"}, "on_error: expected raise or skip, found 'ignore'"),
        ({"look_ahead": 0}, "look_ahead: expected a whole number from 1 on, found 0"),
        ({"batch_tokens": "many"}, "batch_tokens: expected a whole number from 1 on, found 'many'"),
    ],
)
def test_mistakes_are_told_at_once(analyzer: Analyzer, how: dict[str, Any], message: str) -> None:
    with pytest.raises(HierNLPError, match=message):
        analyzer.stream([], **how)


def test_an_analyzer_can_be_sent_to_another_process(analyzer: Analyzer) -> None:
    again = pickle.loads(pickle.dumps(analyzer))
    assert answers([again(TEXTS[0])]) == answers([analyzer(TEXTS[0])])


THINGS = st.one_of(
    st.text(max_size=40),
    st.lists(st.text(max_size=5), max_size=5),
    st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=3),
    st.integers(),
    st.none(),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(THINGS, max_size=8), st.integers(1, 4))
def test_any_records(analyzer: Analyzer, things: list[Any], look_ahead: int) -> None:
    bad: list[int] = []
    found = list(
        analyzer.stream(things, look_ahead=look_ahead, on_error="skip", report=lambda number, _: bad.append(number))
    )
    assert len(found) + len(bad) == len(things)
    readable = [thing for number, thing in enumerate(things, start=1) if number not in bad]
    assert answers(found) == answers([analyzer(thing) for thing in readable])
