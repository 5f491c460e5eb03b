"""The command ``analyze``."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

from hiernlp.errors import DataError, HierNLPError, did_you_mean  # noqa: E402
from hiernlp.figures import check_path  # noqa: E402
from hiernlp.files import replaced_file  # noqa: E402
from hiernlp.graphs.opening import open_analyzer  # noqa: E402
from hiernlp.inference.base import BaseAnalyzer  # noqa: E402
from hiernlp.inference.document import Document  # noqa: E402
from hiernlp.inference.sources import STANDARD_INPUT  # noqa: E402
from hiernlp.inference.sources.conllu import READER  # noqa: E402
from hiernlp.inference.writers import writer  # noqa: E402

INPUTS = ("auto", "text", "conllu", "pairs")


def analyze_command(
    model: str,
    files: list[str],
    *,
    tasks: list[str] | None,
    output_format: str,
    input_format: str,
    output: Path | None,
    probabilities: bool,
    picture: Path | None,
    precision: str,
    compiled: bool,
    device: str | None,
    segmentation: str | None,
) -> None:
    """Analyse files in turn and write one document each."""
    chosen = writer(output_format)
    if input_format not in INPUTS:
        raise HierNLPError(
            f"--input: expected one of {', '.join(INPUTS)}, found {input_format!r}{did_you_mean(input_format, INPUTS)}"
        )
    if picture is not None:
        check_path(picture)
    if output is not None and output.is_dir():
        raise HierNLPError(f"--output {output}: expected a file, found a folder")
    texts = [(file, _read(file)) for file in files]
    analyzer = open_analyzer(
        model,
        device=device,
        precision=precision,
        compile=compiled,
        segmentation=segmentation,  # pyright: ignore[reportArgumentType] - checked where it is read
    )
    documents = [
        _analyze(analyzer, file, text, input_format, tasks=tasks, probabilities=probabilities) for file, text in texts
    ]
    # Nothing is written before all is done that could go wrong.
    written = "".join(chosen.write(document) for document in documents)
    if picture is not None:
        from hiernlp.inference.picture import draw  # noqa: PLC0415 - matplotlib takes a second

        draw(Document(None, [s for d in documents for s in d.sentences]), picture)
    if output is None:
        # Whatever the locale and the system.
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # pyright: ignore[reportAttributeAccessIssue]
        sys.stdout.write(written)
        sys.stdout.flush()
    else:
        with replaced_file(output) as new:
            new.write_text(written, encoding="utf-8", newline="")


def _analyze(
    analyzer: BaseAnalyzer, file: str, text: str, input_format: str, *, tasks: list[str] | None, probabilities: bool
) -> Document:
    if input_format == "pairs":
        return analyzer.pairs(_pairs(text, _name(file)), tasks=tasks, probabilities=probabilities)
    as_conllu = input_format == "conllu" or (input_format == "auto" and file.lower().endswith(".conllu"))
    if not as_conllu:
        return analyzer(text, tasks=tasks, probabilities=probabilities)
    return analyzer.rows(READER.parse(text, file=_name(file)), tasks=tasks, probabilities=probabilities)


def _pairs(text: str, file: str) -> Iterator[tuple[str, str]]:
    """Yield the two sentences of every line, which a tab separates."""
    for number, line in enumerate(text.split("\n"), start=1):
        sentences = line.removesuffix("\r").split("\t")
        if not line.strip():
            continue
        if len(sentences) != 2 or not all(s.strip() for s in sentences):  # noqa: PLR2004 - a pair
            filled = sum(bool(s.strip()) for s in sentences)
            raise DataError(f"expected two sentences with a tab between them, found {filled}", file=file, line=number)
        yield sentences[0], sentences[1]


def _name(file: str) -> str:
    return "standard input" if file == STANDARD_INPUT else file


def _read(file: str) -> str:
    """Return a text file's content, or standard input's for ``-``."""
    name, path = _name(file), Path(file).expanduser()
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else path.read_bytes()
        return data.decode("utf-8-sig")
    except IsADirectoryError:
        raise DataError("expected a text or CoNLL-U file, found a folder", file=name) from None
    except FileNotFoundError:
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, beside, n=3)
        hint = f"; did you mean {' or '.join(repr(str(path.with_name(c))) for c in close)}?" if close else ""
        raise DataError(f"there is no such file{hint}", file=name) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError("expected UTF-8, found a byte that is not; convert the file", file=name, line=line) from None
