"""The queue: what waits together is analysed together, each gets its own, and nobody's mistake is another's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the service's libraries are not installed")

from hiernlp.errors import HierNLPError
from hiernlp.inference.document import Document, Sentence
from hiernlp.server.batching import Batcher, BusyError, ClosedError, Job, LateError, Question, characters
from hiernlp.server.metrics import Metrics

UPOS = Question(("upos",))


class Echo:
    """An analyzer that gives texts back as documents, notes its calls, and waits while it is held."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[Any], dict[str, Any]]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.called = threading.Event()

    def documents(self, texts: Any, **options: Any) -> list[Document]:
        self.calls.append((list(texts), options))
        self.called.set()
        assert self.may_go.wait(30)
        if "bad" in texts:
            raise HierNLPError("a bad text")
        return [Document(text, [Sentence(text.split())]) for text in texts]

    def pairs(self, pairs: Any, **options: Any) -> Document:
        self.calls.append((list(pairs), options))
        return Document(None, [Sentence(list(pair)) for pair in pairs])


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def batcher(echo: Echo) -> Iterator[Batcher]:
    batcher = Batcher(echo, waiting=4, batch_characters=100)  # type: ignore[arg-type]
    batcher.metrics = Metrics(lambda: len(batcher))
    batcher.start()
    yield batcher
    echo.may_go.set()
    batcher.close()


def put(batcher: Batcher, *inputs: Any, question: Question = UPOS, seconds: float = 30) -> Future[list[Document]]:
    job = Job(question, inputs, deadline=time.monotonic() + seconds)
    batcher.submit(job)
    return job.answer


def hold(echo: Echo, batcher: Batcher) -> Future[list[Document]]:
    """Keep the analyzer at work on a first request."""
    echo.may_go.clear()
    first = put(batcher, "first")
    assert echo.called.wait(30)
    return first


def texts(answer: Future[list[Document]]) -> list[str | None]:
    return [document.text for document in answer.result(30)]


def dropped(batcher: Batcher, why: str) -> float | None:
    assert batcher.metrics is not None
    return batcher.metrics.registry.get_sample_value("hiernlp_dropped_total", {"why": why})


def test_what_waits_is_analysed_by_one_call(echo: Echo, batcher: Batcher) -> None:
    first = hold(echo, batcher)
    others = [put(batcher, "a"), put(batcher, "b", "c"), put(batcher)]
    assert len(batcher) == 3
    echo.may_go.set()
    assert texts(first) == ["first"]
    assert [texts(other) for other in others] == [["a"], ["b", "c"], []]
    assert [call[0] for call in echo.calls] == [["first"], ["a", "b", "c"]]
    assert len(batcher) == 0


def test_only_the_same_question_is_asked_together(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    likely = Question(("upos",), probabilities=True)
    answers = [put(batcher, "a"), put(batcher, "b", question=likely), put(batcher, "c")]
    judged = put(batcher, ("x", "y"), ("z", "w"), question=Question(("holds",), pairs=True))
    echo.may_go.set()
    assert [texts(answer) for answer in answers] == [["a"], ["b"], ["c"]]
    (document,) = judged.result(30)
    assert [s.words for s in document] == [["x", "y"], ["z", "w"]]
    assert [call[0] for call in echo.calls[1:]] == [["a", "c"], ["b"], [("x", "y"), ("z", "w")]]
    assert echo.calls[2][1] == {"tasks": ("upos",), "probabilities": True}


def test_a_batch_is_bounded_and_a_long_text_goes_alone(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    answers = [put(batcher, "x" * size) for size in (60, 500, 30, 50)]
    echo.may_go.set()
    for answer in answers:
        answer.result(30)
    assert [[len(text) for text in call[0]] for call in echo.calls[1:]] == [[60, 30], [500], [50]]


def test_no_more_wait_than_may(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    waiting = [put(batcher, "x") for _ in range(4)]
    with pytest.raises(BusyError):
        put(batcher, "y")
    waiting[0].cancel()
    last = put(batcher, "z")  # whoever left has made room
    echo.may_go.set()
    assert texts(last) == ["z"]
    assert all("y" not in call[0] for call in echo.calls)


def test_who_has_left_costs_no_work(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    gone, stays = put(batcher, "gone"), put(batcher, "stays")
    assert gone.cancel()
    echo.may_go.set()
    assert texts(stays) == ["stays"]
    assert [call[0] for call in echo.calls] == [["first"], ["stays"]]
    assert dropped(batcher, "hung up") == 1


def test_who_comes_too_late_is_told(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    late, fine = put(batcher, "late", seconds=0), put(batcher, "fine")
    echo.may_go.set()
    assert texts(fine) == ["fine"]
    with pytest.raises(LateError):
        late.result(30)
    assert dropped(batcher, "late") == 1
    assert [call[0] for call in echo.calls] == [["first"], ["fine"]]


def test_a_mistake_is_its_owners_alone(echo: Echo, batcher: Batcher) -> None:
    hold(echo, batcher)
    good, bad, other = put(batcher, "good"), put(batcher, "bad"), put(batcher, "other")
    echo.may_go.set()
    assert texts(good) == ["good"]
    assert texts(other) == ["other"]
    with pytest.raises(HierNLPError, match="a bad text"):
        bad.result(30)
    assert texts(put(batcher, "after")) == ["after"]


def test_closing_ends_what_is_under_way_and_refuses_the_rest(echo: Echo, batcher: Batcher) -> None:
    first = hold(echo, batcher)
    waiting = put(batcher, "waiting")
    closing = threading.Thread(target=batcher.close)
    closing.start()
    with pytest.raises(ClosedError):
        waiting.result(30)
    with pytest.raises(ClosedError):
        put(batcher, "new")
    assert batcher.closed
    assert closing.is_alive()
    echo.may_go.set()
    closing.join(30)
    assert not closing.is_alive()
    assert texts(first) == ["first"]


def test_characters_of_anything() -> None:
    assert characters([]) == 0
    assert characters(["ab", ["c", "de"], (["f"], "gh")]) == 8
