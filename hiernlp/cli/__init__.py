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
Precision = Annotated[str, typer.Option(help="float32, or bfloat16 or int8 for speed where the hardware has it.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Compile layers: for large inputs, slow to begin.")]


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
    precision: Precision = "float32",
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
        precision=precision,
        device=device,
    )


@app.command()
def analyze(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    files: Annotated[
        list[str] | None, typer.Argument(help="Text or CoNLL-U files; - or none for standard input.")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks wanted, separated by commas; by default all.")] = None,
    output_format: Annotated[str, typer.Option("--format", "-f", help="table, json, conllu or html.")] = "table",
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
    precision: Precision = "float32",
    compiled: Compiled = False,
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
        precision=precision,
        compiled=compiled,
        device=device,
        segmentation=segmentation,
    )


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure the speed by depth on this machine and keep it in the card.")
    ] = False,
    text: Annotated[
        Path | None, typer.Option(help="A text file to measure on; by default sentences of the bundled sample.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where to measure, e.g. cuda; by default what there is.")] = None,
) -> None:
    """Write a model's card anew, with its speed if that is asked for."""
    from hiernlp.cli.publishing import card_command  # noqa: PLC0415

    card_command(model, measure=measure, text=text, device=device)


@app.command()
def push(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    repo: Annotated[str, typer.Argument(metavar="REPO_ID", help="name or organization/name on the hub.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    token: Annotated[
        str | None,
        typer.Option(envvar="HF_TOKEN", show_envvar=True, help="The hub's token; by default the stored login."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The branch; by default the main one.")] = None,
) -> None:
    """Upload a model to the hub, with its card and without its training."""
    from hiernlp.cli.publishing import push_command  # noqa: PLC0415

    push_command(model, repo, private=private, token=token, revision=revision)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 for all addresses of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8000,
    max_characters: Annotated[int | None, typer.Option(help="Most characters of one request.")] = None,
    max_texts: Annotated[int | None, typer.Option(help="Most texts of one request.")] = None,
    max_body: Annotated[int | None, typer.Option(help="Most bytes of a request's body.")] = None,
    queue: Annotated[int | None, typer.Option(help="Most requests that wait for the model.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds in which a request is answered or refused.")] = None,
    batch_characters: Annotated[
        int | None, typer.Option(help="About the most characters of requests that are analysed together.")
    ] = None,
    grace: Annotated[
        float | None, typer.Option(help="Seconds that requests under way have when the service is told to stop.")
    ] = None,
    precision: Precision = "float32",
    device: Annotated[str | None, typer.Option(help="Where to run, e.g. cuda; by default what there is.")] = None,
) -> None:
    """Serve a model over HTTP, with a page to try it."""
    from hiernlp.cli.serving import serve_command  # noqa: PLC0415

    limits = {
        "max_characters": max_characters,
        "max_texts": max_texts,
        "max_body": max_body,
        "queue": queue,
        "timeout": timeout,
        "batch_characters": batch_characters,
        "grace": grace,
    }
    serve_command(model, host=host, port=port, limits=limits, precision=precision, device=device)


@app.command()
def annotate(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, patterns, - for standard input, saved datasets, or ids with --input hub."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .jsonl, .parquet or .conllu file, there when it is complete.")
    ],
    input_format: Annotated[
        str,
        typer.Option(
            "--input",
            help="text (a document a paragraph), lines, jsonl, csv, tsv, parquet, conllu, hub, or auto: by the ending.",
        ),
    ] = "auto",
    output_format: Annotated[
        str | None, typer.Option("--format", "-f", help="jsonl, parquet or conllu; by default by the ending.")
    ] = None,
    field: Annotated[str, typer.Option(help="Of tables and datasets, the field of the text or the words.")] = "text",
    id_field: Annotated[str, typer.Option("--id", help="The field that names a record.")] = "id",
    split: Annotated[str, typer.Option(help="The split of a dataset.")] = "train",
    config: Annotated[str | None, typer.Option(help="The configuration of a dataset.")] = None,
    tasks: Annotated[str | None, typer.Option(help="Tasks wanted, separated by commas; by default all.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write probabilities too.")] = False,
    batch_tokens: Annotated[int, typer.Option(help="Most subwords a batch.")] = 1024,
    look_ahead: Annotated[int, typer.Option(help="Most records whose sentences are sorted by length together.")] = 1000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    on_error: Annotated[str, typer.Option(help="What a bad record does: stop, or skip and report.")] = "stop",
    shard: Annotated[
        str | None, typer.Option(help="Do a part, e.g. 0/4; under accelerate launch, each process its own.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    precision: Precision = "float32",
    compiled: Compiled = False,
    device: Annotated[str | None, typer.Option(help="Where to run, e.g. cuda; by default what there is.")] = None,
) -> None:
    """Annotate a corpus of any size into one file, to be gone on with after any interruption."""
    from hiernlp.cli.annotation import annotate_command  # noqa: PLC0415

    annotate_command(
        model,
        inputs,
        output,
        input_format=input_format,
        output_format=output_format,
        options={"field": field, "id": id_field, "split": split, "name": config},
        tasks=_names(tasks),
        probabilities=probabilities,
        batch_tokens=batch_tokens,
        look_ahead=look_ahead,
        resume=resume,
        on_error=on_error,
        shard=shard,
        quiet=quiet,
        precision=precision,
        compiled=compiled,
        device=device,
    )


@app.command()
def prune(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    tasks: Annotated[str, typer.Option(help="Tasks to keep, separated by commas; what feeds them is kept, too.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder to make.")],
) -> None:
    """Save a model cut to some of its tasks and the layers that they read, with the same answers."""
    from hiernlp.cli.pruning import prune_command  # noqa: PLC0415

    prune_command(model, output, tasks=_names(tasks) or [])


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A model folder or a hub id.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of graphs to make.")],
    tasks: Annotated[
        str | None,
        typer.Option(help="Tasks to export, separated by commas; by default all. What feeds them comes along."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(help="A text file to check the graphs on; by default sentences of the bundled sample."),
    ] = None,
) -> None:
    """Export a model as ONNX graphs, which run without torch, and check that they say what it says."""
    from hiernlp.cli.exporting import export_command  # noqa: PLC0415

    export_command(model, output, tasks=_names(tasks), text=check)


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
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library == "hiernlp":
            raise
        # Installed without all that it takes, such as to run graphs without torch.
        message = f"this takes {library}, which is not installed; install it, or hiernlp with all that it requires"
    except OSError as error:
        # A folder that may not be written to, a full disk, a file that is a folder: the system says what and where.
        where = "" if error.filename is None else f"{error.filename}: "
        message = where + (error.strerror or str(error) or type(error).__name__)
    else:
        return
    sys.stderr.write(f"hiernlp: {' '.join(message.splitlines())}\n")
    sys.exit(2)
