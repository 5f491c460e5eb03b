"""The command ``analyze``."""

from __future__ import annotations

import sys
from pathlib import Path

from hiernlp.cli._quiet import quiet

quiet()

import hiernlp  # noqa: E402
from hiernlp.corpora.conllu import Conllu, ConlluOptions  # noqa: E402
from hiernlp.errors import DataError, HierNLPError, did_you_mean  # noqa: E402
from hiernlp.files import replaced_file  # noqa: E402
from hiernlp.inference.analyzer import Analyzer  # noqa: E402
from hiernlp.inference.document import Document  # noqa: E402
from hiernlp.inference.writers import writer  # noqa: E402

INPUTS = ("auto", "text", "conllu")


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
    dtype: str,
    device: str | None,
) -> None:
    """Analyse files in turn and write one document each."""
    chosen = writer(output_format)
    if input_format not in INPUTS:
        raise HierNLPError(
            f"--input: expected one of {', '.join(INPUTS)}, found {input_format!r}{did_you_mean(input_format, INPUTS)}"
        )
    texts = [(file, _read(file)) for file in files]
    analyzer = hiernlp.load(model, device=device, dtype=dtype)
    analyzer.model.needed(tasks or ())
    documents = [
        _analyze(analyzer, file, text, input_format, tasks=tasks, probabilities=probabilities) for file, text in texts
    ]
    written = "".join(chosen.write(document) for document in documents)
    if output is None:
        sys.stdout.reconfigure(encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue] - whatever the locale
        sys.stdout.write(written)
    else:
        with replaced_file(output) as new:
            new.write_text(written, encoding="utf-8", newline="")
    if picture is not None:
        from hiernlp.inference.picture import draw  # noqa: PLC0415 - matplotlib takes a second

        draw(Document(None, [s for d in documents for s in d.sentences]), picture)


def _analyze(
    analyzer: Analyzer, file: str, text: str, input_format: str, *, tasks: list[str] | None, probabilities: bool
) -> Document:
    as_conllu = input_format == "conllu" or (input_format == "auto" and file.lower().endswith(".conllu"))
    if not as_conllu:
        return analyzer(text, tasks=tasks, probabilities=probabilities)
    # Trees in the input are not used: they may be missing or wrong.
    options = next(
        (c["options"] for c in analyzer.bundle.recipe.get("corpora", {}).values() if c.get("reader") == "conllu"), {}
    )
    reader = Conllu(ConlluOptions.model_validate({**options, "check_trees": False}))
    rows = list(reader.parse(text, file="standard input" if file == "-" else file))
    return analyzer.rows(rows, tasks=tasks, probabilities=probabilities)


def _read(file: str) -> str:
    """Return a text file's content, or standard input's for ``-``."""
    name = "standard input" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
        return data.decode("utf-8-sig")
    except IsADirectoryError:
        raise DataError("expected a text or CoNLL-U file, found a folder", file=name) from None
    except FileNotFoundError:
        parent = Path(file).expanduser().parent
        beside = [str(p) for p in parent.iterdir()] if parent.is_dir() else []
        raise DataError(f"there is no such file{did_you_mean(file, beside)}", file=name) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError("expected UTF-8, found a byte that is not; convert the file", file=name, line=line) from None
