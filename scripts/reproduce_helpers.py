"""Repeat the worked cases of docs/auxiliary.md: what helpers change, over seeds, against the main task alone.

python scripts/reproduce_helpers.py sst2 --data path/to/sst2 --lexicon path/to/opinion_lexicon
python scripts/reproduce_helpers.py gum --data path/to/gum
python scripts/reproduce_helpers.py genre --data path/to/gum

``sst2``: sentiment from 500 labelled sentences, with hints from an opinion lexicon and other helpers that need no
labels (with ``--unlabelled`` those also learn from all other training sentences, without their labels). ``gum``:
entities with tags beside them. ``genre``: entities learnt from news and interviews and tested on the other genres, with
and without an adversary over the genre. Each run is a model folder under ``--output``; the same command goes on with
what is not finished. At the end the case's part of the page is written anew, between its marks.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from _cases import evaluated, hiernlp, made_by, spread, trained, write

PAGE = Path(__file__).resolve().parent.parent / "docs" / "auxiliary.md"
LABELLED = 500
SOURCES = ("news", "interview")
"""The genres that are trained on; all others are the target."""
SHARED = {"encoder_learning_rate": 2.0e-4, "epochs": 5, "tensorboard": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of sst2 (train.tsv, dev.tsv) or of GUM (.conllu)"
    )
    parser.add_argument("--lexicon", type=Path, help="folder with positive-words.txt and negative-words.txt, for sst2")
    parser.add_argument("--unlabelled", action="store_true", help="for sst2: helpers learn from all sentences")
    parser.add_argument("--helpers", help="for sst2: some of its helpers, separated by commas; by default all")
    parser.add_argument("--output", type=Path, default=Path("runs/helpers"), help="folder for the models")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--epochs", type=int, default=SHARED["epochs"])
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose section is written")
    arguments = parser.parse_args()
    if arguments.case == "sst2" and arguments.lexicon is None:
        parser.error("sst2 needs --lexicon")
    name = f"{arguments.case}-all" if arguments.unlabelled else arguments.case
    folder = arguments.output.resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    text = CASES[arguments.case](arguments, folder)
    write(arguments.page, name, f"{text}\n{made_by()}\n")
    print(text)


def sst2(arguments: argparse.Namespace, folder: Path) -> str:
    lines = (arguments.data / "train.tsv").read_text(encoding="utf-8").splitlines()
    random.Random(1).shuffle(lines)
    (folder / "labelled.tsv").write_text("".join(f"{line}\n" for line in lines[:LABELLED]), encoding="utf-8")
    texts = [line.split("\t")[0] for line in lines]
    (folder / "unlabelled.tsv").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    how = {"format": "tsv", "header": False, "text": 0, "tokenized": True}
    corpora: dict[str, Any] = {
        "labelled": {
            "reader": "tables",
            "options": {**how, "columns": {"sentiment": 1}},
            "train": str(folder / "labelled.tsv"),
            "dev": str((arguments.data / "dev.tsv").resolve()),
        }
    }
    if arguments.unlabelled:
        corpora["unlabelled"] = {"reader": "tables", "options": how, "train": str(folder / "unlabelled.tsv")}
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
    }
    chosen = list(helpers) if arguments.helpers is None else arguments.helpers.split(",")
    recipe = {
        "corpora": corpora,
        "tasks": {
            "sentiment": {"kind": "sentence_labels", "options": {"column": "sentiment"}, "place": "top"},
            **{name: {**helpers[name], "weight": 0.1} for name in chosen},
        },
        "training": {**SHARED, "epochs": arguments.epochs},
    }
    sentences = f"{LABELLED} labelled sentences of SST-2" + (
        f"; helpers learn from all {len(lines):,} sentences" if arguments.unlabelled else ""
    )
    return ablated(arguments, folder, recipe, task="sentiment", title=f"Sentiment from {sentences}")


def gum(arguments: argparse.Namespace, folder: Path) -> str:
    recipe = {
        "corpora": {
            "gum": {
                "reader": "conllu",
                **{split: str((arguments.data / f"{split}.conllu").resolve()) for split in ("train", "dev")},
            }
        },
        "encoding": {"subword": "mean"},
        "tasks": {
            "entities": {"kind": "nested_spans", "options": {"column": "entities"}, "place": "top"},
            "upos": {"kind": "token_labels", "options": {"column": "upos"}, "place": 3, "auxiliary": True},
        },
        "training": {**SHARED, "epochs": arguments.epochs},
    }
    return ablated(arguments, folder, recipe, task="entities", title="Entities of GUM, with tags as the helper")


def ablated(arguments: argparse.Namespace, folder: Path, recipe: dict[str, Any], *, task: str, title: str) -> str:
    """Train the main task alone, with each helper and with all, and return the table of ``hiernlp ablate``."""
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    output = folder / "ablation"
    hiernlp("ablate", str(file), "--task", task, "--output", str(output), "--seeds", arguments.seeds)
    page = (output / "ablation.md").read_text(encoding="utf-8")
    table_and_notes = page.split("\n\n", 1)[1].rsplit("\n\nMade on", 1)[0]
    return f"### {title}\n\n{table_and_notes}\n"


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
            }
        },
        "encoding": {"subword": "mean"},
        "tasks": {"entities": {"kind": "nested_spans", "options": {"column": "entities"}, "place": "top"}},
        "training": {**SHARED, "epochs": arguments.epochs},
    }
    adversary = {
        "kind": "sentence_labels",
        "options": {"column": "genre"},
        "place": "top",
        "weight": 0.3,
        "auxiliary": True,
        "reversal": {"strength": 1.0},
    }
    variants = {
        "alone": recipe["tasks"],
        # The same head and place, with nothing reversed into the states: what a fresh probe finds without a fight.
        "watched": recipe["tasks"] | {"domain": {**adversary, "reversal": {"strength": 0.0}}},
        "adversary": recipe["tasks"] | {"domain": adversary},
    }
    scores: dict[str, dict[str, list[float]]] = {name: {"source": [], "target": []} for name in variants}
    remains: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for seed in arguments.seeds.split(","):
        for name, tasks in variants.items():
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
    return (
        "### An adversary over the genre: entities learnt from GUM's news and interviews\n\n"
        f"{table}\n\nF1 of entities on development documents, mean and sample standard deviation over the seeds "
        f"{arguments.seeds}; the accuracy of a fresh probe for the genre on the saved model's top layer, and on the "
        "pretrained encoder's. `watched` has the adversary's head and nothing reversed.\n"
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
