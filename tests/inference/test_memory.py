"""A stream's memory does not grow with its length."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hiernlp.experiment import Run
from hiernlp.inference.analyzer import Analyzer
from hiernlp.recipe.files import validate_recipe

WORDS = 1_000_000
WARM = 10_000
BOUND = 200 * 10**6


def resident() -> int:
    """Return this process's resident memory in bytes."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def texts() -> Iterator[str]:
    draw = random.Random(0)
    while True:
        # Ever new words, as in real text: what remembers words would grow.
        sentence = " ".join("".join(draw.choices("abcdefghij", k=draw.randint(1, 6))) for _ in range(12))
        yield " ".join([f"{sentence}."] * draw.randint(1, 8))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_a_million_words(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    list(Run(validate_recipe(recipe_data(["upos"], epochs=1)), tmp_path / "model").events())
    analyzer = Analyzer.load(tmp_path / "model", device="cpu")
    words, first, most = 0, 0, 0
    for document in analyzer.stream(texts()):
        words += sum(map(len, document))
        if words >= WARM:
            first = first or resident()
            most = max(most, resident())
        if words >= WORDS:
            break
    print(f"after {WARM:,} words {first / 1e6:.0f} MB, at most {most / 1e6:.0f} MB until {words:,}")
    assert most - first < BOUND
