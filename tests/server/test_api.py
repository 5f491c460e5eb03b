"""The API: the library's answers, bounds with their own status, and one sentence for every mistake."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiernlp.inference.analyzer import Analyzer
from hiernlp.inference.writers.json import to_line
from hiernlp.server.app import create_app
from tests.server.conftest import Watched, serve, service

TEXT = "the big cat sees mary. does john meet a dog?"
JSON = {"Content-Type": "application/json"}
Ask = Callable[..., httpx.Response]


def same(found: Any, expected: Any) -> bool:
    """Tell whether two answers are the same, but for the last digits of numbers, which depend on a batch's shape."""
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-3, abs=1e-4)
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected


def library(document: Any) -> Any:
    return json.loads(to_line(document.to_dict()))


def check_problem(answer: httpx.Response, status: int, *parts: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"error"}
    for part in parts:
        assert part in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


async def queued(client: httpx.AsyncClient, number: int) -> None:
    """Wait until so many requests wait for the model."""
    async with asyncio.timeout(30):
        while len(client.app.state.batcher) < number:  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)


def test_one_text_is_answered_as_by_the_library(ask: Ask, analyzer: Analyzer) -> None:
    answer = ask("/analyze", json={"text": TEXT, "tasks": ["chunks", "upos"], "probabilities": True}).json()
    run = {key: answer.pop(key) for key in ("depth", "layers", "milliseconds", "tasks")}
    assert same(answer, library(analyzer(TEXT, tasks=["chunks", "upos"], probabilities=True)))
    assert run.pop("milliseconds") > 0
    assert run == {"depth": 2, "layers": 4, "tasks": ["upos", "chunks"]}


def test_several_texts_and_words(ask: Ask, analyzer: Analyzer) -> None:
    texts = [TEXT, "", ["mary", "sees", "the", "cat"], "🙂"]
    answer = ask("/analyze", json={"texts": texts}).json()
    assert same(answer["documents"], [library(analyzer(text)) for text in texts])
    assert answer["depth"] == 4
    assert ask("/analyze", json={"texts": []}).json()["documents"] == []
    assert "sentences" in ask("/analyze", json={"text": ["mary", "sees"]}).json()


def test_pairs(ask: Ask, analyzer: Analyzer) -> None:
    pairs = [("the cat", "a cat"), ("mary sees", ["the", "dog"])]
    answer = ask("/analyze", json={"pairs": pairs, "tasks": ["shared"], "probabilities": True}).json()
    assert same(answer["sentences"], library(analyzer.pairs(pairs, tasks=["shared"], probabilities=True))["sentences"])
    assert answer["tasks"] == ["shared"]


@given(text=st.text(st.characters(exclude_categories=[]), max_size=30))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_answered_as_by_the_library(ask: Ask, analyzer: Analyzer, text: str) -> None:
    answer = ask("/analyze", content=json.dumps({"text": text}), headers=JSON)
    assert answer.status_code == 200
    found, expected = answer.json(), library(analyzer(text))
    assert (found["text"], found["sentences"]) == (expected["text"], expected["sentences"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\ufeffthe cat\r\nsees mary.\r\n",
        "🙂",
        " ".join(["cat"] * 3000),
        "x" * 10_000,
        "\u200b\u200d\u2060",
        "a\x00b \x01\x07 \x1b[31m",
        "lone \ud800 and \udfff",
        "<script>alert(1)</script>",
        "\u202eabc",
    ],
    ids=[
        "empty",
        "blank",
        "bom",
        "emoji",
        "many words",
        "long word",
        "zero width",
        "control",
        "surrogates",
        "html",
        "rtl",
    ],
)
def test_hostile_texts(ask: Ask, analyzer: Analyzer, text: str) -> None:
    answer = ask("/analyze", content=json.dumps({"text": text, "tasks": ["upos", "entities"]}), headers=JSON)
    assert answer.status_code == 200
    answer.content.decode("utf-8")
    found = answer.json()
    assert found["text"] == text
    assert same(found["sentences"], library(analyzer(text, tasks=["upos", "entities"]))["sentences"])


@pytest.mark.parametrize(
    ("body", "status", "parts"),
    [
        (b"", 422, ["expected"]),
        (b"{", 422, ["expected JSON"]),
        (b"\xff\xfe", 422, ["expected JSON"]),
        (b"[" * 100_000, 422, ["expected JSON"]),
        (b"[]", 422, []),
        (b"null", 422, []),
        (b'"text"', 422, []),
        (b"{}", 422, ["expected one of text, texts, pairs, found none"]),
        (b'{"text": null}', 422, ["found none"]),
        (b'{"text": 3}', 422, ["text", "found 3"]),
        (b'{"text": "a", "texts": []}', 422, ["found text and texts"]),
        (b'{"txt": "a"}', 422, ["txt: unknown key", "did you mean 'text'"]),
        (b'{"text": [["a"]]}', 422, ["text"]),
        (b'{"texts": "a"}', 422, ["texts"]),
        (b'{"pairs": [["a"]]}', 422, ["pairs.0"]),
        (b'{"pairs": [["a", " "]]}', 422, ["pair 1: expected words in both"]),
        (b'{"text": "a", "tasks": []}', 422, ["tasks"]),
        (b'{"text": "a", "tasks": "upos"}', 422, ["tasks"]),
        (b'{"text": "a", "tasks": ["entites"]}', 422, ["there is no task 'entites'", "did you mean 'entities'?"]),
        (b'{"text": "a", "tasks": ["holds"]}', 422, ["reads pairs"]),
        (b'{"pairs": [["a", "b"]], "tasks": ["upos"]}', 422, ["reads one sentence"]),
        (b'{"text": "a", "probabilities": "yes"}', 422, ["probabilities"]),
        (b'{"text": "a", "tasks": ["' + b"x" * 5000 + b'"]}', 422, ["tasks.0"]),
    ],
)
def test_mistakes(ask: Ask, body: bytes, status: int, parts: list[str]) -> None:
    answer = ask("/analyze", content=body, headers=JSON)
    check_problem(answer, status, *parts)
    assert len(answer.json()["error"]) < 400


def test_other_content_and_places(ask: Ask) -> None:
    body = b'{"text": "a"}'
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {}):
        check_problem(ask("/analyze", content=body, headers=headers), 415, "application/json")
    assert ask("/analyze", content=body, headers={"Content-Type": "application/json; charset=utf-8"}).status_code == 200
    check_problem(ask("/nowhere"), 404, "/nowhere")
    check_problem(ask("/analyze", method="GET"), 405, "GET")
    assert ask("/docs", method="GET").status_code == 404


def test_too_much(ask: Ask) -> None:
    limits = {"max_characters": 10, "max_texts": 2}
    assert ask("/analyze", json={"texts": ["x" * 6, "y" * 4]}, limits=limits).status_code == 200
    check_problem(ask("/analyze", json={"text": "x" * 11}, limits=limits), 413, "at most 10 characters, found 11")
    check_problem(ask("/analyze", json={"texts": ["x" * 6, ["y"] * 5]}, limits=limits), 413, "10", "11")
    check_problem(ask("/analyze", json={"texts": ["a", "b", "c"]}, limits=limits), 413, "at most 2 texts, found 3")
    check_problem(ask("/analyze", json={"pairs": [["a", "b"]] * 3}, limits=limits), 413, "at most 2")


@pytest.mark.parametrize("announced", [True, False])
def test_a_gigantic_body_is_not_read(analyzer: Analyzer, announced: bool) -> None:
    sent = 0

    async def giant() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b" " * 1000

    async def use(client: httpx.AsyncClient) -> httpx.Response:
        headers = JSON | ({"Content-Length": "1000000"} if announced else {})
        return await client.post("/analyze", content=giant(), headers=headers)

    check_problem(serve(analyzer, use, max_body=5000), 413, "at most 5,000 bytes")
    assert sent <= (0 if announced else 7000)


def test_a_body_that_does_not_come(analyzer: Analyzer) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async def use(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/analyze", content=slow(), headers=JSON)

    check_problem(serve(analyzer, use, timeout=0.1), 408, "did not arrive")


def test_concurrent_requests_are_one_call_and_answered_as_alone(watched: Watched, analyzer: Analyzer) -> None:
    texts = [f"the cat sees mary and {name} ." for name in ("john", "a dog", "the old nurse", "zebras")]

    async def use(client: httpx.AsyncClient) -> list[httpx.Response]:
        watched.may_go.clear()
        ask = [asyncio.create_task(client.post("/analyze", json={"text": "first"}))]
        assert await asyncio.to_thread(watched.called.wait, 30)
        for waiting, text in enumerate(texts, start=1):
            ask.append(asyncio.create_task(client.post("/analyze", json={"text": text})))
            await queued(client, waiting)
        watched.may_go.set()
        return await asyncio.gather(*ask)

    answers = serve(watched, use)
    assert watched.calls == [["first"], texts]
    for answer, text in zip(answers[1:], texts, strict=True):
        assert same(answer.json()["sentences"], library(analyzer(text))["sentences"])


def test_a_full_queue_and_no_time(watched: Watched) -> None:
    async def use(client: httpx.AsyncClient) -> list[httpx.Response]:
        watched.may_go.clear()
        first = asyncio.create_task(client.post("/analyze", json={"text": "first"}))
        assert await asyncio.to_thread(watched.called.wait, 30)
        second = asyncio.create_task(client.post("/analyze", json={"text": "second"}))
        await queued(client, 1)
        third = await client.post("/analyze", json={"text": "third"})
        late = await asyncio.gather(first, second)
        watched.may_go.set()
        return [third, *late, await client.post("/analyze", json={"text": "after"})]

    busy, *late, after = serve(watched, use, queue=1, timeout=3.0)
    check_problem(busy, 429, "try again")
    assert busy.headers["retry-after"] == "1"
    for answer in late:
        check_problem(answer, 503, "no answer in 3 seconds")
        assert int(answer.headers["retry-after"]) >= 1
    assert after.status_code == 200
    assert ["second"] not in watched.calls


def test_closing(watched: Watched) -> None:
    async def use(client: httpx.AsyncClient) -> list[httpx.Response]:
        client.app.state.batcher.close()  # type: ignore[attr-defined]
        return [await client.post("/analyze", json={"text": "a"}), await client.get("/health")]

    refused, health = serve(watched, use)
    check_problem(refused, 503, "shutting down")
    assert (health.status_code, health.json()["status"]) == (503, "closing")


def test_a_mistake_of_the_service_is_told_and_survived(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(client: httpx.AsyncClient) -> list[httpx.Response]:
        with monkeypatch.context() as patch:
            patch.setattr(watched, "documents", lambda *_, **__: 1 / 0)
            broken = await client.post("/analyze", json={"text": "a"})
        return [broken, await client.post("/analyze", json={"text": "a"})]

    broken, after = serve(watched, use)
    check_problem(broken, 500, "made a mistake")
    assert after.status_code == 200


def test_tasks(ask: Ask, analyzer: Analyzer) -> None:
    found = ask("/tasks", method="GET").json()
    assert (found["model"], found["layers"], found["language"]) == ("toy", 4, "en")
    assert [task["name"] for task in found["tasks"]] == list(analyzer.tasks)
    by_name = {task["name"]: task for task in found["tasks"]}
    assert by_name["upos"]["kind"] == "token_labels"
    assert set(by_name["upos"]["labels"]["labels"]) == {"NOUN", "DET", "VERB", "ADJ", "PUNCT"}
    assert by_name["upos"]["label_counts"] == {"labels": 5}
    assert by_name["xpos"]["feeds"] == ["dependencies", "type"]
    assert by_name["upos"]["feeds"] == ["encoder", "shared"]
    assert (by_name["entities"]["lowest_layer"], by_name["entities"]["layer"]) == (1, 3)
    assert by_name["dependencies"]["columns"] == ["head", "deprel"]
    assert [name for name, task in by_name.items() if task["pairs"]] == ["shared", "holds"]
    for name, task in by_name.items():
        assert task["depth"] == analyzer.depth([name])


def test_health_and_metrics(analyzer: Analyzer) -> None:
    async def use(client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response]:
        await client.post("/analyze", json={"texts": ["the cat", "a dog sees mary"]})
        await client.post("/analyze", json={})
        await client.get("/made/up/path")
        return await client.get("/health"), await client.get("/metrics")

    health, metrics = serve(analyzer, use)
    assert health.json() == {"status": "ok", "waiting": 0}
    assert metrics.headers["content-type"].startswith("text/plain")
    lines = metrics.text.splitlines()
    for line in [
        'hiernlp_requests_total{path="/analyze",status="200"} 1.0',
        'hiernlp_requests_total{path="/analyze",status="422"} 1.0',
        'hiernlp_requests_total{path="other",status="404"} 1.0',
        "hiernlp_batch_texts_sum 2.0",
        "hiernlp_words_total 6.0",
        "hiernlp_queue_requests 0.0",
    ]:
        assert line in lines


def test_the_page_needs_nothing_from_elsewhere(ask: Ask) -> None:
    page = ask("/", method="GET")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    for file, kind in {"app.js": "javascript", "app.css": "css", "icon.svg": "svg"}.items():
        found = ask(f"/{file}", method="GET")
        assert kind in found.headers["content-type"]
        assert "innerHTML" not in found.text
        assert "//cdn" not in found.text
    assert ask("/", method="HEAD").status_code == 200
    for path in ("/../settings.py", "/page/app.js", "/app.py"):
        assert ask(path, method="GET").status_code == 404


def test_requests_with_other_questions_are_answered_beside(watched: Watched) -> None:
    """Answers depend on nobody else's tasks."""

    async def main() -> list[dict[str, Any]]:
        async with service(watched) as client:
            bodies = [{"text": TEXT, "tasks": [task]} for task in ("upos", "chunks", "type", "upos")]
            answers = await asyncio.gather(*(client.post("/analyze", json=body) for body in bodies))
            return [answer.json() for answer in answers]

    start = time.monotonic()
    found = asyncio.run(main())
    assert [answer["tasks"] for answer in found] == [["upos"], ["chunks"], ["type"], ["upos"]]
    assert [answer["depth"] for answer in found] == [1, 2, 4, 1]
    assert all(answer["milliseconds"] <= 1000 * (time.monotonic() - start) for answer in found)


def test_a_second_service_has_figures_of_its_own(analyzer: Analyzer) -> None:
    first, second = create_app(analyzer), create_app(analyzer)
    assert first.state.batcher.metrics.registry is not second.state.batcher.metrics.registry
