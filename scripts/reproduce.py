"""Repeat the results in the README: train a bundled recipe on a corpus, score it, check by the official scorer.

python scripts/reproduce.py gum --data path/to/gum --single-tasks
python scripts/reproduce.py ewt --data path/to/ewt

The folder holds train.conllu and dev.conllu. An interrupted run goes on when the command is given again. Scores are on
development data; UPOS, UAS and LAS are counted a second time by ``udeval`` of the package ``udtools`` over the CoNLL-U
that ``hiernlp analyze`` writes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from udtools import udeval

PACKAGES = ("hiernlp", "torch", "transformers", "accelerate", "datasets", "udtools")
OFFICIAL = ("UPOS", "UAS", "LAS")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=["gum", "ewt"])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.conllu and dev.conllu")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder for the models")
    parser.add_argument("--single-tasks", action="store_true", help="also train each task alone")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    model = arguments.output / f"{arguments.recipe}-{arguments.seed}"
    train(arguments, model)
    before = time.perf_counter()
    predicted = model / "training" / "dev.predicted.conllu"
    gold = arguments.data / "dev.conllu"
    hiernlp("analyze", str(model), str(gold), "--format", "conllu", "--output", str(predicted))
    seconds = time.perf_counter() - before
    report = {
        "command": "python " + " ".join(sys.argv),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {package: version(package) for package in PACKAGES},
        "seed": arguments.seed,
        "joint": main_scores(model),
        "official scorer": official(gold, predicted),
        "training words a second (median of the log)": median_speed(model),
        "analysis of dev.conllu, whole program, words a second": round(count_words(gold) / seconds),
    }
    if arguments.single_tasks:
        single = {folder.name: main_scores(folder)[folder.name] for folder in (model / "training" / "single").iterdir()}
        report["single"] = {task: single[task] for task in report["joint"]}
        report["joint - single"] = {
            task: round(report["joint"][task] - score, 2) for task, score in report["single"].items()
        }
    text = json.dumps(report, indent=1)
    (model / "training" / "report.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def train(arguments: argparse.Namespace, model: Path) -> None:
    options = ["--set", f"training.seed={arguments.seed}"]
    for split in ("train", "dev"):
        options += ["--set", f"corpora.{arguments.recipe}.{split}={arguments.data.resolve() / f'{split}.conllu'}"]
    begun, under_way = (model / "config.json").exists(), (model / "training" / "state").exists()
    single = ["--single-tasks"] if arguments.single_tasks else []
    if begun and not under_way and not single:
        return
    resume = ["--resume"] if begun or under_way else []
    hiernlp("train", arguments.recipe, "--output", str(model), *options, *single, *resume)


def hiernlp(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "hiernlp.cli", *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main_scores(model: Path) -> dict[str, float]:
    tasks: dict[str, Any] = json.loads((model / "scores.json").read_text(encoding="utf-8"))["tasks"]
    return {task: round(100 * found["values"][found["main"]], 2) for task, found in tasks.items()}


def official(gold: Path, predicted: Path) -> dict[str, float]:
    scores = udeval.evaluate(udeval.load_conllu_file(str(gold)), udeval.load_conllu_file(str(predicted)))
    return {name: round(100 * scores[name].f1, 2) for name in OFFICIAL}


def median_speed(model: Path) -> int:
    lines = (model / "training" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    speeds = sorted(found["words_per_second"] for found in map(json.loads, lines) if found["event"] == "step")
    return round(speeds[len(speeds) // 2])


def count_words(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(line.split("\t", 1)[0].isdigit() for line in lines if "\t" in line)


if __name__ == "__main__":
    main()
