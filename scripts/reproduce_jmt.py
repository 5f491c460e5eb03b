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
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from udtools import udeval

from hiernlp.recipe import load_recipe

PACKAGES = ("hiernlp", "torch", "transformers", "accelerate", "datasets", "udtools")
RECIPE = "jmt"
BEGIN, END = "<!-- joint many-task: begin -->", "<!-- joint many-task: end -->"
TASKS = ("upos", "xpos", "feats", "lemmas", "chunks", "dependencies", "relatedness", "entailment")
PAIRS = "{from: similarity, to: relatedness}, {from: similarity, to: entailment}, {from: relatedness, to: entailment}"
TOP = [f"tasks.{task}.place=top" for task in TASKS]
BARE = [f"tasks.{task}.shortcut=false" for task in TASKS]
TURNS = ["sampling.order=sequential"]
OFFICIAL = {
    "UPOS": "upos",
    "XPOS": "xpos",
    "UFeats": "feats",
    "Lemmas": "lemmas",
    "UAS": "dependencies",
    "LAS": "dependencies",
}
"""Columns of the official scorer, and the task that fills each."""
PUBLISHED = {
    "MaChAmp, same encoder, 3 epochs, EWT 2.16": {"UPOS": "92.10", "UAS": "84.92", "LAS": "81.30"},
    "UDPipe 2, EWT 2.15": dict(zip(OFFICIAL, ("97.50", "97.17", "97.96", "97.88", "93.42", "91.52"), strict=True)),
    "Stanza 1.5.1, EWT 2.12, from raw text": dict(
        zip(OFFICIAL, ("96.20", "95.75", "96.39", "96.63", "88.90", "86.77"), strict=True)
    ),
}
"""Others' figures: MaChAmp's were measured on two cores by its default settings with gold words (commit 4048c34b,
2026-11-22), UDPipe's stand in the training logs of its released models, Stanza's in its documentation."""
VARIANTS = {
    "the joint recipe itself": [],
    "all tasks on the top layer": [*TOP, f"feeds=[{PAIRS}]"],
    "without label feedback": ["feeds=[]"],
    "without the similarity of sentences read apart": ["tasks.similarity.weight=0"],
    "without shortcut": BARE,
    "without the words' letter case": ["encoding.letter_case=false"],
    "without label feedback and shortcut": ["feeds=[]", *BARE],
    "tasks in turns, bottom-up, successive regularisation": [*TURNS, "training.successive={}"],
    "tasks in turns, bottom-up": TURNS,
    "one task a batch, random order": ["sampling.order=random"],
}


@dataclass(frozen=True)
class Job:
    """A command of hiernlp to run."""

    title: str
    arguments: list[str]


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
    Figure("XPOS", "xpos", "accuracy", 100, 2, "", ""),
    Figure("FEATS", "feats", "accuracy", 100, 2, "", ""),
    Figure("lemma", "lemmas", "accuracy", 100, 2, "", ""),
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
    parser.add_argument("--variant-share", type=float, default=0.25, help="share of the data that variants train on")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, which share the processor's cores")
    parser.add_argument("--set", action="append", default=[], help="change the recipe of every run: path=value")
    parser.add_argument("--only-report", action="store_true", help="train nothing, report what is finished")
    arguments = parser.parse_args()
    data, output = arguments.data.resolve(), arguments.output
    recipe = load_recipe(RECIPE)
    paths: list[str] = list(arguments.set)
    for corpus, settings in recipe.corpora.items():
        for split in ("train", "dev", "test"):
            for file in getattr(settings, split):
                # What the recipe says beside itself lies in the folder of the corpora.
                paths.append(f"corpora.{corpus}.{split}={data / Path(*Path(file).parts[-2:])}")
    seeds = [int(seed) for seed in arguments.seeds.split(",") if seed]
    variant_seeds = [int(seed) for seed in arguments.variant_seeds.split(",") if seed]
    joint = [output / "main" / "joint" / f"seed-{seed}" for seed in seeds]
    single = {
        task: [output / "main" / "single" / task / f"seed-{seed}" for seed in seeds] for task in recipe.main_tasks
    }
    share = [f"corpora.{corpus}.split.train={arguments.variant_share}" for corpus in recipe.corpora]
    variants: dict[str, list[Path]] = {}
    main_runs = [Job(f"seed {seed}", compare(output / "main", str(seed), paths)) for seed in seeds]
    variant_runs: list[Job] = []
    for title, changes in VARIANTS.items():
        for seed in variant_seeds:
            folder = output / re.sub("[^a-z]+", "-", title).strip("-") / f"seed-{seed}"
            variants.setdefault(title, []).append(folder)
            if not finished(folder):
                command = train(folder, [*paths, *share, *changes, f"training.seed={seed}"])
                variant_runs.append(Job(f"{title}, seed {seed}", command))
    if not arguments.only_report:
        work([*main_runs, *variant_runs], at_once=arguments.jobs, logs=output / "logs")
        # Every run of it is finished: this writes the comparison of all seeds.
        work([Job("comparison", compare(output / "main", arguments.seeds, paths))], at_once=1, logs=output / "logs")
    facts = {
        "command": "python " + " ".join(sys.argv),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "seeds": f"{arguments.seeds} for joint and each alone, {arguments.variant_seeds or 'none'} for the variants",
        "training, joint": f"{speed([f for f in joint if finished(f)])} words a second a process, "
        f"{arguments.jobs} at once",
    }
    tables = [
        table(joint, single),
        f"Variants, trained on {arguments.variant_share:.0%} of the sentences:\n\n{variants_table(variants)}",
        "EWT test, gold words, by the official scorer over the CoNLL-U that `hiernlp analyze` writes:\n\n"
        + official_table(joint, single, gold=data / "ewt" / "test.conllu"),
    ]
    text = "\n".join(tables) + "\n" + "".join(f"- {name}: {value}\n" for name, value in facts.items())
    write(arguments.report, text)
    print(text)


def compare(folder: Path, seeds: str, changes: Sequence[str]) -> list[str]:
    """Return the command that trains the joint model and each task alone."""
    return ["compare", RECIPE, "--output", str(folder), "--seeds", seeds, *overrides(changes)]


def train(folder: Path, changes: Sequence[str]) -> list[str]:
    """Return the command that trains one model, or goes on with it."""
    resume = ["--resume"] if (folder / "training" / "state").exists() else []
    return ["train", RECIPE, "--output", str(folder), *overrides(changes), *resume]


def overrides(changes: Sequence[str]) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def finished(folder: Path) -> bool:
    return (folder / "config.json").exists() and not (folder / "training" / "state").exists()


def work(jobs: Sequence[Job], *, at_once: int, logs: Path) -> None:
    """Run commands, some at once, each with its share of the cores; stop all where one fails or a signal comes.

    One process on two cores trains about as fast as a process on one: the matrices are small.
    """
    logs.mkdir(parents=True, exist_ok=True)
    threads = str(max(1, (os.cpu_count() or 1) // at_once))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    waiting, running = list(jobs), dict[str, subprocess.Popen[bytes]]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    try:
        while running or waiting:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                print(f"begun: {job.title}", flush=True)
                with (logs / f"{job.title}.log").open("ab") as log:
                    running[job.title] = subprocess.Popen(
                        [sys.executable, "-m", "hiernlp.cli", *job.arguments], env=environment, stdout=log, stderr=log
                    )
            time.sleep(0.5)
            for title, process in list(running.items()):
                code = process.poll()
                if code is not None:
                    del running[title]
                    print(f"ended: {title}", flush=True)
                if code:
                    sys.exit(f"{title}: failed with status {code}; see {logs / f'{title}.log'}")
    finally:
        # Training saves its state when asked to end.
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _leave(number: int, _frame: object) -> None:
    print("stopping; the same command goes on from here", flush=True)
    sys.exit(128 + number)


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


def table(joint: list[Path], single: dict[str, list[Path]]) -> str:
    rows = [
        ["Hashimoto et al. 2017, each alone", *(figure.paper_single for figure in FIGURES)],
        ["Hashimoto et al. 2017, joint", *(figure.paper_joint for figure in FIGURES)],
        ["each alone", *(cell(single[figure.task], figure) for figure in FIGURES)],
        ["**joint**", *(cell(joint, figure) for figure in FIGURES)],
    ]
    return markdown(["test data", *(figure.title for figure in FIGURES)], rows)


def variants_table(variants: dict[str, list[Path]]) -> str:
    rows = [[title, *(cell(folders, figure) for figure in FIGURES)] for title, folders in variants.items()]
    return markdown(["test data", *(figure.title for figure in FIGURES)], rows)


def official_table(joint: list[Path], single: dict[str, list[Path]], *, gold: Path) -> str:
    rows = [[title, *(found.get(column, "") for column in OFFICIAL)] for title, found in PUBLISHED.items()]
    alone = [
        spread([official(f, gold)[column] for f in single[task] if finished(f)]) for column, task in OFFICIAL.items()
    ]
    rows.append(["hiernlp, each task alone", *alone])
    found = [official(folder, gold) for folder in joint if finished(folder)]
    rows.append(["**hiernlp, one joint model**", *(spread([each[column] for each in found]) for column in OFFICIAL)])
    return markdown(["EWT test", *OFFICIAL], rows)


def official(folder: Path, gold: Path) -> dict[str, float]:
    """Return what the official scorer says of a model's analysis, which is made once."""
    predicted, file = folder / "training" / "test.predicted.conllu", folder / "training" / "test.official.json"
    if not file.exists():
        trained = json.loads((folder / "scores.json").read_text(encoding="utf-8"))["tasks"]
        tasks = ",".join(task for task in dict.fromkeys(OFFICIAL.values()) if task in trained)
        options = ["--tasks", tasks, "--format", "conllu", "--output", str(predicted)]
        subprocess.run([sys.executable, "-m", "hiernlp.cli", "analyze", str(folder), str(gold), *options], check=True)
        scores = udeval.evaluate(udeval.load_conllu_file(str(gold)), udeval.load_conllu_file(str(predicted)))
        file.write_text(json.dumps({name: 100 * scores[name].f1 for name in OFFICIAL}), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join("| " + " | ".join(row) + " |\n" for row in (header, ["---"] * len(header), *rows))


def cell(folders: list[Path], figure: Figure) -> str:
    """Return mean and sample standard deviation over the finished runs."""
    values = [figure.scale * test_scores(f)[figure.task]["values"][figure.key] for f in folders if finished(f)]
    return spread(values, digits=figure.digits)


def spread(values: Sequence[float], *, digits: int = 2) -> str:
    if not values:
        return "not run"
    shown = f"{mean(values):.{digits}f}"
    return f"{shown} ± {stdev(values):.{digits}f}" if len(values) > 1 else shown


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
