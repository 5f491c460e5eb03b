"""An ablation in words: Markdown for a file, a table for the terminal; nothing here prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.comparison._figures import plus_minus, signed, signed_percent, with_spread
from hiernlp.comparison.statistics import RULE
from hiernlp.files import replaced_file
from hiernlp.insight.ablation_picture import draw_ablation
from hiernlp.insight.ablation_results import AblationResult, VariantResult
from hiernlp.training.tables import MISSING

if TYPE_CHECKING:
    from rich.table import Table

JSON, MARKDOWN, PICTURE = "ablation.json", "ablation.md", "ablation.png"
COLUMNS = ("trained", "score", "against", "difference", "beyond spread", "relative gain")
LEFT = ("trained", "against")
"""Columns of words."""


def write_report(found: AblationResult, folder: Path) -> None:
    """Write ``ablation.json``, ``ablation.md`` and ``ablation.png`` into a folder."""
    with replaced_file(folder / JSON) as new:
        new.write_text(json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replaced_file(folder / MARKDOWN) as new:
        new.write_text(markdown(found), encoding="utf-8")
    draw_ablation(found, folder / PICTURE)


def markdown(found: AblationResult) -> str:
    """Return a Markdown page: the table, what its figures mean, and how to make them again."""
    rows = [COLUMNS, ["---" if column in LEFT else "---:" for column in COLUMNS]]
    rows += [cells(found, variant) for variant in found.variants]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    facts = "\n".join(f"- {note}" for note in notes(found))
    return (
        f"# What the other tasks change for {found.main}\n\n{table}\n\n{facts}\n\n"
        f"Made on {found.date} with {', '.join(f'{k} {v}' for k, v in found.versions.items())} by\n\n"
        f"```\n{found.command}\n```\n"
    )


def notes(found: AblationResult) -> list[str]:
    """Return what the figures mean, in one sentence each."""
    seeds = found.seeds
    spread = "; ± is the sample standard deviation over seeds" if len(seeds) > 1 else ", so that there is no spread"
    said = [
        f"Scores are {found.figure.replace('_', ' ')} of {found.main} on development data, by which every run chooses "
        f"its checkpoint, n = {len(seeds)} (seed {', '.join(map(str, seeds))}){spread}.",
        f"{RULE} The ± of a difference is half that interval's width.",
    ]
    if any(variant.reference == "all" for variant in found.variants):
        said.append("A task without which the score falls has helped: with all others, its difference is below 0.")
    if len(seeds) > 1 and len(found.variants) > 2:  # noqa: PLR2004 - more than one difference
        differences = len(found.variants) - 1
        said.append(f"Of {differences} differences some may be beyond the spread by chance: each has its own interval.")
    return said


def cells(found: AblationResult, variant: VariantResult) -> list[str]:
    """Return a variant's row."""
    score, contrast = with_spread(found.figure, variant.score), variant.contrast
    if contrast is None:
        return [variant.name, score, MISSING, MISSING, MISSING, MISSING]
    return [
        variant.name,
        score,
        str(variant.reference),
        signed(found.figure, contrast.difference) + plus_minus(found.figure, contrast.margin),
        {None: "not known", True: "yes", False: "no"}[contrast.beyond],
        signed_percent(contrast.gain),
    ]


def ablation_table(found: AblationResult) -> Table:
    """Return one row a variant for the terminal, green where the score is higher beyond the spread, red where lower."""
    from rich import box  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    title = Text(f"{found.main}, {found.figure.replace('_', ' ')}")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for column in COLUMNS:
        fold = column == COLUMNS[0]
        table.add_column(
            column.replace(" ", "\n"),
            justify="left" if column in LEFT else "right",
            overflow="fold" if fold else "ellipsis",
            no_wrap=not fold,
        )
    for variant in found.variants:
        row = [Text(cell) for cell in cells(found, variant)]
        row[0].stylize("bold")
        contrast = variant.contrast
        if contrast is not None and contrast.beyond:
            row[COLUMNS.index("difference")].stylize("green" if contrast.difference > 0 else "red")
        table.add_row(*row)
    return table
