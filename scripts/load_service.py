"""Ask a running service as one client and then as many, and compare.

python -m hiernlp.cli serve MODEL &
python scripts/load_service.py http://127.0.0.1:8000 --clients 50 --seconds 60

Many clients at once each wait for a batch of all their texts. So three figures are printed: the median of one client
with one text; the median of one client that asks for as many texts at once as there are clients, which is the time of
one full batch; and the 95th percentile of many clients with one text each. Then the ratio of the last to each of the
first two. Every answer is compared with the one that the single client got.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

TEXTS = [
    "Ada Lovelace, the daughter of the poet Lord Byron, wrote the first program in 1843.",
    "Was the machine ever built?",
    "The chef who runs the little restaurant near the old harbour in Lisbon cooks fish that her brother catches.",
    "Please read the instructions on page 12 before you open the box.",
    "The museum's new wing, which opened last spring, has drawn more visitors than anyone had expected.",
]


@dataclass
class Tally:
    """What clients got."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1] if len(self.seconds) > 1 else self.seconds[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="where the service listens")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the many clients ask")
    parser.add_argument("--tasks", help="tasks separated by commas; by default all")
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments)), indent=1))


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of both phases."""
    tasks = arguments.tasks.split(",") if arguments.tasks else None
    limits = httpx.Limits(max_connections=arguments.clients, max_keepalive_connections=arguments.clients)
    async with httpx.AsyncClient(base_url=arguments.url, limits=limits, timeout=120) as client:
        expected = {text: labels((await ask(client, text=text, tasks=tasks)).json()) for text in TEXTS}
        batch = [TEXTS[i % len(TEXTS)] for i in range(arguments.clients)]
        one, full, many = Tally(), Tally(), Tally()
        short = max(2.0, arguments.seconds / 4)
        await keep_asking(client, one, tasks, expected, first=0, until=time.monotonic() + short)
        await keep_asking(client, full, tasks, expected, first=0, until=time.monotonic() + short, texts=batch)
        before = await counts(client)
        end = time.monotonic() + arguments.seconds
        await asyncio.gather(
            *(keep_asking(client, many, tasks, expected, first=i, until=end) for i in range(arguments.clients))
        )
        after = await counts(client)
    batches = after["count"] - before["count"]
    return {
        "clients": arguments.clients,
        "seconds": arguments.seconds,
        "requests": len(many.seconds),
        "errors": len(one.errors) + len(full.errors) + len(many.errors),
        "first_errors": [*one.errors, *full.errors, *many.errors][:5],
        "requests_per_batch": round((after["sum"] - before["sum"]) / max(1, batches), 1),
        "milliseconds": {
            "one client, one text, median": round(1000 * one.median, 1),
            f"one client, {arguments.clients} texts at once, median": round(1000 * full.median, 1),
            f"{arguments.clients} clients, one text each, median": round(1000 * many.median, 1),
            f"{arguments.clients} clients, one text each, p95": round(1000 * many.p95, 1),
        },
        "p95 / one client's median per batch": round(many.p95 / full.median, 2),
        "p95 / one client's median of one text": round(many.p95 / one.median, 2),
    }


async def keep_asking(
    client: httpx.AsyncClient,
    tally: Tally,
    tasks: list[str] | None,
    expected: dict[str, Any],
    *,
    first: int,
    until: float,
    texts: list[str] | None = None,
) -> None:
    """Ask one request after the other; count what is refused or not as expected."""
    number = first
    while time.monotonic() < until:
        text = TEXTS[number % len(TEXTS)]
        number += 1
        start = time.perf_counter()
        try:
            answer = await (ask(client, texts=texts, tasks=tasks) if texts else ask(client, text=text, tasks=tasks))
        except httpx.HTTPError as error:
            tally.errors.append(f"{type(error).__name__}: {error}")
            continue
        tally.seconds.append(time.perf_counter() - start)
        if answer.status_code != 200:  # noqa: PLR2004
            tally.errors.append(f"{answer.status_code}: {answer.text[:200]}")
        elif not texts and labels(answer.json()) != expected[text]:
            tally.errors.append(f"another answer than alone: {text}")


async def ask(client: httpx.AsyncClient, *, tasks: list[str] | None, **what: str | list[str]) -> httpx.Response:
    """Send one request."""
    return await client.post("/analyze", json={**what, "tasks": tasks})


def labels(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was found out; numbers without their last digits, which depend on a batch's shape."""
    return [
        {c: round(v, 3) if isinstance(v, float) else v for c, v in sentence["annotations"].items()}
        for sentence in answer["sentences"]
    ]


async def counts(client: httpx.AsyncClient) -> dict[str, float]:
    """Return how many batches the service has analysed, and how many requests were in them."""
    lines = (await client.get("/metrics")).text.splitlines()
    prefix = "hiernlp_batch_requests_"
    return {
        k: float(v)
        for k, _, v in (x[len(prefix) :].partition(" ") for x in lines if x.startswith(prefix))
        if k in ("sum", "count")
    }


if __name__ == "__main__":
    main()
