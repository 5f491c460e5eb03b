"""Bodies of requests: no more of one is held than is allowed, and none is waited for for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BoundedBody:
    """An ASGI application that gets a request only when its body is there, and not too long.

    What a client announces is believed only if it is too much; what comes is counted, with or without an announcement.

    Args:
        app: the application.
        most: most bytes.
        seconds: how long a body may take to arrive.
        refuse: makes an answer of a status and a sentence.
    """

    def __init__(self, app: ASGIApp, *, most: int, seconds: float, refuse: Callable[[int, str], Response]) -> None:
        self.app = app
        self.most = most
        self.seconds = seconds
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.most:
            await self._too_long()(scope, receive, send)
            return
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    parts.append(message.get("body", b""))
                    if sum(map(len, parts)) > self.most:
                        await self._too_long()(scope, receive, send)
                        return
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            late = self.refuse(408, f"the request's body did not arrive in {self.seconds:g} seconds; send it again")
            late.headers["connection"] = "close"
            await late(scope, receive, send)
            return
        body: bytes | None = b"".join(parts)

        async def replay() -> Message:
            nonlocal body
            if body is None:
                return await receive()  # nothing comes any more but the news that the client has gone
            whole, body = body, None
            return {"type": "http.request", "body": whole, "more_body": False}

        await self.app(scope, replay, send)

    def _too_long(self) -> Response:
        return self.refuse(
            413, f"expected a body of at most {self.most:,} bytes, found more; send fewer or shorter texts"
        )
