"""The command ``evaluate``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

import hiernlp  # noqa: E402
from hiernlp.corpora import SPLITS, load_corpus  # noqa: E402
from hiernlp.errors import HierNLPError, RecipeError, did_you_mean  # noqa: E402
from hiernlp.hub import Bundle  # noqa: E402
from hiernlp.recipe import Recipe  # noqa: E402
from hiernlp.registry import readers  # noqa: E402
from hiernlp.settings import validate  # noqa: E402
from hiernlp.training.data import EncodedSplit, annotates  # noqa: E402
from hiernlp.training.evaluation import columns_of, evaluate  # noqa: E402
from hiernlp.training.settings import TrainingSettings  # noqa: E402
from hiernlp.training.tables import confusions_table, labels_table, scores_table  # noqa: E402

if TYPE_CHECKING:
    import datasets

SUFFIXES = {
    ".conllu": "conllu",
    **dict.fromkeys((".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet"), "tables"),
}
"""Readers by the files' suffixes."""


def evaluate_command(
    model: str,
    *,
    corpus: str | None,
    reader: str | None,
    split: str | None,
    tasks: list[str] | None,
    labels: bool,
    as_json: bool,
    precision: str,
    device: str | None,
) -> None:
    """Score a model folder and print a table or JSON."""
    if corpus is None and reader is not None:
        raise HierNLPError("--reader: tells how to read --corpus, which is not given")
    if corpus is not None and split is not None:
        raise HierNLPError("--split: chooses from the recipe's corpora; leave it out with --corpus")
    if split is not None and split not in SPLITS:
        raise HierNLPError(
            f"--split: expected one of {', '.join(SPLITS)}, found {split!r}{did_you_mean(split, SPLITS)}"
        )
    analyzer = hiernlp.load(model, device=device, precision=precision)
    bundle = analyzer.bundle
    bundle.model.needed(tasks or ())
    recipe = validate(Recipe, bundle.recipe) if bundle.recipe else None
    if corpus is not None:
        splits = {corpus: _given(bundle, recipe, corpus, reader)}
    else:
        splits = _of_recipe(bundle, recipe, split or "dev")
    annotated = {task for found in splits.values() for task in found.tasks}
    for task in tasks or ():
        if task not in annotated:
            lacking = " and ".join(map(repr, columns_of(bundle.model.heads[task])))  # pyright: ignore[reportArgumentType]
            raise HierNLPError(
                f"--tasks: {task} needs the annotation {lacking}, which {', '.join(splits)} does not have"
            )
    # Batches as in training's own evaluation give the same figures to the last bit.
    settings = recipe.training if recipe else TrainingSettings()
    scores = evaluate(
        analyzer.model,
        splits,
        encoder=bundle.encoder,
        encoding=bundle.encoding,
        budget=settings.evaluation_subwords,
        tasks=tasks,
    )
    report = {task: asdict(found) for task, found in scores.items()}
    if as_json:
        about = {"corpora": list(splits), "split": None if corpus else split or "dev"}
        sys.stdout.write(json.dumps(about | {"tasks": report}, indent=1) + "\n")
        sys.stdout.flush()
        return
    console = Console()
    console.print(scores_table(report))
    for task, found in report.items() if labels else ():
        if found["per_label"]:
            console.print(labels_table(found["per_label"], title=task))
        if found["confusions"]:
            console.print(confusions_table(found["confusions"], title=f"{task}: confusions"))
    for note in dict.fromkeys(note for found in scores.values() for note in found.notes):
        console.print(note, style="dim", markup=False, highlight=False)


def _of_recipe(bundle: Bundle, recipe: Recipe | None, split: str) -> dict[str, EncodedSplit]:
    """Return a split of the recipe's corpora, with the tasks that they train."""
    if recipe is None:
        raise HierNLPError("the model folder has no recipe.yaml that names corpora; give --corpus")
    found: dict[str, EncodedSplit] = {}
    for name, settings in recipe.corpora.items():
        # The training data tells which tasks the corpus trains, and shares are cut from it.
        splits = load_corpus(
            reader=settings.reader,
            options=settings.options,
            sources={s: getattr(settings, s) for s in dict.fromkeys(("train", split)) if getattr(settings, s)},
            split=settings.split,
            rename=settings.rename,
            base=Path(),
        )
        if split in splits:
            meant = [
                task
                for task, s in recipe.tasks.items()
                if task in bundle.tasks and (s.corpora is None or name in s.corpora)
            ]
            trained = [task for task in meant if _has(splits["train"], bundle, task)]
            found[name] = _encoded(splits[split], bundle, trained)
    if not found:
        raise HierNLPError(f"--split: no corpus of the model's recipe has {split!r}; give --corpus")
    return found


def _given(bundle: Bundle, recipe: Recipe | None, corpus: str, reader: str | None) -> EncodedSplit:
    """Return the user's own corpus."""
    name = reader or SUFFIXES.get(Path(corpus).suffix.lower())
    if name is None:
        raise HierNLPError(
            f"--corpus {corpus}: its suffix does not tell how to read it; give --reader {'|'.join(readers.names())}"
        )
    # The options by which the training corpora of that format were read fit the user's files best.
    same = [settings for settings in recipe.corpora.values() if settings.reader == name] if recipe else []
    known = [(settings.options, settings.rename) for settings in same]
    problem: HierNLPError | None = None
    for options, rename in known or [({}, {})]:
        sources = {"train": [corpus]}
        try:
            rows = load_corpus(reader=name, options=options, sources=sources, rename=rename, base=Path())["train"]
        except RecipeError as error:
            if known or name not in readers.names():
                raise
            raise HierNLPError(
                f"--corpus {corpus}: the model's recipe has no corpus of the reader {name!r}, whose options would tell "
                f"how to read the file ({error})"
            ) from None
        except HierNLPError as error:
            problem = problem or error
            continue
        found = _encoded(rows, bundle, list(bundle.tasks))
        if found.tasks:
            return found
    raise problem or HierNLPError(
        f"--corpus {corpus}: has no annotation that the model's tasks read, which are {', '.join(bundle.tasks)}"
    )


def _has(rows: datasets.Dataset, bundle: Bundle, task: str) -> bool:
    columns = columns_of(bundle.model.heads[task])  # pyright: ignore[reportArgumentType]
    return annotates(rows, columns, pairs=bundle.model.reads_pairs(task))


def _encoded(rows: datasets.Dataset, bundle: Bundle, tasks: list[str]) -> EncodedSplit:
    present = [task for task in bundle.model.tasks if task in tasks and _has(rows, bundle, task)]
    return EncodedSplit(rows, encoder=bundle.encoder, tasks=present)
