"""What the tests of the service share: a small model, an analyzer that can be watched and held up, and a client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service's libraries are not installed")

import httpx

from hiernlp.experiment import Run
from hiernlp.inference.analyzer import Analyzer
from hiernlp.recipe.files import validate_recipe
from hiernlp.server.app import create_app
from hiernlp.server.settings import ServerSettings


@pytest.fixture(scope="session")
def model_folder(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with a task of every kind."""
    folder = tmp_path_factory.mktemp("server") / "toy"
    list(Run(validate_recipe(recipe_data(epochs=2)), folder).events())
    return folder


@pytest.fixture(scope="session")
def analyzer(model_folder: Path) -> Analyzer:
    return Analyzer.load(model_folder, device="cpu")


@pytest.fixture(scope="session")
def graphs_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model's graphs."""
    pytest.importorskip("onnxruntime", reason="the libraries of the extra onnx are not installed")
    from hiernlp.graphs.exporter import export
    from hiernlp.hub import load_bundle

    folder = tmp_path_factory.mktemp("graphs")
    export(load_bundle(model_folder), folder)
    return folder


class Watched:
    """An analyzer whose calls are noted, and wait while ``may_go`` is not set."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self.may_go = threading.Event()
        self.may_go.set()
        self.called = threading.Event()
        self.calls: list[list[Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._analyzer, name)

    def __call__(self, text: Any, **options: Any) -> Any:
        return self._analyzer(text, **options)

    def documents(self, texts: Any, **options: Any) -> Any:
        self.calls.append(list(texts))
        self.called.set()
        assert self.may_go.wait(30)
        return self._analyzer.documents(texts, **options)


@pytest.fixture
def watched(analyzer: Analyzer) -> Watched:
    return Watched(analyzer)


@asynccontextmanager
async def service(analyzer: Any, **limits: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a service in this process; its application is at ``client.app``."""
    app = create_app(analyzer, ServerSettings(**limits), name="toy")
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:
            client.app = app  # type: ignore[attr-defined]
            yield client


def serve(analyzer: Any, use: Callable[[httpx.AsyncClient], Awaitable[Any]], **limits: Any) -> Any:
    """Run ``use`` with a client of a service, and return what it returns."""

    async def main() -> Any:
        async with service(analyzer, **limits) as client:
            return await use(client)

    return asyncio.run(main())


@pytest.fixture
def ask(analyzer: Analyzer) -> Callable[..., httpx.Response]:
    """Return a function that sends one request to a service of its own."""

    def send(path: str, *, method: str = "POST", limits: dict[str, Any] | None = None, **request: Any) -> Any:
        return serve(analyzer, lambda client: client.request(method, path, **request), **(limits or {}))

    return send
