"""A service on a real socket: who hangs up costs nothing, and a service that is told to stop ends its work first."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hiernlp.errors import HierNLPError
from hiernlp.server.app import create_app
from hiernlp.server.service import address, open_socket
from hiernlp.server.settings import ServerSettings
from tests.server.conftest import Watched

uvicorn = pytest.importorskip("uvicorn")


@contextmanager
def listening(analyzer: Any, **limits: Any) -> Iterator[tuple[str, Any]]:
    """Give the address and the application of a service on a socket of this process."""
    app = create_app(analyzer, ServerSettings(**limits))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    with open_socket("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            until(lambda: server.started)
            yield address(bound), app
        finally:
            server.should_exit = True
            thread.join(30)


def until(what: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_client_that_hangs_up(watched: Watched) -> None:
    with listening(watched) as (url, app):
        host, port = url.removeprefix("http://").split(":")
        watched.may_go.clear()
        first = threading.Thread(target=httpx.post, args=(f"{url}/analyze",), kwargs={"json": {"text": "first"}})
        first.start()
        assert watched.called.wait(30)
        body = json.dumps({"text": "gone"}).encode()
        head = "POST /analyze HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((host, int(port))) as client:
            client.sendall(head.encode() + body)
            until(lambda: len(app.state.batcher) == 1)
        (job,) = app.state.batcher._queue
        until(job.answer.cancelled)
        with socket.create_connection((host, int(port))) as client:  # and one that leaves in the middle of its body
            client.sendall(head.encode() + body[:5])
        watched.may_go.set()
        first.join(30)
        assert httpx.post(f"{url}/analyze", json={"text": "after"}).status_code == 200
    assert watched.calls == [["first"], ["after"]]


def test_a_gigantic_body_is_refused_on_the_wire(watched: Watched) -> None:
    def giant() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 10_000

    with listening(watched, max_body=10_000) as (url, _):
        for content in (b" " * 3_000_000, giant()):
            answer = httpx.post(f"{url}/analyze", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 413
        assert httpx.get(f"{url}/health").status_code == 200


def test_sigterm_ends_a_service_after_its_work(model_folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-m", "hiernlp.cli", "serve", str(model_folder), "--port", "0", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            url = said.split(" at ")[1].split()[0]
            until(lambda: _answers(url), 60)
            answers: list[httpx.Response] = []
            body = {"texts": [" ".join(["the cat sees mary ."] * 300)] * 3}
            ask = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/analyze", json=body, timeout=60)))
            ask.start()
            until(lambda: b"hiernlp_batch" in httpx.get(f"{url}/metrics").content and ask.is_alive())
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            ask.join(60)
            assert [answer.status_code for answer in answers] == [200]
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def test_a_port_that_is_taken() -> None:
    taken = pytest.raises(HierNLPError, match=r"--port \d+: cannot be listened at")
    with open_socket("127.0.0.1", 0) as bound, taken:
        open_socket("127.0.0.1", bound.getsockname()[1])
    with pytest.raises(HierNLPError, match=r"--host no\.such\.host\.invalid"):
        open_socket("no.such.host.invalid", 0)
