"""Measure speed as ratios within one run: training and analysis against the bare encoder on the same batches.

python scripts/benchmark.py MODEL --corpus dev.conllu            # analysis
python scripts/benchmark.py MODEL --corpus dev.conllu --training # and training, by the model's own recipe

Each comparison alternates between its two sides batch by batch, so that a machine whose speed drifts slows both. The
bare encoder has no heads: for analysis its forward pass to the top, for training forward and backward without an
optimizer. hiernlp's side is everything: building batches, heads, feeds, losses or decoding, clipping, the optimizer.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from hiernlp.cli._quiet import quiet

quiet()

from hiernlp.corpora import load_corpus  # noqa: E402
from hiernlp.encoding.batches import plan_batches  # noqa: E402
from hiernlp.encoding.collate import WordBatch, collate  # noqa: E402
from hiernlp.experiment import Run  # noqa: E402
from hiernlp.hub import Bundle, load_bundle  # noqa: E402
from hiernlp.inference.analyzer import DTYPES  # noqa: E402
from hiernlp.kinds._base import Kind  # noqa: E402
from hiernlp.model import Place  # noqa: E402
from hiernlp.recipe import Recipe  # noqa: E402
from hiernlp.settings import validate  # noqa: E402
from hiernlp.training.loop import _Sums  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model folder with tasks on several layers")
    parser.add_argument("--corpus", required=True, help="a CoNLL-U file to analyse")
    parser.add_argument("--training", action="store_true", help="also measure training by the model's recipe")
    parser.add_argument("--steps", type=int, default=60, help="training steps to measure")
    parser.add_argument("--budget", type=int, default=1024, help="subwords a batch in analysis")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = {
        "machine": f"{platform.machine()}, {arguments.threads} threads, torch {torch.__version__}",
        "analysis": analysis(load_bundle(arguments.model), arguments.corpus, arguments.budget, arguments.dtype),
    }
    if arguments.training:
        found["training"] = training(load_bundle(arguments.model), arguments.steps)
    print(json.dumps(found, indent=1))


def analysis(bundle: Bundle, corpus: str, budget: int, dtype: str) -> dict[str, object]:
    """Compare analysis with the bare encoder, and the lowest task on layer 2 alone with all tasks."""
    rows = load_corpus(reader="conllu", options={"check_trees": False}, sources={"train": [corpus]}, base=Path())
    words = rows["train"]["words"][:]
    model, encoder = bundle.model.eval().to(DTYPES[dtype]), bundle.encoder
    bare = model.scheme.encoders[0]
    sizes = [len(s.ids) + 2 for s in encoder.encode(words)]
    plan = plan_batches(sizes, budget=budget)
    lowest = model.tasks[0]

    def batch_of(chosen: list[int]) -> WordBatch:
        return collate(encoder.encode([words[i] for i in chosen]), encoder, mean=bundle.encoding.subword == "mean")

    def run_bare(chosen: list[int]) -> None:
        batch = batches[id(chosen)]
        bare(batch.input_ids, batch.attention_mask, depth=bare.depth, visit=lambda *_: None)

    def annotate(chosen: list[int], tasks: tuple[str, ...]) -> None:
        batch = batch_of(chosen)
        for task, output in model(batch, tasks=tasks).items():
            head: Kind = model.heads[task]
            head.decode(output, [words[i] for i in chosen])

    def run_lowest(chosen: list[int]) -> None:
        place = model.places[lowest]
        model.places[lowest] = Place(2, 2)
        annotate(chosen, (lowest,))
        model.places[lowest] = place

    batches = {id(chosen): batch_of(chosen) for chosen in plan}
    sides: dict[str, Callable[[list[int]], None]] = {
        "bare encoder": run_bare,
        "all tasks": lambda chosen: annotate(chosen, model.tasks),
        f"{lowest} alone at layer 2": run_lowest,
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    with torch.inference_mode():
        for number, chosen in enumerate([*plan[:8], *plan]):  # the first eight warm up
            for name, side in sides.items():
                before = time.perf_counter()
                side(chosen)
                if number >= 8:  # noqa: PLR2004
                    seconds[name].append(time.perf_counter() - before)
    amount = sum(len(w) for w in words)
    spent = {name: sum(values) for name, values in seconds.items()}
    return {
        "words": amount,
        "dtype": dtype,
        "words_per_second": {name: round(amount / value) for name, value in spent.items()},
        "all tasks / bare encoder": round(spent["bare encoder"] / spent["all tasks"], 3),
        f"{lowest} alone at layer 2 / all tasks": round(spent["all tasks"] / spent[f"{lowest} alone at layer 2"], 3),
    }


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
            trainer.step(batches, _Sums())
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
