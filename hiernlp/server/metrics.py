"""What the service counts, in the format of Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
HUNG_UP = 499
"""The status under which a request is counted whose client left; nobody is sent it."""


class Metrics:
    """The figures of one service; several may live in one process.

    Args:
        waiting: returns how many requests wait for the model.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()

        def histogram(name: str, what: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"hiernlp_{name}", what, buckets=buckets, registry=self.registry)

        self.requests = Counter("hiernlp_requests", "Requests answered", ["path", "status"], registry=self.registry)
        self.latency = Histogram(
            "hiernlp_request_seconds", "From a request's head to its answer's end", ["path"], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.batch_requests = histogram("batch_requests", "Requests analysed together", SIZES)
        self.batch_texts = histogram("batch_texts", "Texts and pairs analysed together", SIZES)
        self.batch_seconds = histogram("batch_seconds", "Seconds of one analysis", SECONDS)
        self.words = Counter("hiernlp_words", "Words analysed", registry=self.registry)
        self.dropped = Counter(
            "hiernlp_dropped", "Requests that waited and were not analysed", ["why"], registry=self.registry
        )
        queue = Gauge("hiernlp_queue_requests", "Requests that wait for the model", registry=self.registry)
        queue.set_function(waiting)

    def write(self) -> bytes:
        """Return all figures as text."""
        return generate_latest(self.registry)


class Measured:
    """An ASGI application whose requests are counted and timed.

    Args:
        app: the application.
        metrics: where to count.
        paths: the paths that are counted by name; all others, which anybody could make up, are counted together.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: frozenset[str]) -> None:
        self.app = app
        self.metrics = metrics
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.latency.labels(path).observe(time.perf_counter() - start)
