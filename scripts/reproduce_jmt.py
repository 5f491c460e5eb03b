"""Repeat the table of the joint many-task hierarchy: all together, each alone, and without each of its devices.

python scripts/reproduce_jmt.py --data path/to/corpora

The folder holds ewt/{train,dev,test}.conllu, conll2000/{train,test}.txt and sick/{train,trial,test}.tsv. Every run is a
model folder under --output; an interrupted one goes on when the command is given again, a finished one is not trained
again. Checkpoints are chosen on development data. At the end the test data are scored once a model, and the section
between the marks in --report is written anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from hiernlp.recipe import load_recipe

PACKAGES = ("hiernlp", "torch", "transformers", "accelerate", "datasets")
RECIPE = "jmt"
BEGIN, END = "<!-- joint many-task: begin -->", "<!-- joint many-task: end -->"
TOP = [f"tasks.{task}.place=top" for task in ("upos", "chunks", "dependencies", "relatedness", "entailment")]
BARE = [f"tasks.{task}.shortcut=false" for task in ("upos", "chunks", "dependencies", "relatedness", "entailment")]
TURNS = ["sampling.order=sequential"]
VARIANTS = {
    "all tasks on the top layer": [*TOP, "feeds=[{from: relatedness, to: entailment}]"],
    "without label feedback": ["feeds=[]"],
    "without shortcut": BARE,
    "without label feedback and shortcut": ["feeds=[]", *BARE],
    "tasks in turns, bottom-up, successive regularisation": [*TURNS, "training.successive={}"],
    "tasks in turns, bottom-up": TURNS,
    "one task a batch, random order": ["sampling.order=random"],
}


@dataclass(frozen=True)
class Figure:
    """A column of the table: a task's figure on its test data, and the paper's."""

    title: str
    task: str
    key: str
    scale: float
    digits: int
    paper_single: str
    paper_joint: str


FIGURES = (
    Figure("UPOS", "upos", "accuracy", 100, 2, "", ""),
    Figure("chunk F1", "chunks", "f1", 100, 2, "95.02", "95.77 (with tags only)"),
    Figure("UAS", "dependencies", "uas", 100, 2, "", ""),
    Figure("LAS", "dependencies", "las", 100, 2, "", ""),
    Figure("relatedness MSE", "relatedness", "mse", 1, 3, "0.247", "0.233"),
    Figure("entailment", "entailment", "accuracy", 100, 2, "81.8", "86.2"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--output", type=Path, default=Path("runs/jmt"), help="folder for the models")
    parser.add_argument("--report", type=Path, default=Path("docs/results.md"), help="the page to write into")
    parser.add_argument("--seeds", default="1,2,3", help="seeds of the joint model and of each task alone")
    parser.add_argument("--variant-seeds", default="1", help="seeds of the variants; none where empty")
    parser.add_argument("--set", action="append", default=[], help="change the recipe of every run: path=value")
    parser.add_argument("--only-report", action="store_true", help="train nothing, report what is finished")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    recipe = load_recipe(RECIPE)
    paths: list[str] = list(arguments.set)
    for corpus, settings in recipe.corpora.items():
        for split in ("train", "dev", "test"):
            for file in getattr(settings, split):
                # What the recipe says beside itself lies in the folder of the corpora.
                paths.append(f"corpora.{corpus}.{split}={data / Path(*Path(file).parts[-2:])}")
    seeds = [int(seed) for seed in arguments.seeds.split(",") if seed]
    variant_seeds = [int(seed) for seed in arguments.variant_seeds.split(",") if seed]
    folders: dict[str, list[Path]] = {}
    if not arguments.only_report:
        options = [part for path in paths for part in ("--set", path)]
        run("compare", RECIPE, "--output", str(arguments.output / "main"), "--seeds", arguments.seeds, *options)
    joint = [arguments.output / "main" / "joint" / f"seed-{seed}" for seed in seeds]
    single = {
        task: [arguments.output / "main" / "single" / task / f"seed-{seed}" for seed in seeds] for task in recipe.tasks
    }
    for title, changes in VARIANTS.items():
        for seed in variant_seeds:
            folder = arguments.output / title.replace(" ", "-").replace(",", "") / f"seed-{seed}"
            folders.setdefault(title, []).append(folder)
            if not arguments.only_report:
                train(folder, [*paths, *changes, f"training.seed={seed}"])
    report = table(joint, single, folders)
    facts = {
        "command": "python " + " ".join(sys.argv),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "seeds": f"{arguments.seeds} for joint and each alone, {arguments.variant_seeds} for the variants",
        "training, joint": f"{speed([f for f in joint if finished(f)])} words a second",
    }
    text = report + "\n" + "".join(f"- {name}: {value}\n" for name, value in facts.items())
    write(arguments.report, text)
    print(text)


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "hiernlp.cli", *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def finished(folder: Path) -> bool:
    return (folder / "config.json").exists() and not (folder / "training" / "state").exists()


def train(folder: Path, changes: Sequence[str]) -> None:
    if finished(folder):
        return
    options = [part for change in changes for part in ("--set", change)]
    resume = ["--resume"] if (folder / "training" / "state").exists() else []
    run("train", RECIPE, "--output", str(folder), *options, *resume)


def test_scores(folder: Path) -> dict[str, Any]:
    """Return a model's scores on the test data, which are scored once."""
    file = folder / "training" / "test.json"
    if not file.exists():
        done = subprocess.run(
            [sys.executable, "-m", "hiernlp.cli", "evaluate", str(folder), "--split", "test", "--json"],
            check=True,
            capture_output=True,
            text=True,
        )
        file.write_text(done.stdout, encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))["tasks"]


def table(joint: list[Path], single: dict[str, list[Path]], variants: dict[str, list[Path]]) -> str:
    header = ["test data", *(figure.title for figure in FIGURES)]
    rows = [header, ["---"] * len(header)]
    rows.append(["Hashimoto et al. 2017, each alone", *(figure.paper_single for figure in FIGURES)])
    rows.append(["Hashimoto et al. 2017, joint", *(figure.paper_joint for figure in FIGURES)])
    rows.append(["each alone", *(cell(single[figure.task], figure) for figure in FIGURES)])
    rows.append(["**joint**", *(cell(joint, figure) for figure in FIGURES)])
    for title, folders in variants.items():
        rows.append([title, *(cell(folders, figure) for figure in FIGURES)])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def cell(folders: list[Path], figure: Figure) -> str:
    """Return mean and sample standard deviation over the finished runs."""
    values = [figure.scale * test_scores(f)[figure.task]["values"][figure.key] for f in folders if finished(f)]
    if not values:
        return "not run"
    shown = f"{mean(values):.{figure.digits}f}"
    return f"{shown} ± {stdev(values):.{figure.digits}f}" if len(values) > 1 else shown


def speed(folders: list[Path]) -> int:
    speeds: list[float] = []
    for folder in folders:
        lines = (folder / "training" / "log.jsonl").read_text(encoding="utf-8").splitlines()
        speeds += [found["words_per_second"] for found in map(json.loads, lines) if found["event"] == "step"]
    return round(median(speeds)) if speeds else 0


def write(page: Path, text: str) -> None:
    """Write the section between the marks of a page; add marks at its end where it has none."""
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    if BEGIN not in before:
        before = before.rstrip("\n") + f"\n\n## The joint many-task hierarchy\n\n{BEGIN}\n{END}\n"
    head, rest = before.split(BEGIN, 1)
    page.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
