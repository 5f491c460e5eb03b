"""The command ``evaluate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.corpora import SPLITS, load_corpus  # noqa: E402
from hiernlp.errors import HierNLPError, RecipeError, did_you_mean  # noqa: E402
from hiernlp.graphs.opening import open_analyzer  # noqa: E402
from hiernlp.inference.base import BaseAnalyzer  # noqa: E402
from hiernlp.inference.tasks import TaskInfo  # noqa: E402
from hiernlp.kinds._base import Kind  # noqa: E402
from hiernlp.recipe import Recipe  # noqa: E402
from hiernlp.registry import kinds, readers  # noqa: E402
from hiernlp.settings import validate  # noqa: E402
from hiernlp.training.data import EncodedSplit, annotates  # noqa: E402
from hiernlp.training.evaluation import evaluate  # noqa: E402
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
    """Score a model folder, or graphs made of one, and print a table or JSON."""
    if corpus is None and reader is not None:
        raise HierNLPError("--reader: tells how to read --corpus, which is not given")
    if corpus is not None and split is not None:
        raise HierNLPError("--split: chooses from the recipe's corpora; leave it out with --corpus")
    if split is not None and split not in SPLITS:
        raise HierNLPError(
            f"--split: expected one of {', '.join(SPLITS)}, found {split!r}{did_you_mean(split, SPLITS)}"
        )
    analyzer = open_analyzer(model, device=device, precision=precision)
    analyzer.depth(tasks)  # which tells of names that there are not, before anything is read
    heads = {task: _unlearnt(analyzer.about(task)) for task in analyzer.tasks}
    recipe = validate(Recipe, analyzer.recipe) if analyzer.recipe else None
    if corpus is not None:
        splits = {corpus: _given(analyzer, recipe, corpus, reader)}
    else:
        splits = _of_recipe(analyzer, recipe, split or "dev")
    annotated = {task for found in splits.values() for task in found.tasks}
    for task in tasks or ():
        if task not in annotated:
            lacking = " and ".join(map(repr, analyzer.about(task).columns))
            raise HierNLPError(
                f"--tasks: {task} needs the annotation {lacking}, which {', '.join(splits)} does not have"
            )
    # Batches as in training's own evaluation give the same figures to the last bit.
    settings = recipe.training if recipe else TrainingSettings()
    scores = evaluate(
        analyzer.predictor,
        splits,
        heads=heads,
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


def _unlearnt(info: TaskInfo) -> Kind[Any, Any]:
    """Return a task's kind to score by, without what it has learnt: graphs hold that, or a model elsewhere."""
    kind = kinds.load(info.kind)
    return kind(options=validate(kind.Options, info.options), labels=dict(info.labels), hidden_size=1)


def _of_recipe(analyzer: BaseAnalyzer, recipe: Recipe | None, split: str) -> dict[str, EncodedSplit]:
    """Return a split of the recipe's corpora, with the tasks that they train."""
    if recipe is None:
        raise HierNLPError("the folder has no recipe.yaml that names corpora; give --corpus")
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
                if task in analyzer.tasks and (s.corpora is None or name in s.corpora)
            ]
            trained = [task for task in meant if _has(splits["train"], analyzer, task)]
            found[name] = _encoded(splits[split], analyzer, trained)
    if not found:
        raise HierNLPError(f"--split: no corpus of the model's recipe has {split!r}; give --corpus")
    return found


def _given(analyzer: BaseAnalyzer, recipe: Recipe | None, corpus: str, reader: str | None) -> EncodedSplit:
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
        found = _encoded(rows, analyzer, analyzer.tasks)
        if found.tasks:
            return found
    raise problem or HierNLPError(
        f"--corpus {corpus}: has no annotation that the model's tasks read, which are {', '.join(analyzer.tasks)}"
    )


def _has(rows: datasets.Dataset, analyzer: BaseAnalyzer, task: str) -> bool:
    return annotates(rows, analyzer.about(task).columns, pairs=analyzer.reads_pairs(task))


def _encoded(rows: datasets.Dataset, analyzer: BaseAnalyzer, tasks: Sequence[str]) -> EncodedSplit:
    present = [task for task in analyzer.tasks if task in tasks and _has(rows, analyzer, task)]
    return EncodedSplit(rows, encoder=analyzer.encoder, tasks=present)
