"""What the service says of itself in OpenAPI holds for what it does."""

from __future__ import annotations

from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from fastapi import FastAPI  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from hiernlp.inference.analyzer import Analyzer  # noqa: E402
from hiernlp.server.app import create_app  # noqa: E402

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def app(analyzer: Analyzer) -> FastAPI:
    return create_app(analyzer)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("path", ["/analyze", "/tasks", "/health", "/metrics"])
@pytest.mark.filterwarnings("ignore")  # schemathesis's own
def test_answers_are_as_described(app: FastAPI, path: str, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    operation = next(iter(described[path].values()))
    if mode.is_negative and operation.method == "get":
        pytest.skip("a request without parameters cannot be wrong")

    @settings(max_examples=12, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


def test_everything_is_described(app: FastAPI) -> None:
    described = app.openapi()
    assert set(described["paths"]) == {"/analyze", "/tasks", "/health", "/metrics"}
    for path in described["paths"].values():
        for operation in path.values():
            assert operation["description"]
    assert {"413", "422", "429", "503"} <= set(described["paths"]["/analyze"]["post"]["responses"])
    body = described["components"]["schemas"]["AnalyzeRequest"]
    assert set(body["properties"]) == {"text", "texts", "pairs", "tasks", "probabilities"}
    assert all("description" in p for p in body["properties"].values())
