"""The command ``evaluate``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from rich.console import Console  # noqa: E402

from hiernlp.corpora import SPLITS, load_corpus  # noqa: E402
from hiernlp.errors import HierNLPError, did_you_mean  # noqa: E402
from hiernlp.hub import Bundle, load_bundle  # noqa: E402
from hiernlp.registry import readers  # noqa: E402
from hiernlp.training.data import EncodedSplit, annotates  # noqa: E402
from hiernlp.training.evaluation import columns_of, evaluate  # noqa: E402
from hiernlp.training.tables import confusions_table, labels_table, scores_table  # noqa: E402

SUFFIXES = {".conllu": "conllu", ".csv": "tables", ".tsv": "tables", ".jsonl": "tables", ".parquet": "tables"}


def evaluate_command(
    model: str,
    *,
    corpus: str | None,
    reader: str | None,
    split: str,
    tasks: list[str] | None,
    labels: bool,
    as_json: bool,
) -> None:
    """Score a model folder and print a table or JSON."""
    bundle = load_bundle(model)
    wanted = bundle.model.needed(tasks) and tasks if tasks else None
    splits = _given(bundle, corpus, reader) if corpus else _of_recipe(bundle, split)
    if not any(found.tasks for found in splits.values()):
        raise HierNLPError(
            f"{corpus or split}: no sentence there has an annotation that the model's tasks read, "
            f"which are {', '.join(bundle.tasks)}"
        )
    scores = evaluate(bundle.model, splits, encoder=bundle.encoder, encoding=bundle.encoding, budget=1024, tasks=wanted)
    report = {task: asdict(found) for task, found in scores.items()}
    if as_json:
        sys.stdout.write(
            json.dumps({"corpus": corpus or list(splits), "split": split, "tasks": report}, indent=1) + "\n"
        )
        return
    console = Console()
    console.print(scores_table(report))
    for task, found in report.items() if labels else ():
        console.print(labels_table(found["per_label"], title=task))
        console.print(confusions_table(found["confusions"], title=f"{task}: confusions"))
    for note in dict.fromkeys(note for found in scores.values() for note in found.notes):
        console.print(note, style="dim")


def _of_recipe(bundle: Bundle, split: str) -> dict[str, EncodedSplit]:
    if split not in SPLITS:
        raise HierNLPError(
            f"--split: expected one of {', '.join(SPLITS)}, found {split!r}{did_you_mean(split, SPLITS)}"
        )
    if not bundle.recipe:
        raise HierNLPError("the model folder has no recipe.yaml that names corpora; give --corpus")
    from hiernlp.recipe import Recipe  # noqa: PLC0415 - only where the recipe is read
    from hiernlp.settings import validate  # noqa: PLC0415

    recipe = validate(Recipe, bundle.recipe)
    found: dict[str, EncodedSplit] = {}
    for name, settings in recipe.corpora.items():
        sources = {s: getattr(settings, s) for s in ("train", split) if getattr(settings, s)}
        cut = getattr(settings.split, split, 0) > 0 or split == "train"
        if split not in sources and not cut:
            continue
        if split in sources and not cut:
            sources = {"train": sources[split]}
            rows = load_corpus(reader=settings.reader, options=settings.options, sources=sources, base=Path())["train"]
        else:
            rows = load_corpus(
                reader=settings.reader, options=settings.options, sources=sources, base=Path(), split=settings.split
            )[split]
        found[name] = _encoded(
            bundle, rows, [t for t, s in recipe.tasks.items() if s.corpora is None or name in s.corpora]
        )
    if not found:
        raise HierNLPError(f"--split: no corpus of the model's recipe has {split!r}; give --corpus")
    return found


def _given(bundle: Bundle, corpus: str, reader: str | None) -> dict[str, EncodedSplit]:
    name = reader or SUFFIXES.get(Path(corpus).suffix.lower())
    if name is None:
        raise HierNLPError(
            f"--corpus {corpus}: its suffix does not tell how to read it; give --reader {'|'.join(readers.names())}"
        )
    # The options by which the training corpora of that format were read fit the user's files best.
    options = next((c["options"] for c in bundle.recipe.get("corpora", {}).values() if c.get("reader") == name), {})
    rows = load_corpus(reader=name, options=options, sources={"train": [corpus]}, base=Path())["train"]
    return {corpus: _encoded(bundle, rows, list(bundle.tasks))}


def _encoded(bundle: Bundle, rows, tasks: list[str]) -> EncodedSplit:  # noqa: ANN001 - a datasets.Dataset
    present = [
        t
        for t in bundle.model.tasks
        if t in tasks and annotates(rows, columns_of(bundle.model.heads[t]))  # pyright: ignore
    ]
    return EncodedSplit(rows, encoder=bundle.encoder, tasks=present)
