"""Repeat the worked cases of docs/auxiliary.md: what helpers change, over seeds, against the main task alone.

python scripts/reproduce_helpers.py sst2 --data path/to/sst2 --lexicon path/to/opinion_lexicon
python scripts/reproduce_helpers.py gum --data path/to/gum
python scripts/reproduce_helpers.py genre --data path/to/gum

``sst2``: sentiment from 500 labelled sentences, with hints from an opinion lexicon and other helpers that need no
labels. With ``--unlabelled 3000`` those also learn from so many other training sentences, without their labels, and
there is the helper ``guessed``: what models trained on the 500 sentences alone say of the others. ``gum``: entities
with tags beside them, from a ``--share`` of the training sentences. ``genre``: entities learnt from news and interviews
and tested on the other genres, with and without an adversary over the genre. Each run is a model folder under
``--output``; the same command goes on with what is not finished. At the end the case's part of the page is written
anew, between its marks.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import yaml
from _cases import evaluated, hiernlp, made_by, spread, trained, write
from _guesses import guesses, write_guesses

from hiernlp.comparison.statistics import Contrast, Sample
from hiernlp.experiment import main_value, read_scores
from hiernlp.insight.ablation import variants

PAGE = Path(__file__).resolve().parent.parent / "docs" / "auxiliary.md"
LABELLED = 500
HELD_OUT = 1500
"""Training sentences of SST-2 that nothing learns from."""
TEACHERS = ("11", "12", "13")
"""Seeds of the models that guess the labels of sentences without one."""
SOURCES = ("news", "interview")
"""The genres that are trained on; all others are the target."""
SHARED = {"encoder_learning_rate": 2.0e-4, "epochs": 1, "tensorboard": False}
"""One epoch goes through what the main task learns from several times, so that each run is scored once, at its end, and
no checkpoint is chosen by the data that it is compared on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of sst2 (train.tsv, dev.tsv) or of GUM (.conllu)"
    )
    parser.add_argument("--lexicon", type=Path, help="folder with positive-words.txt and negative-words.txt, for sst2")
    parser.add_argument("--unlabelled", type=int, default=0, help="for sst2: how many sentences without labels, too")
    parser.add_argument("--share", type=float, default=1.0, help="for gum and genre: share of the training sentences")
    parser.add_argument("--helpers", help="for sst2: some of its helpers, separated by commas; by default all")
    parser.add_argument("--output", type=Path, default=Path("runs/helpers"), help="folder for the models")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--passes", type=int, default=5, help="how often the main task goes through its sentences")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose section is written")
    arguments = parser.parse_args()
    if arguments.case == "sst2" and arguments.lexicon is None:
        parser.error("sst2 needs --lexicon")
    name = f"{arguments.case}-unlabelled" if arguments.unlabelled else arguments.case
    folder = arguments.output.resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    text = CASES[arguments.case](arguments, folder)
    write(arguments.page, name, f"{text}\n{made_by()}\n")
    print(text)


def sst2(arguments: argparse.Namespace, folder: Path) -> str:
    lines = (arguments.data / "train.tsv").read_text(encoding="utf-8").splitlines()
    random.Random(1).shuffle(lines)
    labelled, rest, held_out = folder / "labelled.tsv", lines[LABELLED:-HELD_OUT], folder / "held-out.tsv"
    labelled.write_text("".join(f"{line}\n" for line in lines[:LABELLED]), encoding="utf-8")
    held_out.write_text("".join(f"{line}\n" for line in lines[-HELD_OUT:]), encoding="utf-8")
    few = {
        "reader": "tables",
        "options": {"format": "tsv", "header": False, "text": 0, "tokenized": True, "columns": {"sentiment": 1}},
        "train": str(labelled),
        "repeat": arguments.passes,
    }
    alone = {
        "corpora": {"labelled": few},
        "tasks": {"sentiment": {"kind": "sentence_labels", "options": {"column": "sentiment"}, "place": "top"}},
        "training": SHARED,
    }
    lexicon = {name: str((arguments.lexicon / f"{name}-words.txt").resolve()) for name in ("positive", "negative")}
    helpers: dict[str, dict[str, Any]] = {
        # Hints by a lexicon: of the sentence, of the sentence without the word itself, and of each word.
        "has_positive": {"hint": {"maker": "lexicon", "options": {"words": lexicon["positive"]}}, "place": 3},
        "has_negative": {"hint": {"maker": "lexicon", "options": {"words": lexicon["negative"]}}, "place": 3},
        "hidden_positive": {
            "hint": {"maker": "lexicon", "options": {"words": lexicon["positive"]}},
            "view": {"hide": lexicon["positive"]},
            "place": "top",
        },
        "positive_words": {"hint": {"maker": "marked", "options": {"words": lexicon["positive"]}}, "place": 3},
        "negative_words": {"hint": {"maker": "marked", "options": {"words": lexicon["negative"]}}, "place": 3},
        # Focusing attention, predicting inputs, representation learning.
        "negation": {"hint": {"maker": "marked"}, "place": 3},
        "frequency": {"hint": {"maker": "frequency"}, "place": 3},
        "language_model": {"hint": {"maker": "word"}, "view": {"mask": 0.15}, "place": "top"},
        "replaced": {"hint": {"maker": "replaced"}, "place": "top"},
        # A related task: what models trained on the labelled sentences alone say of others.
        "guessed": {
            "kind": "sentence_labels",
            "options": {"column": "guessed", "votes": "shares"},
            "place": "top",
            "weight": 1.0,
            "auxiliary": True,
        },
    }
    chosen = [name for name in helpers if name != "guessed" or arguments.unlabelled]
    chosen = chosen if arguments.helpers is None else arguments.helpers.split(",")
    unlabelled = folder / "unlabelled.jsonl"
    corpora: dict[str, Any] = {"labelled": {**few, "dev": str((arguments.data / "dev.tsv").resolve())}}
    if arguments.unlabelled:
        texts = [line.split("\t")[0] for line in rest[: arguments.unlabelled]]
        write_guesses(unlabelled, texts, recipe=alone, task="sentiment", seeds=TEACHERS, folder=folder / "teachers")
        corpora["unlabelled"] = {
            "reader": "tables",
            "options": {
                "text": "text",
                "tokenized": True,
                "columns": {"guessed": "guessed", "shares": "shares"},
                "types": {"shares": "distribution"},
            },
            "train": str(unlabelled),
        }
    recipe = alone | {
        "corpora": corpora,
        "tasks": {**alone["tasks"], **{name: {"weight": 0.1, **helpers[name]} for name in chosen}},
    }
    title = f"Sentiment from {LABELLED} labelled sentences of SST-2"
    if arguments.unlabelled:
        title += f", and {arguments.unlabelled:,} without labels"
    text = ablated(arguments, folder, recipe, task="sentiment", title=title, held_out=held_out)
    if "guessed" in chosen:
        labels = [line.split("\t")[1] for line in rest]
        right = mean(guess == label for guess, label in zip(guesses(unlabelled), labels, strict=False))
        text = f"{text.rstrip()} Of the guesses {right:.1%} are right, by labels that nothing learns from.\n"
    return text


def gum(arguments: argparse.Namespace, folder: Path) -> str:
    recipe = {
        "corpora": {
            "gum": {
                "reader": "conllu",
                **{split: str((arguments.data / f"{split}.conllu").resolve()) for split in ("train", "dev")},
                "split": {"train": arguments.share},
                "repeat": arguments.passes,
            }
        },
        "encoding": {"subword": "mean"},
        "tasks": {
            "entities": {"kind": "nested_spans", "options": {"column": "entities"}, "place": "top"},
            "upos": {"kind": "token_labels", "options": {"column": "upos"}, "place": 3, "auxiliary": True},
        },
        "training": SHARED,
    }
    of = "" if arguments.share == 1 else f" from {arguments.share:.0%} of the sentences"
    return ablated(arguments, folder, recipe, task="entities", title=f"Entities of GUM{of}, with tags as the helper")


def ablated(
    arguments: argparse.Namespace,
    folder: Path,
    recipe: dict[str, Any],
    *,
    task: str,
    title: str,
    held_out: Path | None = None,
) -> str:
    """Train the main task alone, with each helper and with all by ``hiernlp ablate``, and return a table.

    What ``held_out`` names is scored when all are trained.
    """
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    output = folder / "ablation"
    hiernlp("ablate", str(file), "--task", task, "--output", str(output), "--seeds", arguments.seeds)
    found = variants(list(recipe["tasks"]), main=task)
    if len(recipe["tasks"]) == 2:  # noqa: PLR2004 - with one helper, all tasks are the main one with it
        found = found[:-1]
    splits = {"development": None} if held_out is None else {"development": None, "held out": held_out}
    rows = [["trained", *(cell for split in splits for cell in (split, "difference"))]]
    rows.append(["---", *["---:"] * (2 * len(splits))])
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    figure = read_scores(found[0].folder(output, seed=seeds[0]))[task]["main"]
    reference: dict[str, Sample] = {}
    for variant in found:
        row = [variant.name]
        models = [variant.folder(output, seed=seed) for seed in seeds]
        for split, corpus in splits.items():
            sample = Sample(tuple(100 * scored(model, corpus, task=task) for model in models))
            contrast = Contrast(figure, reference.setdefault(split, sample), sample)
            row += [spread(sample.values), "" if variant.reference is None else difference(contrast)]
        rows.append(row)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return (
        f"### {title}\n\n{table}\n\n{figure.replace('_', ' ').capitalize()} of {task}, mean and sample standard "
        f"deviation over the seeds {arguments.seeds}; {arguments.passes} passes through its sentences. A difference is "
        "to the main task alone, with half the width of its 95% confidence interval (Welch); in bold where the "
        "interval leaves out 0.\n"
    )


def scored(model: Path, corpus: Path | None, *, task: str) -> float:
    """Return a task's main figure on a corpus, or on development data at the end of training."""
    return main_value(read_scores(model)[task]) if corpus is None else evaluated(model, corpus, task=task)


def difference(contrast: Contrast) -> str:
    if contrast.margin is None:
        return f"{contrast.difference:+.2f}"
    shown = f"{contrast.difference:+.2f} ± {contrast.margin:.2f}"
    return f"**{shown}**" if contrast.beyond else shown


def genre(arguments: argparse.Namespace, folder: Path) -> str:
    """Train on some genres with and without an adversary, and score on those and on all others."""
    for split in ("train", "dev"):
        documents = list(documents_of(arguments.data / f"{split}.conllu"))
        for name, wanted in (("source", True), ("target", False)):
            kept = [text for text in documents if any(f"meta::genre = {g}\n" in text for g in SOURCES) == wanted]
            (folder / f"{name}.{split}.conllu").write_text("".join(kept), encoding="utf-8")
    recipe: dict[str, Any] = {
        "corpora": {
            "source": {
                "reader": "conllu",
                "train": str(folder / "source.train.conllu"),
                "dev": str(folder / "source.dev.conllu"),
                "split": {"train": arguments.share},
                "repeat": arguments.passes,
            }
        },
        "encoding": {"subword": "mean"},
        "tasks": {"entities": {"kind": "nested_spans", "options": {"column": "entities"}, "place": "top"}},
        "training": SHARED,
    }
    adversary = {
        "kind": "sentence_labels",
        "options": {"column": "genre"},
        "place": "top",
        "weight": 0.3,
        "auxiliary": True,
        "reversal": {"strength": 1.0},
    }
    tasks_of = {
        # The same head and place, with nothing reversed into the states: the entities are learnt as if alone.
        "alone": recipe["tasks"] | {"domain": {**adversary, "reversal": {"strength": 0.0}}},
        "adversary": recipe["tasks"] | {"domain": adversary},
    }
    scores: dict[str, dict[str, list[float]]] = {name: {"source": [], "target": []} for name in tasks_of}
    remains: dict[str, list[dict[str, float]]] = {name: [] for name in tasks_of}
    for seed in arguments.seeds.split(","):
        for name, tasks in tasks_of.items():
            model = folder / name / f"seed-{seed}"
            file = folder / f"{name}.yaml"
            file.write_text(yaml.safe_dump(recipe | {"tasks": tasks}, sort_keys=False), encoding="utf-8")
            trained(file, model, seed)
            for split, found in scores[name].items():
                found.append(100 * evaluated(model, folder / f"{split}.dev.conllu", task="entities"))
            left = model / "training" / "adversaries" / "remains.json"
            if left.is_file():
                remains[name] += json.loads(left.read_text(encoding="utf-8"))["domain"]
    rows = [["trained", "news and interviews", "other genres", "genre by a fresh probe", "before training", "majority"]]
    rows.append(["---", "---:", "---:", "---:", "---:", "---:"])
    for name, found in scores.items():
        probed = [spread([100 * r[key] for r in remains[name]]) for key in ("after", "before", "baseline")]
        rows.append([name, spread(found["source"]), spread(found["target"]), *probed])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    of = "" if arguments.share == 1 else f" through {arguments.share:.0%} of the sentences"
    return (
        "### An adversary over the genre: entities learnt from GUM's news and interviews\n\n"
        f"{table}\n\nF1 of entities on development documents, mean and sample standard deviation over the seeds "
        f"{arguments.seeds}, {arguments.passes} passes{of}; the accuracy of a fresh probe for the genre on the saved "
        "model's top layer, and on the pretrained encoder's. `alone` has the adversary's head, too, with nothing "
        "reversed into the states.\n"
    )


def documents_of(file: Path) -> Iterator[str]:
    """Yield the documents of a CoNLL-U file, each with the lines that stand before its first one."""
    head: list[str] = []
    text: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("# newdoc"):
            if text:
                yield "".join([*head, *text])
            text = [line]
        elif text:
            text.append(line)
        else:
            head.append(line)
    if text:
        yield "".join([*head, *text])


CASES = {"sst2": sst2, "gum": gum, "genre": genre}

if __name__ == "__main__":
    main()
