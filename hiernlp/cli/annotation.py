"""The command ``annotate``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hiernlp.cli._quiet import quiet as quiet_libraries

quiet_libraries()

from rich.console import Console  # noqa: E402
from rich.progress import Progress, TextColumn, TimeElapsedColumn  # noqa: E402

from hiernlp.errors import HierNLPError, did_you_mean  # noqa: E402
from hiernlp.graphs.manifest import is_exported  # noqa: E402
from hiernlp.graphs.opening import open_analyzer  # noqa: E402
from hiernlp.inference.bulk import Done, Shard, annotate  # noqa: E402
from hiernlp.inference.sinks import format_of, formats  # noqa: E402
from hiernlp.inference.sources import SourceOptions, open_inputs, read_inputs  # noqa: E402
from hiernlp.inference.stream import check_size  # noqa: E402

ON_ERROR = ("stop", "skip")


def annotate_command(
    model: str,
    inputs: list[str],
    output: Path,
    *,
    input_format: str,
    output_format: str | None,
    options: dict[str, str | None],
    tasks: list[str] | None,
    probabilities: bool,
    batch_tokens: int,
    look_ahead: int,
    resume: bool,
    on_error: str,
    shard: str | None,
    quiet: bool,
    precision: str,
    compiled: bool,
    device: str | None,
) -> None:
    """Annotate a corpus and say how much of it was done, how fast, and what was left out."""
    if on_error not in ON_ERROR:
        raise HierNLPError(f"--on-error: expected stop or skip, found {on_error!r}{did_you_mean(on_error, ON_ERROR)}")
    check_size(batch_tokens, what="--batch-tokens")
    check_size(look_ahead, what="--look-ahead")
    form = format_of(output, form=output_format)
    share = Shard.of_this_process() if shard is None else Shard.parse(shard)
    own = share.name(output)
    if own.is_dir():
        raise HierNLPError(f"--output {own}: expected a file, found a folder")
    given = {key: value for key, value in options.items() if value is not None}
    files = open_inputs(inputs, form=input_format, options=SourceOptions.model_validate(given))
    if device is None and share.of > 1 and not is_exported(model):
        device = _own_device()
    analyzer = open_analyzer(model, device=device, precision=precision, compile=compiled)
    settings = {
        "model": model,
        "inputs": [file.name for file in files],
        "options": given,
        "tasks": tasks,
        "probabilities": probabilities,
        "batch_tokens": batch_tokens,
        "look_ahead": look_ahead,
        "precision": precision,
        "format": form,
        "shard": f"{share.index}/{share.of}",
    }
    events = annotate(
        analyzer,
        read_inputs(files),
        formats.load(form)(own),
        settings=settings,
        tasks=tasks,
        probabilities=probabilities,
        batch_tokens=batch_tokens,
        look_ahead=look_ahead,
        skip=on_error == "skip",
        resume=resume,
        shard=share,
    )
    console, start, done = Console(stderr=True), time.monotonic(), None
    shown = TextColumn("{task.completed:,} records, {task.fields[words]:,} words, {task.fields[speed]:,.0f} words/s")
    with Progress(shown, TimeElapsedColumn(), console=console, disable=quiet or not console.is_terminal) as bar:
        line = bar.add_task("", total=None, words=0, speed=0.0)
        for done in events:
            bar.update(line, completed=done.records, words=done.words, speed=_speed(done, start))
    if done is not None and not quiet:
        sys.stderr.write(f"{own}: {done.records:,} records, {done.words:,} words, {_speed(done, start):,.0f} words/s\n")
    elif not quiet:
        sys.stderr.write(f"{own}: finished, nothing was left to do\n")
    if done is not None and done.skipped:
        sys.stderr.write(f"{own}: {done.skipped:,} records were left out; {own.name}.errors.jsonl says which and why\n")


def _own_device() -> str | None:
    """Return the GPU of this process among those of this machine; None if there is no GPU."""
    import torch  # noqa: PLC0415 - heavy

    if not torch.cuda.is_available():
        return None
    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


def _speed(done: Done, start: float) -> float:
    return done.words / max(time.monotonic() - start, 1e-9)
