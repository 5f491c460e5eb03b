"""The command line: thin, and light to import, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hiernlp.errors import HierNLPError

app = typer.Typer(
    name="hiernlp",
    help="Train one transformer encoder on many NLP tasks, each at its own layer, and analyse text with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change the recipe, e.g. training.epochs=3.")
]


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder to make.")],
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
    single_tasks: Annotated[
        bool, typer.Option("--single-tasks", help="Also train each task alone with the same budget, and compare.")
    ] = False,
) -> None:
    """Train a model by a recipe, score it and save it."""
    from hiernlp.cli.training import train_command  # noqa: PLC0415 - imports here and below are heavy

    raise typer.Exit(
        train_command(recipe, output, overrides=overrides or [], resume=resume, quiet=quiet, single_tasks=single_tasks)
    )


@app.command()
def compare(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The folder of all runs and the comparison; an unfinished one goes on."),
    ],
    seeds: Annotated[
        str | None, typer.Option(help="Seeds separated by commas, e.g. 1,2,3; by default the recipe's one.")
    ] = None,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train each task alone and all together, and tell what joining cost or gained."""
    from hiernlp.cli.comparison import compare_command  # noqa: PLC0415

    raise typer.Exit(compare_command(recipe, output, seeds=seeds, overrides=overrides or [], as_json=json, quiet=quiet))


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(help="A model folder, also one whose training is under way.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .png or .svg file; by default training/curves.png in the folder."),
    ] = None,
) -> None:
    """Draw a run's losses, scores and schedules."""
    from hiernlp.cli.plotting import plot_command  # noqa: PLC0415

    plot_command(run, output)


@app.command()
def affinity(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for figures and pictures.")],
    main_task: Annotated[
        str | None, typer.Option("--main", metavar="TASK", help="A task whose helpers are ranked.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of joint training to measure in.")] = None,
    share: Annotated[
        float | None, typer.Option(help="The same as a share of the recipe's steps; by default 0.25.")
    ] = None,
    every: Annotated[int, typer.Option(help="Steps from one measurement to the next.")] = 10,
    rate: Annotated[
        float | None,
        typer.Option(help="Look ahead by so many gradients; by default as the optimizer would step for a task."),
    ] = None,
    groups: Annotated[int | None, typer.Option(help="Most groups of tasks to suggest; by default 2.")] = None,
    curves: Annotated[
        Path | None,
        typer.Option(help="A folder of single-task runs (of compare, or training/single) for learning curves."),
    ] = None,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Measure during a short joint training which tasks help which."""
    from hiernlp.cli.affinities import affinity_command  # noqa: PLC0415

    raise typer.Exit(
        affinity_command(
            recipe,
            output,
            main=main_task,
            steps=steps,
            share=share,
            every=every,
            rate=rate,
            groups=groups,
            curves=curves,
            overrides=overrides or [],
            as_json=json,
            quiet=quiet,
        )
    )


@app.command()
def ablate(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a bundled recipe.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder of all runs and the report; an unfinished one goes on.")
    ],
    task: Annotated[str, typer.Option("--task", help="The main task, for which all others are helpers.")],
    seeds: Annotated[
        str | None, typer.Option(help="Seeds separated by commas, e.g. 1,2,3; by default the recipe's one.")
    ] = None,
    helpers: Annotated[
        str | None,
        typer.Option(help="Helpers to add or leave out one by one, separated by commas; by default all."),
    ] = None,
    design: Annotated[
        str,
        typer.Option(help="add (the main task with each helper), leave-out (all tasks but each helper), or both."),
    ] = "add",
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Train a main task alone, with each helper, and with all, and tell which helpers made a difference."""
    from hiernlp.cli.ablation import ablate_command  # noqa: PLC0415

    raise typer.Exit(
        ablate_command(
            recipe,
            output,
            task=task,
            seeds=seeds,
            helpers=_names(helpers, option="--helpers"),
            design=design,
            overrides=overrides or [],
            as_json=json,
            quiet=quiet,
        )
    )


@app.command()
def probe(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|MODEL",
            help="A recipe file or the name of a bundled recipe, for the pretrained encoder, or a model folder, for "
            "the trained one.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder of the report; an unfinished probe goes on.")
    ],
    tasks: Annotated[str | None, typer.Option(help="Tasks to probe, separated by commas; by default all.")] = None,
    overrides: Overrides = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to run, e.g. cuda; by default what there is.")] = None,
) -> None:
    """Find out which layer of an encoder suits each task, without training it."""
    from hiernlp.cli.probing import probe_command  # noqa: PLC0415

    raise typer.Exit(
        probe_command(source, output, tasks=_names(tasks), overrides=overrides or [], as_json=json, device=device)
    )


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus file; by default the recipe's corpora.")] = None,
    reader: Annotated[str | None, typer.Option(help="How to read --corpus; by default by its suffix.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Which split of the recipe's corpora: train, dev (the default) or test.")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks to score, separated by commas; by default all.")] = None,
    labels: Annotated[bool, typer.Option("--labels", help="Show each label's figures and the confusions.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to run, e.g. cuda; by default what there is.")] = None,
) -> None:
    """Score a model on annotated text."""
    from hiernlp.cli.evaluation import evaluate_command  # noqa: PLC0415

    evaluate_command(
        model,
        corpus=corpus,
        reader=reader,
        split=split,
        tasks=_names(tasks),
        labels=labels,
        as_json=json,
        device=device,
    )


@app.command()
def analyze(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Text or CoNLL-U files; - or none for standard input.")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks wanted, separated by commas; by default all.")] = None,
    output_format: Annotated[str, typer.Option("--format", "-f", help="table, json or conllu.")] = "table",
    input_format: Annotated[
        str,
        typer.Option(
            "--input",
            help="text, conllu, pairs (two sentences a line, a tab between), or auto: CoNLL-U if the name ends so.",
        ),
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file to write; by default standard output.")
    ] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write probabilities too.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Also draw the analysis: a .png or .svg file.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, or bfloat16 for speed where the hardware has it.")] = "float32",
    device: Annotated[str | None, typer.Option(help="Where to run, e.g. cuda; by default what there is.")] = None,
    segmentation: Annotated[
        str | None,
        typer.Option(help="How raw text is split: rules, or learned, the default of a model that has learnt it."),
    ] = None,
) -> None:
    """Analyse text, no deeper than the tasks asked for need."""
    from hiernlp.cli.analysis import analyze_command  # noqa: PLC0415

    analyze_command(
        model,
        files or ["-"],
        tasks=_names(tasks),
        output_format=output_format,
        input_format=input_format,
        output=output,
        probabilities=probabilities,
        picture=picture,
        dtype=dtype,
        device=device,
        segmentation=segmentation,
    )


@app.command()
def tasks() -> None:
    """List the bundled tasks."""
    from hiernlp.cli.listing import list_tasks  # noqa: PLC0415

    list_tasks()


@app.command()
def recipes() -> None:
    """List the bundled recipes."""
    from hiernlp.cli.listing import list_recipes  # noqa: PLC0415

    list_recipes()


@app.command()
def schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    from hiernlp.cli.listing import print_schema  # noqa: PLC0415

    print_schema()


def _names(text: str | None, *, option: str = "--tasks") -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise HierNLPError(f"{option}: expected names of tasks, separated by commas, found {text!r}")
    return names


def main() -> None:
    """Run the command line; what the user can mend is one line on standard error and exit code 2."""
    try:
        app()
    except HierNLPError as error:
        message = str(error)
    except OSError as error:
        # A folder that may not be written to, a full disk, a file that is a folder: the system says what and where.
        where = "" if error.filename is None else f"{error.filename}: "
        message = where + (error.strerror or str(error) or type(error).__name__)
    else:
        return
    sys.stderr.write(f"hiernlp: {' '.join(message.splitlines())}\n")
    sys.exit(2)
