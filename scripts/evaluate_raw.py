"""Score a model from raw text by the official scorer: words, sentences, and tags and trees on them.

python scripts/evaluate_raw.py --model MODEL --gold dev.conllu --output runs/raw
python scripts/evaluate_raw.py --data path/to/ewt --output runs/raw            # train the recipe raw first
python scripts/evaluate_raw.py --data path/to/ewt --output runs/raw --split test

The raw text is made of the gold file as that of the shared tasks is: tokens with the blanks that ``SpaceAfter`` says,
a blank line before each ``# newdoc`` and ``# newpar``, lines of 80 characters. It is analysed twice, split by rules and
as the model has learnt, and ``udeval`` of the package ``udtools`` compares each analysis with the gold file. The output
is JSON and a Markdown table, with published figures beside for the test data of UD English EWT.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from udtools import udeval

from hiernlp.cli._quiet import quiet

quiet()

import hiernlp  # noqa: E402
from hiernlp.inference.document import Document  # noqa: E402
from hiernlp.inference.segmenter import Segmentation  # noqa: E402

METRICS = ("Tokens", "Words", "Sentences", "UPOS", "UAS", "LAS")
ON_WORDS_ALONE = METRICS[:3]
PACKAGES = ("hiernlp", "torch", "transformers", "udtools")
LINE = 80
PUBLISHED = {
    "Stanza 1.5.1": {"Words": 98.92, "Sentences": 89.16},
    "Trankit (base)": {"Words": 98.48, "Sentences": 88.35},
}
"""UD English EWT, test, from raw text; of other releases of the treebank than the one here."""
HEAD, DEPREL = 6, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a model folder; by default the recipe raw is trained on --data")
    parser.add_argument("--data", type=Path, help="folder with train.conllu, dev.conllu and test.conllu")
    parser.add_argument("--split", default="dev", choices=["dev", "test"], help="the file of --data to score on")
    parser.add_argument("--gold", type=Path, help="a CoNLL-U file to score on, in place of one of --data")
    parser.add_argument("--output", type=Path, required=True, help="folder of the report, and of a model trained here")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="what to change in the recipe")
    arguments = parser.parse_args()
    if arguments.data is None and (arguments.model is None or arguments.gold is None):
        parser.error("expected --data, or both --model and --gold")
    gold: Path = arguments.gold or arguments.data / f"{arguments.split}.conllu"
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = arguments.model or str(train(arguments))
    raw = raw_text(gold)
    found = {}
    for way in get_args(Segmentation):
        document = hiernlp.load(model, segmentation=way)(raw)
        system = arguments.output / f"{gold.stem}.{way}.conllu"
        system.write_text(scorable(document), encoding="utf-8")
        found[way] = official(gold, system, trees="head" in document.columns)
    report = {
        "command": "python " + " ".join(sys.argv),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {package: version(package) for package in PACKAGES},
        "gold": str(gold),
        "scores": found,
        "published, EWT test": PUBLISHED,
    }
    text = json.dumps(report, indent=1)
    (arguments.output / f"{gold.stem}.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(table(found | (PUBLISHED if arguments.split == "test" and arguments.gold is None else {})))


def train(arguments: argparse.Namespace) -> Path:
    """Train the recipe raw, or go on with it; a finished model stays."""
    model = arguments.output / f"raw-{arguments.seed}"
    under_way = (model / "training" / "state").exists()
    if (model / "config.json").exists() and not under_way:
        return model
    options = [f"training.seed={arguments.seed}", *arguments.overrides]
    for corpus in ("treebank", "running"):
        for split in ("train", "dev"):
            options.append(f"corpora.{corpus}.{split}={arguments.data.resolve() / f'{split}.conllu'}")
    command = [sys.executable, "-m", "hiernlp.cli", "train", "raw", "--output", str(model)]
    command += [part for option in options for part in ("--set", option)]
    done = subprocess.run([*command, *(["--resume"] if under_way else [])], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return model


def raw_text(gold: Path) -> str:
    """Return the raw text of a CoNLL-U file, as the shared tasks' is made of it."""
    paragraphs: list[str] = [""]
    for line in tokens(gold.read_text(encoding="utf-8").splitlines()):
        if line is None:
            paragraphs.append("")
            continue
        glued = "SpaceAfter=No" in line[-1].split("|")
        paragraphs[-1] += line[1] + ("" if glued else " ")
    wrapped = (
        textwrap.wrap(paragraph, LINE, break_long_words=False, break_on_hyphens=False) for paragraph in paragraphs
    )
    return "\n\n".join("\n".join(lines) for lines in wrapped if lines) + "\n"


def tokens(lines: Sequence[str]) -> Iterator[list[str] | None]:
    """Yield the cells of each token's line, a multiword token's for its words', and None for a new paragraph."""
    covered = 0
    for line in lines:
        if line.startswith(("# newdoc", "# newpar")):
            yield None
        if not line.strip():
            covered = 0
        if line.startswith("#") or not line.strip():
            continue
        cells = line.split("\t")
        number, _, last = cells[0].partition("-")
        if last:
            covered = int(last)
            yield cells
        elif number.isdigit() and int(number) > covered:
            yield cells


def scorable(document: Document) -> str:
    """Return a document as CoNLL-U that the scorer takes: without trees, each word hangs on the one before."""
    written = document.to_conllu()
    if "head" in document.columns:
        return written
    lines = []
    for line in written.split("\n"):
        cells = line.split("\t")
        if cells[0].isdigit():
            cells[HEAD], cells[DEPREL] = str(int(cells[0]) - 1), "root" if cells[0] == "1" else "dep"
        lines.append("\t".join(cells))
    return "\n".join(lines)


def official(gold: Path, system: Path, *, trees: bool) -> dict[str, float]:
    scores = udeval.evaluate(udeval.load_conllu_file(str(gold)), udeval.load_conllu_file(str(system)))
    return {name: round(100 * scores[name].f1, 2) for name in (METRICS if trees else ON_WORDS_ALONE)}


def table(rows: dict[str, dict[str, float]]) -> str:
    shown = [name for name in METRICS if any(name in scores for scores in rows.values())]
    lines = [f"| from raw text, F1 | {' | '.join(shown)} |", "| --- " * (len(shown) + 1) + "|"]
    for row, scores in rows.items():
        lines.append(f"| {row} | {' | '.join(f'{scores[n]:.2f}' if n in scores else '' for n in shown)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
