"""A service of an exported folder: answers and description as from the model's own service, without torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from hiernlp.graphs.analyzer import OnnxAnalyzer
from hiernlp.inference.analyzer import Analyzer
from tests.server.conftest import serve
from tests.server.test_api import TEXT, same
from tests.server.test_process import until

PAIRS = [["the cat sees a dog", "a cat"], ["mary", "mary sees"]]

PROGRAM = """
import sys
sys.modules.update(dict.fromkeys(["torch", "transformers", "datasets"]))
from hiernlp.cli import main
sys.argv = ["hiernlp", "serve", sys.argv[1], "--port", "0"]
main()
"""


@pytest.fixture(scope="module")
def onnx(graphs_folder: Path) -> OnnxAnalyzer:
    return OnnxAnalyzer(graphs_folder, threads=1)


def test_it_says_what_the_models_service_says(analyzer: Analyzer, onnx: OnnxAnalyzer) -> None:
    async def use(client: httpx.AsyncClient) -> list[httpx.Response]:
        asked = [
            {"text": TEXT, "probabilities": True},
            {"texts": [TEXT, ["mary", "sees"]], "tasks": ["upos"]},
            {"pairs": PAIRS, "probabilities": True},
            {"text": "a", "tasks": ["upso"]},
        ]
        return [await client.get("/tasks"), *[await client.post("/analyze", json=body) for body in asked]]

    for ours, theirs in zip(serve(analyzer, use), serve(onnx, use), strict=True):
        assert ours.status_code == theirs.status_code
        one, other = ours.json(), theirs.json()
        assert [a.pop("milliseconds", 0) > 0 for a in (one, other)] in ([True, True], [False, False])
        assert same(other, one)


def test_the_command_serves_it_without_torch(graphs_folder: Path, onnx: OnnxAnalyzer) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", PROGRAM, str(graphs_folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert f"serving {graphs_folder} at " in said
            url = said.split(" at ")[1].split()[0]
            until(lambda: _answers(url), 60)
            found = httpx.post(f"{url}/analyze", json={"text": TEXT, "tasks": ["upos"]}, timeout=60).json()
            assert [s["annotations"]["upos"] for s in found["sentences"]] == [s["upos"] for s in onnx(TEXT)]
            assert (found["depth"], found["layers"]) == (onnx.depth(["upos"]), onnx.layers)
            assert httpx.get(f"{url}/").status_code == 200
            assert "hiernlp_words_total" in httpx.get(f"{url}/metrics").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return json.loads(httpx.get(f"{url}/health").content)["status"] == "ok"
    except httpx.TransportError:
        return False
