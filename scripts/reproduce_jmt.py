"""Repeat the table of the joint many-task hierarchy: each task alone, all together, and without each of its devices.

python scripts/reproduce_jmt.py --data path/to/corpora

The folder holds ewt/{train,dev,test}.conllu, conll2000/{train,test}.txt, sick/{train,trial,test}.tsv and
gum/train.conllu. Every run is a model folder under --output and, once it is trained and scored, a record under
--records: a small file of its scores. An interrupted run goes on when the command is given again, and one that has a
record is not trained again; to repeat all, give an empty folder of records. Some of the joint model's tasks on words
are taught by the models of each task alone, which are trained anew where they are recorded but not there; so taught,
the joint model also reads sentences of GUM, as raw text. Checkpoints are chosen on development data, test data are
scored once a model. At the end, and whenever the command is told to stop, the section between the marks in --report is
written anew from the records.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from _jmt_records import Command, Run
from _jmt_report import differences, facts, main_table, official_table, variants_table

from hiernlp.recipe import Recipe, load_recipe, only_tasks, single_task, with_training

RECIPE = "jmt"
BEGIN, END = "<!-- joint many-task: begin -->", "<!-- joint many-task: end -->"
TASKS = ("upos", "xpos", "feats", "lemmas", "chunks", "dependencies", "relatedness", "entailment")
CORPORA = {
    **dict.fromkeys(("upos", "xpos", "feats", "lemmas", "dependencies"), ("ewt",)),
    "chunks": ("conll2000",),
    **dict.fromkeys(("relatedness", "entailment"), ("sick",)),
}
"""The corpus that annotates each task: what is trained alone reads no other."""
TAUGHT = {"upos": (1,), "xpos": (1,), "dependencies": (1,)}
"""The tasks that their own models teach, each on all single sentences: what loses most by joining.

By task, the seeds of those models, whatever the joint model's; where they are several the mean of what they say.
"""
RAW = "corpora.gum={{reader: conllu, train: {file}, split: {{train: 0.7}}}}"
"""Sentences of another treebank, as raw text: their annotation is not read, the teachers alone speak of them."""
BESIDE_TEACHERS = [
    *(f"tasks.{task}.corpora=[ewt]" for task in TASKS if CORPORA[task] == ("ewt",)),
    "tasks.chunks.weight=2",  # what teachers of other tasks say of its corpus takes from it
    # Longer, as there is more to read and to learn, but SICK's pairs, which cost most, five times in place of six.
    "training.epochs=5",
    "corpora.sick.repeat=1",
]
PAIRS = "{from: similarity, to: relatedness}, {from: similarity, to: entailment}, {from: relatedness, to: entailment}"
BELIEFS = "{from: upos, to: encoder}, {from: xpos, to: encoder}, {from: wsj_tags, to: encoder}"
PAPER = f"{BELIEFS}, {{from: chunks, to: encoder}}, {{from: dependencies, to: encoder}}, {PAIRS}"
TOP = [f"tasks.{task}.place=top" for task in TASKS]
BARE = [f"tasks.{task}.shortcut=false" for task in TASKS]
LINEAR = [f"tasks.{task}.options.hidden=0" for task in ("upos", "xpos", "feats", "lemmas", "chunks")]
LOW = [f"tasks.{task}.place=3" for task in ("upos", "xpos", "feats", "lemmas", "wsj_tags")]
TURNS = ["sampling.order=sequential"]
ALONE = ["agreements=[]", "tasks.lemmas.options.lexicon=null"]
"""What variants, which have no teachers either, are without: columns are answered one by one, each for itself."""
VARIANTS = {
    "the joint recipe itself, without teachers": [],
    "all tasks on the top layer": [*TOP, f"feeds=[{PAIRS}]"],
    "the paper's order: tags at layer 3, chunks at 4, trees at 5": [*LOW, "tasks.chunks.place=4", f"feeds=[{PAPER}]"],
    "without label feedback": ["feeds=[]"],
    "without shortcut": BARE,
    "linear heads": LINEAR,
    "tasks in turns, bottom-up, successive regularisation": [*TURNS, "training.successive={}"],
    "tasks in turns, bottom-up": TURNS,
    "one task a batch, random order": ["sampling.order=random"],
    "without adversarial training, half as long": ["training.adversarial_norm=null"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--output", type=Path, default=Path("runs/jmt"), help="folder for the models")
    parser.add_argument("--records", type=Path, default=Path("docs/jmt"), help="folder for the runs' scores")
    parser.add_argument("--report", type=Path, default=Path("docs/results.md"), help="the page to write into")
    parser.add_argument("--seeds", default="1,2,3", help="seeds of joint models and single tasks")
    parser.add_argument("--variant-seeds", default="1", help="seeds of the variants")
    parser.add_argument("--variant-share", type=float, default=0.25, help="share of the data that variants train on")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once, which share the processor's cores")
    parser.add_argument("--set", action="append", default=[], help="change the recipe of every run: path=value")
    parser.add_argument("--only", action="append", default=[], help="train only runs whose name begins so (repeatable)")
    parser.add_argument("--only-report", action="store_true", help="train nothing, report what is recorded")
    arguments = parser.parse_args()
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    joint, untaught, single, variants = plan(arguments)
    groups = {
        "joint": joint,
        "each task alone": [run for found in single.values() for run in found],
        "without teachers, and variants": [*untaught, *(run for found in variants.values() for run in found)],
    }
    runs = [run for group in groups.values() for run in group]
    wanted = tuple(arguments.only)
    chosen = [run for run in runs if not wanted or run.name.startswith(wanted)]
    try:
        if not arguments.only_report:
            work(to_do(chosen), at_once=arguments.jobs, logs=arguments.output / "logs")
    finally:
        picture = arguments.report.parent / "jmt.png"
        share = f"{arguments.variant_share:.0%}"
        shares = f"Variants, without teachers, agreements and lexicon, trained on {share} of the sentences:"
        text = "\n".join(
            [
                main_table(joint, untaught, single),
                differences(joint, single, split="test", picture=picture),
                f"{shares}\n\n{variants_table(variants)}",
                "EWT test, gold words, by the official scorer over the CoNLL-U that `hiernlp analyze` writes:\n",
                official_table(joint, single),
                facts(groups, command=repeating(sys.argv), joint=joint),
            ]
        )
        write(arguments.report, text)
        print(text)


def plan(
    arguments: argparse.Namespace,
) -> tuple[list[Run], list[Run], dict[str, list[Run]], dict[str, list[Run]]]:
    """Return the joint runs, those without teachers, agreements and lexicon, each task's alone, and each variant's."""
    data: Path = arguments.data.resolve()
    corpora = in_folder(data, load_recipe(RECIPE))
    changes = [*corpora, *arguments.set]
    recipe = load_recipe(RECIPE, overrides=[*changes, *ALONE])
    share = [f"corpora.{corpus}.split.train={arguments.variant_share}" for corpus in recipe.corpora]

    def run(name: str, recipe: Recipe, seed: int) -> Run:
        folder = arguments.output / name.replace(".", "/") / f"seed-{seed}"
        record = arguments.records / f"{name}.seed-{seed}.json"
        return Run(
            name=f"{name}.seed-{seed}",
            recipe=with_training(recipe, seed=seed),
            folder=folder,
            record=record,
            gold=data / "ewt" / "test.conllu",
        )

    seeds, variant_seeds = (
        [int(seed) for seed in given.split(",") if seed] for given in (arguments.seeds, arguments.variant_seeds)
    )

    def alone(task: str, seeds: Sequence[int]) -> list[Run]:
        own = single_task(only_tasks(recipe, [task], corpora=CORPORA), task)
        return [run(f"single.{task}", own, seed) for seed in seeds]

    single = {task: alone(task, seeds) for task in recipe.main_tasks}
    teachers = {task: alone(task, theirs) for task, theirs in TAUGHT.items()}
    raw = RAW.format(file=json.dumps(str(data / "gum" / "train.conllu")))
    beside = load_recipe(RECIPE, overrides=[*corpora, raw, *BESIDE_TEACHERS, *arguments.set])
    joint = [taught(run("joint", beside, seed), teachers) for seed in seeds]
    untaught = [run("untaught", recipe, seed) for seed in variant_seeds]
    variants = {}
    for title, changed in VARIANTS.items():
        varied = load_recipe(RECIPE, overrides=[*changes, *share, *ALONE, *changed])
        name = f"variant.{re.sub('[^a-z]+', '-', title).strip('-')}"
        variants[title] = [run(name, varied, seed) for seed in variant_seeds]
    return joint, untaught, single, variants


def repeating(command: Sequence[str]) -> str:
    """Return the command that trains all that is reported, wherever the corpora lie."""
    shown = ["python"]
    for word in command:
        if word.startswith("--data="):
            shown.append("--data=path/to/corpora")
        elif word != "--only-report":
            shown.append("path/to/corpora" if shown[-1] == "--data" else word)
    return shlex.join(shown)


def in_folder(data: Path, recipe: Recipe) -> list[str]:
    """Return the changes by which a recipe finds its corpora, which lie beside it, in another folder."""
    return [
        f"corpora.{corpus}.{split}={data / Path(*Path(file).parts[-2:])}"
        for corpus, settings in recipe.corpora.items()
        for split in ("train", "dev", "test")
        for file in getattr(settings, split)
    ]


def taught(run: Run, teachers: Mapping[str, Sequence[Run]]) -> Run:
    """Return a run whose tasks learn from other runs' models, too."""
    folders = {task: [str(teacher.folder.resolve()) for teacher in theirs] for task, theirs in teachers.items()}
    recipe = with_training(run.recipe, teachers=folders, teaching_corpora="all")
    return replace(run, recipe=recipe, teachers=teachers)


def to_do(chosen: Sequence[Run]) -> list[Run]:
    """Return the runs that are still to be done, and before each those that teach it and whose models are not there.

    Seed by seed, so that what is done at any time is a table of fewer seeds.
    """
    runs: dict[str, Run] = {}
    for run in sorted(chosen, key=lambda run: run.recipe.training.seed):
        if run.is_recorded():
            continue
        needed = [teacher for teacher in run.all_teachers if not teacher.is_trained()]
        runs |= {each.name: each for each in (*needed, run) if each.name not in runs}
    return list(runs.values())


def work(runs: Sequence[Run], *, at_once: int, logs: Path) -> None:
    """Train, score and record runs, some at once, each with its share of the cores.

    All stop where one fails or a signal comes. One process on two cores trains about as fast as a process on one: the
    matrices are small.
    """
    logs.mkdir(parents=True, exist_ok=True)
    # Those that this process may use, which can be fewer than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = str(max(1, cores // at_once))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    waiting, running = list(runs), dict[str, tuple[Run, Command, subprocess.Popen[bytes]]]()
    recorded = {run.name for run in runs if run.is_recorded()}  # trained once more, to teach
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)

    def go_on(run: Run) -> None:
        command = None if run.name in recorded and run.is_trained() else run.next_command()
        if command is None:
            if run.name in recorded:
                return
            run.write_record()
            print(f"recorded: {run.name}", flush=True)
            return
        with (logs / f"{run.name}.log").open("ab") as log, command.taking(log) as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "hiernlp.cli", *command.arguments], env=environment, stdout=out, stderr=log
            )
        running[run.name] = run, command, process

    try:
        while running or waiting:
            while len(running) < at_once and (run := first_ready(waiting)):
                waiting.remove(run)
                print(f"begun: {run.name}", flush=True)
                go_on(run)
            time.sleep(0.5)
            for name, (run, command, process) in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                if code:
                    sys.exit(f"{name}: failed with status {code}; see {logs / f'{name}.log'}")
                del running[name]
                command.keep_output()
                go_on(run)
    finally:
        # Training saves its state when asked to end.
        for _, _, process in running.values():
            process.terminate()
        for _, _, process in running.values():
            process.wait()


def first_ready(runs: Sequence[Run]) -> Run | None:
    """Return the first run whose teachers are all trained, if there is one."""
    return next((run for run in runs if all(teacher.is_trained() for teacher in run.all_teachers)), None)


def _leave(number: int, _frame: object) -> None:
    print("stopping; the same command goes on from here", flush=True)
    sys.exit(128 + number)


def write(page: Path, text: str) -> None:
    """Write the section between the marks of a page; add marks at its end where it has none."""
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    if BEGIN not in before:
        before = before.rstrip("\n") + f"\n\n## The joint many-task hierarchy\n\n{BEGIN}\n{END}\n"
    head, rest = before.split(BEGIN, 1)
    page.write_text(f"{head}{BEGIN}\n{text}{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
