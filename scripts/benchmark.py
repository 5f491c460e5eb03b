"""Measure speed as ratios within one run: analysis and training against the bare encoder, choices against float32.

python scripts/benchmark.py MODEL --corpus dev.conllu              # analysis
python scripts/benchmark.py MODEL --corpus dev.conllu --choices int8,bfloat16,compile  # and what may be faster
python scripts/benchmark.py MODEL --corpus dev.conllu --pipelines  # and a hub pipeline for each task
python scripts/benchmark.py MODEL --corpus dev.conllu --training   # and training, by the model's own recipe
python scripts/benchmark.py MODEL --corpus dev.conllu --report docs/speed.md  # and the tables between the page's marks

All sides see the same sentences, and each has run once, over a whole part, before anything is measured. Sides
alternate, sentences by sentences (training batch by batch), so that a machine whose speed drifts slows all; the ratios
are medians over those.

- hiernlp's side is a call of the analyzer: subwords, batches, heads, feeds, decoding, documents.
- The bare encoder's is its forward pass to the top over batches that lie ready, at the batch size that proves its best.
- The pipelines' is a call of each over the sentences' text, at the batch size that was best on a part of them.
- In training, the bare encoder goes forward and backward; hiernlp's side is all of a step, the optimizer included.
"""

from __future__ import annotations

import argparse
import json
import operator
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiernlp.cli._quiet import quiet

quiet()

import _speed_report  # noqa: E402
from _pipelines import Pipelines  # noqa: E402

from hiernlp.corpora import load_corpus  # noqa: E402
from hiernlp.encoding.batches import plan_batches  # noqa: E402
from hiernlp.encoding.collate import collate  # noqa: E402
from hiernlp.experiment import Run, today  # noqa: E402
from hiernlp.hierarchy import Place  # noqa: E402
from hiernlp.hub import Bundle, load_bundle  # noqa: E402
from hiernlp.inference.analyzer import Analyzer  # noqa: E402
from hiernlp.inference.document import Document  # noqa: E402
from hiernlp.kinds._base import Kind  # noqa: E402
from hiernlp.recipe import Recipe  # noqa: E402
from hiernlp.settings import validate  # noqa: E402
from hiernlp.training.meters import Sums  # noqa: E402

Sentences = list[list[str]]

CHOICES: dict[str, Callable[[Bundle], Analyzer]] = {
    "bfloat16": lambda bundle: Analyzer(bundle, device="cpu", precision="bfloat16"),
    "int8": lambda bundle: Analyzer(bundle, device="cpu", precision="int8"),
    "compile": lambda bundle: Analyzer(bundle, device="cpu", compile=True),
}
"""The ways to trade exactness, or time to begin, for speed."""
BUDGETS = (256, 512, 1024, 2048, 4096)
"""Subwords a batch that the bare encoder may choose from."""
LOW = 2
"""The layer at which the lowest task is also asked for alone."""
TUNED_ON = 256
"""Sentences on which the pipelines' batch size is chosen."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model folder with tasks on several layers")
    parser.add_argument("--corpus", required=True, help="a CoNLL-U file to analyse")
    parser.add_argument("--training", action="store_true", help="also measure training by the model's recipe")
    parser.add_argument("--steps", type=int, default=60, help="training steps to measure")
    parser.add_argument("--rounds", type=int, default=5, help="parts of the corpus, each measured on all sides")
    parser.add_argument("--choices", default="", help=f"to compare with float32, by commas: {', '.join(CHOICES)}")
    parser.add_argument("--pipelines", action="store_true", help="also measure a hub pipeline for each task")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--report", type=Path, help="a page that has the marks between which the tables go")
    arguments = parser.parse_args()
    choices = [name for name in arguments.choices.split(",") if name]
    if unknown := [name for name in choices if name not in CHOICES]:
        parser.error(f"--choices: expected some of {', '.join(CHOICES)}, found {unknown[0]!r}")
    if arguments.report is not None and not _speed_report.has_marks(arguments.report):
        parser.error(f"--report {arguments.report}: expected a page with {_speed_report.BEGIN} and {_speed_report.END}")
    torch.set_num_threads(arguments.threads)
    found: dict[str, Any] = {
        "date": today(),
        "machine": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, {arguments.threads} threads, "
        f"torch {torch.__version__}, transformers {version('transformers')}",
        "analysis": analysis(
            arguments.model,
            arguments.corpus,
            rounds=arguments.rounds,
            choices=choices,
            pipelines=arguments.pipelines,
        ),
    }
    if arguments.training:
        found["training"] = training(load_bundle(arguments.model), arguments.steps)
    print(json.dumps(found, indent=1))
    if arguments.report is not None:
        _speed_report.write(arguments.report, found)


def analysis(folder: str, corpus: str, *, rounds: int, choices: Sequence[str], pipelines: bool) -> dict[str, Any]:
    """Compare the ways to analyse a corpus, each round on other sentences and all of its sides on the same ones."""
    rows = load_corpus(reader="conllu", options={"check_trees": False}, sources={"train": [corpus]}, base=Path())
    words: Sentences = rows["train"]["words"][:]
    bundle = load_bundle(folder)
    exact = Analyzer(bundle, device="cpu")
    model, encoder = exact.model, bundle.encoder
    tasks = tuple(task for task in model.tasks if not model.reads_pairs(task))
    lowest, bare = tasks[0], model.scheme.encoders[0]

    def run_lowest(part: Sentences) -> None:
        place = model.places[lowest]
        model.places[lowest] = Place(min(LOW, bare.depth), min(LOW, bare.depth))
        exact(part, tasks=[lowest])
        model.places[lowest] = place

    def run_bare(part: Sentences, budget: int) -> Callable[[], None]:
        subwords = encoder.encode(part)
        plan = plan_batches([len(s.ids) + 2 for s in subwords], budget=budget)
        batches = [collate([subwords[i] for i in chosen], encoder) for chosen in plan]

        def run() -> None:
            with torch.inference_mode():
                for batch in batches:
                    bare(batch.input_ids, batch.attention_mask, depth=bare.depth, visit=lambda *_: None)

        return run

    chosen = {name: CHOICES[name](bundle) for name in choices}
    sides: dict[str, Callable[[Sentences], Callable[[], object]]] = {
        "all tasks": lambda part: lambda: exact(part),
        "lowest task": lambda part: lambda: run_lowest(part),
        **{f"bare encoder, {budget} subwords": lambda part, b=budget: run_bare(part, b) for budget in BUDGETS},
        **{name: lambda part, a=analyzer: lambda: a(part) for name, analyzer in chosen.items()},
    }
    order = np.random.default_rng(1).permutation(len(words)).tolist()
    parts = [[words[i] for i in order[start::rounds]] for start in range(rounds)]
    single = None
    if pipelines:
        single = Pipelines(bundle)
        single.tune(parts[0][:TUNED_ON])
        sides["pipelines"] = lambda part: lambda: single(part)
    for side in sides.values():
        side(parts[0])()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for part in parts:
        for name, side in sides.items():
            run = side(part)
            before = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - before)

    def ratio(name: str, to: str) -> float:
        """Return how much faster one side is than another: the median over the rounds."""
        pairs = zip(seconds[name], seconds[to], strict=True)
        return round(statistics.median(theirs / ours for ours, theirs in pairs), 3)

    best = min((name for name in sides if name.startswith("bare")), key=lambda name: sum(seconds[name]))
    amount = sum(map(len, words))
    answers = exact(words) if chosen else Document(None, [])
    found: dict[str, Any] = {
        "words": amount,
        "rounds": rounds,
        "tasks": list(tasks),
        "words_per_second": {name: round(amount / sum(values)) for name, values in seconds.items()},
        "all tasks / bare encoder": ratio("all tasks", best),
        "best bare encoder": best,
        "lowest task": f"{lowest} at layer {min(LOW, bare.depth)}",
        "lowest task / all tasks": ratio("lowest task", "all tasks"),
        "choices": {
            name: {
                "ratio": ratio(name, "all tasks"),
                "same answers": agreements(exact, answers, analyzer(words)),
            }
            for name, analyzer in chosen.items()
        },
    }
    if single is not None:
        found["all tasks / pipelines"] = ratio("all tasks", "pipelines")
        found["pipelines"] = f"{len(single.parts)} pipelines, {single.size} sentences a batch"
    return found


def agreements(analyzer: Analyzer, ours: Document, theirs: Document) -> dict[str, float]:
    """Return by task how many answers of two documents are the same, of a hundred.

    Of words and sentences it is the share; of spans F1, those of one document being taken for gold.
    """
    found: dict[str, float] = {}
    for task in analyzer.tasks:
        if analyzer.model.reads_pairs(task):
            continue
        head: Kind[Any, Any] = analyzer.model.heads[task]  # pyright: ignore[reportAssignmentType]
        columns = head.columns(head.options)
        same = total = 0
        for mine, other in zip(ours.sentences, theirs.sentences, strict=True):
            answers = [[sentence.annotations[column] for column in columns] for sentence in (mine, other)]
            if head.level == "sentence":
                same, total = same + 2 * (answers[0] == answers[1]), total + 2
            elif head.level == "token":
                a, b = (list(zip(*values, strict=True)) for values in answers)
                same, total = same + 2 * sum(map(operator.eq, a, b)), total + 2 * len(a)
            else:
                a, b = ({tuple(span.values()) for span in values[0]} for values in answers)
                same, total = same + 2 * len(a & b), total + len(a) + len(b)
        found[task] = round(100 * same / max(total, 1), 2)
    return found


def training(bundle: Bundle, steps: int) -> dict[str, object]:
    """Compare training steps with the bare encoder's forward and backward pass on the same batches."""
    recipe = validate(Recipe, bundle.recipe)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Run(recipe, Path(folder) / "model").trainer
        pieces = trainer.planner.plan(0)[: steps + 5]
        encoder = trainer.model.scheme.encoders[0]
        trainer.model.train()
        bare_seconds, full_seconds, words = [], [], 0
        for number, piece in enumerate(pieces):
            before = time.perf_counter()
            (batches,) = trainer._batches([piece])
            trainer.step(batches, Sums())
            full = time.perf_counter() - before

            def keep(layer: int, states: torch.Tensor, top: list[torch.Tensor]) -> None:
                if layer == encoder.depth:
                    top.append(states)

            before = time.perf_counter()
            for batch in batches:
                top: list[torch.Tensor] = []
                encoder(
                    batch.words.input_ids,
                    batch.words.attention_mask,
                    depth=encoder.depth,
                    visit=lambda layer, states, top=top: keep(layer, states, top),
                )
                top[0].sum().backward()
            bare = time.perf_counter() - before
            for parameter in trainer.model.parameters():
                parameter.grad = None
            if number >= 5:  # noqa: PLR2004 - the first five warm up
                bare_seconds.append(bare)
                full_seconds.append(full)
                words += sum(sum(batch.words.lengths) for batch in batches)
    return {
        "steps": len(full_seconds),
        "words_per_second": {
            "bare encoder": round(words / sum(bare_seconds)),
            "training": round(words / sum(full_seconds)),
        },
        "training / bare encoder": round(sum(bare_seconds) / sum(full_seconds), 3),
        "median of the batches' ratios": round(
            statistics.median(b / f for b, f in zip(bare_seconds, full_seconds, strict=True)), 3
        ),
    }


if __name__ == "__main__":
    main()
