"""What a probe found in words: JSON and Markdown for files, tables for the terminal; nothing here prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hiernlp.files import replaced_file
from hiernlp.probing.picture import draw_probe
from hiernlp.probing.results import ProbeResult
from hiernlp.training.tables import NOT_SHARES, number

if TYPE_CHECKING:
    from rich.table import Table

JSON, MARKDOWN, PICTURES = "probe.json", "probe.md", ("probe.png", "probe.svg")
UNDEFINED = "undefined"
FIGURES = (
    "place",
    "stretched place",
    "best layer",
    "expected layer",
    "centre of gravity",
    "stretched centre",
    "K of mix",
    "K of gains",
    "selectivity",
)
"""What is said of each task besides its scores."""


def write_report(result: ProbeResult, folder: Path) -> None:
    """Write ``probe.json``, ``probe.md``, ``probe.png`` and ``probe.svg`` into a folder."""
    with replaced_file(folder / JSON) as new:
        new.write_text(json.dumps(result.as_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with replaced_file(folder / MARKDOWN) as new:
        new.write_text(markdown(result), encoding="utf-8")
    for picture in PICTURES:
        draw_probe(result, folder / picture)


def markdown(result: ProbeResult) -> str:
    """Return a Markdown page: scores by layer, cumulative scores, the figures of localisation, what they mean."""
    layers = [str(layer) for layer in range(result.depth + 1)]

    def of_layers(title: str, values: dict[str, tuple[float, ...]]) -> str:
        rows = [
            [name, _words(result.tasks[name].main), *(number(result.tasks[name].main, v) for v in values[name])]
            for name in result.bottom_up
            if name in values
        ]
        return f"## {title}\n\n{_markdown_table(['task', 'figure', *layers], rows, texts=2)}\n\n"

    tasks = result.tasks
    page = (
        f"# Which layer suits a task?\n\nProbed: {result.probed}. {_draw(result)}\n\n![Scores by layer](probe.svg)\n\n"
    )
    page += of_layers("Scores by layer", {name: task.layers for name, task in tasks.items()})
    page += of_layers("Cumulative scores: a mix of the layers up to", {n: task.cumulative for n, task in tasks.items()})
    controls = {name: task.control for name, task in tasks.items() if task.control is not None}
    if controls:
        page += of_layers("Control tasks: a random label for each word type", controls)
    figures = [[name, *figures_of(result, name)] for name in result.bottom_up]
    page += f"## Where each task is\n\n{_markdown_table(['task', *FIGURES], figures, texts=1)}\n\n"
    page += "\n".join(f"- {note}" for note in notes(result))
    page += f"\n\nMade on {result.date} with {', '.join(f'{k} {v}' for k, v in result.versions.items())}"
    return page + (f" by\n\n```\n{result.command}\n```\n" if result.command else ".\n")


def notes(result: ProbeResult) -> list[str]:
    """Return what the figures mean, in one sentence each."""
    found = [
        "A score is that of the task's own head, trained on frozen states, on development data. Layer 0 is the "
        "embeddings.",
        f"Place: the smallest layer with {100 * result.share:g}% of the best layer's score. Stretched place: the same "
        "in proportion, so that the deepest of these tasks stands on the top layer, which training makes tell more.",
        "Expected layer: the mean layer of what each layer adds to the cumulative score, above layer 0; undefined "
        "where nothing is added. Centre of gravity: the mean layer of the learnt mix of all layers (both after Tenney "
        "et al. 2019). Stretched centre: the layer nearest to it, in proportion as before; what `place: auto` takes "
        "unless told otherwise.",
        "K: divergence from an even spread over the layers, in nats: 0 where all count alike, "
        "the logarithm of their number where one has all. K of gains leaves out layers that lose.",
    ]
    lost = [name for name, task in result.tasks.items() if not task.beats_majority]
    if lost:
        found.append(
            f"No layer beats the majority baseline in {', '.join(lost)}, so that the figures mean little there: give "
            "the probe more sentences or epochs."
        )
    without = [name for name, task in result.tasks.items() if task.control is None]
    if len(without) < len(result.tasks):
        found.append(
            "Selectivity: the score at the place less that in the control task, a random label for each word type "
            "(Hewitt and Liang 2019); low where the probe knows words by heart."
        )
    if without:
        found.append(f"Selectivity is undefined, for want of a control task, for {', '.join(without)}.")
    return found


def figures_of(result: ProbeResult, name: str) -> list[str]:
    """Return a task's figures, in the order of :data:`FIGURES`."""
    task, place = result.tasks[name], result.places[name]
    return [
        str(place),
        str(result.stretched_places[name]),
        str(task.best_layer),
        _decimal(task.expected_layer),
        _decimal(task.centre_of_gravity),
        str(result.stretched_centres[name]),
        _decimal(task.localisation),
        _decimal(task.gain_localisation),
        UNDEFINED if task.selectivity is None else _points(task.main, task.selectivity[place]),
    ]


def scores_table(result: ProbeResult) -> Table:
    """Return one row a layer and one column a task, each task's place in bold."""
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    table = _table()
    table.add_column("layer", justify="right")
    for name in result.bottom_up:
        table.add_column(Text(f"{name}\n{_words(result.tasks[name].main)}"), justify="right")
    for layer in range(result.depth, -1, -1):
        cells = [Text(str(layer))]
        for name in result.bottom_up:
            task = result.tasks[name]
            look = "bold green" if layer == result.places[name] else ""
            cells.append(Text(number(task.main, task.layers[layer]), style=look))
        table.add_row(*cells)
    table.add_row(
        Text("majority", style="dim"),
        *(Text(number(t.main, t.baseline), style="dim") for t in (result.tasks[name] for name in result.bottom_up)),
    )
    return table


def figures_table(result: ProbeResult) -> Table:
    """Return one row a task with the figures of localisation, but for two that would find no room."""
    from rich.text import Text  # noqa: PLC0415 - only for a terminal

    table = _table()
    table.add_column("task", style="bold", overflow="fold")
    shown = [place for place, column in enumerate(FIGURES) if column not in ("best layer", "K of gains")]
    for place in shown:
        first, _, last = FIGURES[place].rpartition(" ")
        table.add_column(f"{first}\n{last}".strip(), justify="right", no_wrap=True)
    for name in result.bottom_up:
        figures = figures_of(result, name)
        table.add_row(Text(name), *(Text(figures[place]) for place in shown))
    return table


def _table() -> Table:
    from rich import box  # noqa: PLC0415 - only for a terminal
    from rich.table import Table  # noqa: PLC0415

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


def _draw(result: ProbeResult) -> str:
    sizes = {(task.sentences, task.dev_sentences) for task in result.tasks.values()}
    if len(sizes) > 1:
        each = "; ".join(
            f"{name}: {task.sentences:,} and {task.dev_sentences:,}" for name, task in result.tasks.items()
        )
        return f"Sentences to learn from and to be scored on: {each}; seed {result.seed}."
    ((train, dev),) = sizes
    return f"{train:,} sentences to learn from, {dev:,} to be scored on, seed {result.seed}."


def _markdown_table(header: list[str], rows: list[list[str]], *, texts: int) -> str:
    rule = ["---"] * texts + ["---:"] * (len(header) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def _decimal(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2f}"


def _points(main: str, difference: float) -> str:
    return f"{difference:+.4f}" if main in NOT_SHARES else f"{100 * difference:+.2f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
