"""The application: what is asked over HTTP, handed to the batcher, and answered or refused with a sentence."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from hiernlp.errors import HierNLPError
from hiernlp.inference.writers.json import to_line
from hiernlp.server.batching import Batcher, BusyError, ClosedError, Job, LateError, Question, characters
from hiernlp.server.body import BoundedBody
from hiernlp.server.catalogue import Choice, catalogue
from hiernlp.server.messages import Analyses, Analysis, AnalyzeRequest, Health, Problem, Tasks
from hiernlp.server.metrics import HUNG_UP, Measured, Metrics
from hiernlp.server.settings import ServerSettings
from hiernlp.settings import sentence
from hiernlp.version import library_version

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from hiernlp.inference.base import BaseAnalyzer
    from hiernlp.inference.document import Document

PAGE = Path(__file__).parent / "page"
PAGE_HEADERS = {
    # Nothing from elsewhere, no script in the page itself: text that is shown can never become a program.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    408: {"model": Problem, "description": "The body did not arrive in time"},
    413: {"model": Problem, "description": "The body, or the texts in it, are too long or too many"},
    415: {"model": Problem, "description": "The body is not JSON by its content type"},
    422: {"model": Problem, "description": "The body is not what is expected, or there is no such task"},
    429: {"model": Problem, "description": "Too many requests wait; try again after `Retry-After` seconds"},
    503: {"model": Problem, "description": "There was no time for the request, or the service is shutting down"},
}


class JSONText(JSONResponse):
    """JSON that any text fits into, lone surrogates too."""

    def __init__(
        self,
        content: Any,  # noqa: ANN401 - any JSON value
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **rest: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(content, status_code, {"X-Content-Type-Options": "nosniff", **(headers or {})}, **rest)

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - any JSON value
        """Return the body."""
        return to_line(content).encode("utf-8")


def refuse(status: int, error: str, *, headers: Mapping[str, str] | None = None) -> JSONText:
    """Return an answer that says in one sentence why there is none."""
    return JSONText({"error": error}, status, headers)


def create_app(analyzer: BaseAnalyzer, settings: ServerSettings | None = None, *, name: str = "model") -> FastAPI:
    """Return the service of a model as an ASGI application.

    Args:
        analyzer: the model; one thread of the application calls it.
        settings: the limits.
        name: what the model is called.
    """
    settings = settings or ServerSettings()
    batcher = Batcher(analyzer, waiting=settings.queue, batch_characters=settings.batch_characters)
    batcher.metrics = metrics = Metrics(lambda: len(batcher))
    tasks, choose = catalogue(analyzer, name=name, settings=settings), Choice(analyzer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        try:
            yield
        finally:
            await asyncio.to_thread(batcher.close)

    # The usual pages of documentation would load their scripts from elsewhere.
    app = FastAPI(
        title="hiernlp",
        version=library_version(),
        description="Analyses text with one transformer encoder, as deep as the tasks asked for need.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        default_response_class=JSONText,
    )
    app.state.batcher = batcher

    @app.post("/analyze", response_model=Analysis | Analyses, responses=PROBLEMS)
    async def analyze(body: AnalyzeRequest, request: Request) -> Response:
        """Analyse one text, several, or pairs of sentences; requests that wait together are analysed together."""
        start, inputs, pairs = time.monotonic(), body.inputs, body.pairs is not None
        if len(inputs) > settings.max_texts:
            return refuse(413, f"expected at most {settings.max_texts} texts, found {len(inputs)}; send them in parts")
        if (size := characters(inputs)) > settings.max_characters:
            return refuse(
                413, f"expected at most {settings.max_characters:,} characters, found {size:,}; send the text in parts"
            )
        wanted = choose(body.tasks, pairs=pairs)
        job = Job(Question(wanted, pairs, body.probabilities), inputs, deadline=start + settings.timeout)
        batcher.submit(job)
        documents = await _answer(job, request)
        if documents is None:
            return Response(status_code=HUNG_UP)
        run = {
            "depth": analyzer.depth(wanted),
            "layers": tasks.layers,
            "milliseconds": round(1000 * (time.monotonic() - start), 1),
            "tasks": wanted,
        }
        # A long document takes its time to write; others are answered meanwhile.
        return await asyncio.to_thread(_written, documents, run, several=body.texts is not None)

    @app.get("/tasks")
    async def list_tasks() -> Tasks:
        """Return the model's tasks: kinds, layers, labels and what they feed."""
        return tasks

    @app.get("/health", responses={503: {"model": Health, "description": "The service is shutting down"}})
    async def health() -> Health:
        """Tell whether the service takes requests."""
        found = Health(status="closing" if batcher.closed else "ok", waiting=len(batcher))
        return JSONText(found.model_dump(), 503) if batcher.closed else found  # pyright: ignore[reportReturnType]

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def show_metrics() -> Response:
        """Return the service's figures in the format of Prometheus."""
        return Response(metrics.write(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    _add_page(app)
    _add_refusals(app, settings)
    app.add_middleware(BoundedBody, most=settings.max_body, seconds=settings.timeout, refuse=refuse)
    paths = frozenset({"/", "/analyze", "/tasks", "/health", "/metrics", "/openapi.json"})
    app.add_middleware(Measured, metrics=metrics, paths=paths)
    return app


def _written(documents: list[Document], run: dict[str, Any], *, several: bool) -> JSONText:
    found = [document.to_dict() for document in documents]
    return JSONText({"documents": found, **run} if several else {**found[0], **run})


async def _answer(job: Job, request: Request) -> list[Document] | None:
    """Return a request's documents; None if the client hangs up before they are there.

    Raises:
        LateError: they are not there in time.
    """
    answer, gone = asyncio.wrap_future(job.answer), asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({answer, gone}, timeout=job.deadline - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        if gone.done():
            return None
        raise LateError
    finally:
        gone.cancel()
        answer.cancel()  # what still waits is not analysed; what is under way cannot be stopped


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _add_page(app: FastAPI) -> None:
    def serve(path: str, file: Path) -> None:
        async def page() -> FileResponse:
            return FileResponse(file, headers=PAGE_HEADERS)

        app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)

    serve("/", PAGE / "index.html")
    for file in PAGE.iterdir():
        serve(f"/{file.name}", file)


def _add_refusals(app: FastAPI, settings: ServerSettings) -> None:
    async def not_valid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        kind = request.headers.get("content-type", "")
        if not kind.partition(";")[0].strip().lower().endswith("json"):
            found = f"found {kind[:60]!r}" if kind else "found none"
            return refuse(415, f"expected the content type application/json, {found}")
        first = error.errors()[0]
        if first["loc"] == ("body",) and first["type"] == "missing":
            return refuse(422, "expected JSON with text, texts or pairs, found an empty body")
        if first["type"] == "json_invalid":
            return refuse(
                422, f"expected JSON, found a mistake at character {first['loc'][-1]}: {first['ctx']['error']}"
            )
        mistakes = [cast("ErrorDetails", {**e, "loc": e["loc"][1:]}) for e in error.errors()]  # they begin with "body"
        return refuse(422, sentence(mistakes))

    async def not_possible(_: Request, error: Exception) -> Response:
        return refuse(422, str(error))

    async def busy(_: Request, __: Exception) -> Response:
        return refuse(
            429, f"{settings.queue} requests wait already; try again in a moment", headers={"Retry-After": "1"}
        )

    async def late(_: Request, __: Exception) -> Response:
        after = str(math.ceil(settings.timeout))
        return refuse(
            503, f"there was no answer in {settings.timeout:g} seconds; try again later", headers={"Retry-After": after}
        )

    async def closed(_: Request, __: Exception) -> Response:
        return refuse(503, "the service is shutting down; try again in a moment", headers={"Retry-After": "5"})

    async def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        told = {
            400: "expected JSON in UTF-8, found a body that cannot be read as such",
            404: f"there is nothing at {request.url.path}; the page is at /, the API described at /openapi.json",
            405: f"{request.url.path} does not take {request.method}",
        }
        status = 422 if error.status_code == 400 else error.status_code  # noqa: PLR2004 - only bodies are such
        return refuse(status, told.get(error.status_code, str(error.detail)), headers=error.headers)

    async def failed(_: Request, __: Exception) -> Response:
        return refuse(500, "the service made a mistake, which its log describes")

    handlers = {
        RequestValidationError: not_valid, HierNLPError: not_possible, BusyError: busy, LateError: late,
        ClosedError: closed, HTTPException: other, Exception: failed,
    }  # fmt: skip
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
