"""What the scripts of worked cases share: runs that go on where they stopped, and their part of a page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

PACKAGES = ("hiernlp", "torch", "transformers", "accelerate")


def trained(recipe: Path, model: Path, seed: str) -> None:
    """Train a model by a recipe file with a seed, or go on with it; nothing is done where it is trained."""
    log = model / "training" / "log.jsonl"
    last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1]) if log.is_file() else {}
    if last.get("event") == "end" and last["reason"] != "interrupted":
        return
    resume = ["--resume"] if (model / "training" / "state").exists() else []
    hiernlp("train", str(recipe), "--output", str(model), "--set", f"training.seed={seed}", *resume)


def evaluated(model: Path, corpus: Path, *, task: str) -> float:
    """Return the main figure of a task on a corpus, which is scored once."""
    kept = model / "training" / f"{corpus.stem}.json"
    if not kept.is_file():
        command = [sys.executable, "-m", "hiernlp.cli", "evaluate", str(model), "--corpus", str(corpus), "--json"]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.returncode)
        kept.write_text(done.stdout, encoding="utf-8")
    found = json.loads(kept.read_text(encoding="utf-8"))["tasks"][task]
    return found["values"][found["main"]]


def hiernlp(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "hiernlp.cli", *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def spread(values: Sequence[float]) -> str:
    """Return the mean of some values and their sample standard deviation, for a table."""
    if not values:
        return "–"
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def write(page: Path, case: str, text: str) -> None:
    """Write what is between a case's marks; a case that has none gets them at the page's end."""
    begin, end = f"<!-- {case}: begin -->", f"<!-- {case}: end -->"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin not in before:
        before = f"{before.rstrip()}\n\n{begin}\n{end}\n"
    head, rest = before.split(begin, 1)
    page.write_text(f"{head}{begin}\n{text}{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def made_by() -> str:
    """Return by which command, when and with which versions a table was made; paths are those of nobody's machine."""
    command = "python " + " ".join([f"scripts/{Path(sys.argv[0]).name}", *_shown(sys.argv[1:])])
    return f"Made by `{command}` ({datetime.now(UTC):%Y-%m-%d}, {', '.join(f'{p} {version(p)}' for p in PACKAGES)})."


def _shown(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments as a page shows them: without what changes no figure, data at ``path/to``.

    Example:
        >>> _shown(["sst2", "--data", "/home/me/sst2", "--output", "/tmp/runs", "--seeds", "1,2"])
        ['sst2', '--data', 'path/to/sst2', '--seeds', '1,2']
    """
    pairs = [part for argument in arguments for part in argument.split("=", 1)]
    shown: list[str] = []
    for before, argument in pairwise(["", *pairs]):
        if {before, argument}.isdisjoint(("--output", "--page")):
            shown.append(f"path/to/{Path(argument).resolve().name}" if before in ("--data", "--lexicon") else argument)
    return shown
