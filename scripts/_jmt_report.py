"""The tables of the joint many-task hierarchy, made of the records of its runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, mean, stdev
from typing import Any

from _jmt_records import OFFICIAL, Run, read_records

from hiernlp.comparison.picture import draw_comparison
from hiernlp.comparison.results import Comparison, TaskResult
from hiernlp.comparison.statistics import RULE, Sample
from hiernlp.experiment import main_value

PUBLISHED = {
    "MaChAmp, same encoder, 3 epochs, EWT 2.16": {"UPOS": "92.10", "UAS": "84.92", "LAS": "81.30"},
    "UDPipe 2, EWT 2.15": dict(zip(OFFICIAL, ("97.50", "97.17", "97.96", "97.88", "93.42", "91.52"), strict=True)),
    "Stanza 1.5.1, EWT 2.12, from raw text": dict(
        zip(OFFICIAL, ("96.20", "95.75", "96.39", "96.63", "88.90", "86.77"), strict=True)
    ),
}
"""Others' figures: MaChAmp's were measured on two cores by its default settings with gold words (commit 4048c34b,
2026-11-22), UDPipe's stand in the training logs of its released models, Stanza's in its documentation."""


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


def main_table(joint: Sequence[Run], untaught: Sequence[Run], single: Mapping[str, Sequence[Run]]) -> str:
    """Return each task alone and all together, with and without teachers, on test data, beside the paper's."""
    rows = [
        ["Hashimoto et al. 2017, each alone", *(figure.paper_single for figure in FIGURES)],
        ["Hashimoto et al. 2017, joint", *(figure.paper_joint for figure in FIGURES)],
        ["each alone", *(_cell(single[figure.task], figure) for figure in FIGURES)],
        ["**joint**", *(_cell(joint, figure) for figure in FIGURES)],
        ["joint, without teachers, agreements and lexicon", *(_cell(untaught, figure) for figure in FIGURES)],
    ]
    return _markdown(["test data", *(figure.title for figure in FIGURES)], rows)


def differences(
    joint: Sequence[Run], single: Mapping[str, Sequence[Run]], *, split: str, picture: Path | None = None
) -> str:
    """Return every task's main figure, alone and joint, with the difference and whether it is beyond the spread.

    With ``picture``, also what shows it.

    Args:
        joint: the joint runs.
        single: each task's runs alone.
        split: ``dev`` or ``test``.
        picture: where to draw them, too.
    """
    together = read_records(joint)
    results: dict[str, TaskResult] = {}
    for task, runs in single.items():
        alone = read_records(runs)
        if alone and together:
            main = alone[0][split][task]["main"]
            speeds = [record["words_per_second"] for record in alone]
            results[task] = TaskResult(main, _sample(alone, split, task), _sample(together, split, task), fmean(speeds))
    if not results:
        return "Not run.\n"
    comparison = Comparison(
        tasks=results,
        unscored=(),
        seeds=tuple(record["seed"] for record in together),
        words_per_second=None,
        command="",
        date="",
        versions={},
    )
    rows = []
    for task, found in results.items():
        margin = "" if found.margin is None else f" ± {100 * found.margin:.2f}"
        beyond = {None: "not known", True: "yes", False: "no"}[found.beyond]
        alone_text, joint_text = (_spread([100 * v for v in s.values]) for s in (found.single, found.joint))
        rows.append([task, found.main, alone_text, joint_text, f"{100 * found.difference:+.2f}{margin}", beyond])
    header = ["task", "figure", "alone", "joint", "joint - alone", "beyond spread"]
    gain = comparison.mean_gain
    mean_gain = "" if gain is None else f"\nMean relative gain {100 * gain:+.2f}%. {RULE}\n"
    shown = ""
    if picture is not None:
        draw_comparison(comparison, picture)
        shown = f"\n![What joining gained or cost, {split} data]({picture.name})\n"
    return _markdown(header, rows) + mean_gain + shown


def variants_table(variants: Mapping[str, Sequence[Run]]) -> str:
    """Return the joint recipe and its variants on test data."""
    rows = [[title, *(_cell(runs, figure) for figure in FIGURES)] for title, runs in variants.items()]
    return _markdown(["test data", *(figure.title for figure in FIGURES)], rows)


def official_table(joint: Sequence[Run], single: Mapping[str, Sequence[Run]]) -> str:
    """Return EWT's columns by the official scorer, beside other software's."""
    rows = [[title, *(found.get(column, "") for column in OFFICIAL)] for title, found in PUBLISHED.items()]
    alone = [
        _spread([record["official"][column] for record in read_records(single[task])])
        for column, task in OFFICIAL.items()
    ]
    found = [record["official"] for record in read_records(joint)]
    rows.append(["hiernlp, each task alone", *alone])
    rows.append(["**hiernlp, one joint model**", *(_spread([each[column] for each in found]) for column in OFFICIAL)])
    return _markdown(["EWT test", *OFFICIAL], rows)


def facts(runs: Mapping[str, Sequence[Run]], *, command: str, joint: Sequence[Run]) -> str:
    """Return how the figures were made: command, seeds, dates, versions, speed.

    Args:
        runs: all runs, by what they are called where their seeds are told.
        command: what trains them all.
        joint: the joint runs.
    """
    of_each = {called: read_records(each) for called, each in runs.items()}
    records = [record for each in of_each.values() for record in each]
    if not records:
        return "- no run is recorded\n"
    dates = sorted({record["date"] for record in records})
    versions = sorted({", ".join(f"{k} {v}" for k, v in record["versions"].items()) for record in records})
    precisions = Counter(record["precision"] for record in records)
    speeds = [record["words_per_second"] for record in read_records(joint)]
    seeds = {called: sorted({record["seed"] for record in each}) for called, each in of_each.items() if each}
    planned = sum(map(len, runs.values()))
    lines = {
        "command": f"`{command}`",
        "seeds": "; ".join(f"{called}: {', '.join(map(str, found))}" for called, found in seeds.items()),
        "runs": f"{len(records)} of {planned} recorded, {dates[0]}" + (f" to {dates[-1]}" if dates[1:] else ""),
        "versions": "; ".join(versions),
        "precision": ", ".join(f"{precision} in {count} runs" for precision, count in precisions.most_common()),
        "training, joint": f"{round(mean(speeds))} words a second a process" if speeds else "not run",
    }
    return "".join(f"- {name}: {value}\n" for name, value in lines.items())


def _sample(records: Sequence[dict[str, Any]], split: str, task: str) -> Sample:
    return Sample(tuple(main_value(record[split][task]) for record in records))


def _cell(runs: Sequence[Run], figure: Figure) -> str:
    """Return mean and sample standard deviation over the recorded runs."""
    values = [figure.scale * record["test"][figure.task]["values"][figure.key] for record in read_records(runs)]
    return _spread(values, digits=figure.digits)


def _spread(values: Sequence[float], *, digits: int = 2) -> str:
    if not values:
        return "not run"
    shown = f"{mean(values):.{digits}f}"
    return f"{shown} ± {stdev(values):.{digits}f}" if len(values) > 1 else shown


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join("| " + " | ".join(row) + " |\n" for row in (header, ["---"] * len(header), *rows))
