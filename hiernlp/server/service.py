"""Running the application until it is told to stop."""

from __future__ import annotations

import math
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn

from hiernlp.errors import HierNLPError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hiernlp.inference.base import BaseAnalyzer


BACKLOG = 1024
"""Connections that wait to be accepted."""


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that a mistake is told before a model is loaded; who comes meanwhile waits.

    Raises:
        HierNLPError: the host is not one of this machine's, or the port is taken or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise _unusable(host, port, error) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        bound.close()
        raise _unusable(host, port, error) from None
    return bound


def warm_up(analyzer: BaseAnalyzer) -> None:
    """Analyse a word, so that no request waits for what is loaded at first use."""
    reads_pairs = {analyzer.reads_pairs(task) for task in analyzer.tasks}
    if False in reads_pairs:
        analyzer("Hello.")
    if True in reads_pairs:
        analyzer.pairs([("Hello.", "Hello.")])


def address(bound: socket.socket) -> str:
    """Return the address of a bound socket as a browser takes it."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(app: FastAPI, bound: socket.socket, *, grace: float) -> None:
    """Serve until SIGTERM or SIGINT; then take no more, answer what is under way, and return.

    Args:
        app: the application.
        bound: a socket that listens.
        grace: seconds that requests under way have; 0 for none.
    """
    # uvicorn raises the signal again when it is done; with the usual handlers the process would die of it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(grace),
    )
    uvicorn.Server(config).run(sockets=[bound])


def _unusable(host: str, port: int, error: Exception) -> HierNLPError:
    reason = getattr(error, "strerror", None) or str(error)
    return HierNLPError(f"--host {host} --port {port}: cannot be listened at ({reason}); choose another")
