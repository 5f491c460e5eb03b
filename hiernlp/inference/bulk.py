"""A corpus annotated: records in, one output file out, window by window, so that nothing is done twice.

After every window what was written is made to last, and ``<output>.state.json`` says how far that is. Going on throws
away what came after, reads past the records that are done and begins a new window where the interrupted run did: the
output is the same, byte for byte, as if there had been no interruption.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiernlp.errors import DataError, HierNLPError
from hiernlp.files import replaced_file
from hiernlp.inference.base import BaseAnalyzer
from hiernlp.inference.sinks import Numbered, Sink
from hiernlp.inference.sinks._base import AppendedFile
from hiernlp.inference.sources import Record
from hiernlp.inference.stream import LOOK_AHEAD, windows
from hiernlp.inference.writers.json import to_line
from hiernlp.predictor import BATCH_SUBWORDS


@dataclass(frozen=True)
class Shard:
    """Every ``of``-th record, from the one with the place ``index``, counted from 0, on."""

    index: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that ``index/of`` names.

        Raises:
            HierNLPError: it names none.
        """
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        if found is None or int(found[1]) >= int(found[2]):
            raise HierNLPError(f"--shard: expected a number from 0 on and of how many, such as 0/4, found {text!r}")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_this_process(cls) -> Shard:
        """Return the share of this process among those that ``accelerate launch`` or ``torchrun`` started."""
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))

    def name(self, path: Path) -> Path:
        """Return the name of the shard's own output, such as ``out-00000-of-00004.jsonl``; of one, the name itself."""
        return path if self.of == 1 else path.with_name(f"{path.stem}-{self.index:05d}-of-{self.of:05d}{path.suffix}")


@dataclass(frozen=True)
class Done:
    """What has been done, after a window.

    Attributes:
        records: records that were read, those of earlier runs included.
        skipped: how many of them could not be analysed.
        words: words that this run analysed.
    """

    records: int
    skipped: int
    words: int


def annotate(
    analyzer: BaseAnalyzer,
    records: Iterable[Record],
    sink: Sink,
    *,
    settings: Mapping[str, Any],
    tasks: list[str] | None = None,
    probabilities: bool = False,
    batch_tokens: int = BATCH_SUBWORDS,
    look_ahead: int = LOOK_AHEAD,
    skip: bool = False,
    resume: bool = False,
    shard: Shard | None = None,
) -> Iterator[Done]:
    """Annotate records and yield after each window what has been done; in the end the output is there.

    Args:
        analyzer: the analyzer.
        records: the records of all inputs.
        sink: where they go.
        settings: what must be the same when an interrupted run is gone on with, as JSON can hold it.
        tasks: the tasks wanted, by default all that read one sentence.
        probabilities: whether annotations have probabilities.
        batch_tokens: most subwords a batch, padding included.
        look_ahead: most records in a window.
        skip: whether a record that cannot be analysed is left out, and reported in ``<output>.errors.jsonl``; else it
            ends the run, which can be gone on with at the window that the record is in.
        resume: go on with an interrupted run, if there is one; a finished one is left as it is.
        shard: the part of the records that is this run's.

    Raises:
        HierNLPError: there is an unfinished run and ``resume`` is false, it had other settings, or a record cannot be
            analysed.
    """
    shard, tasks = shard or Shard(), analyzer.checked(tasks)
    state_file, errors_file = (sink.path.with_name(sink.path.name + end) for end in (".state.json", ".errors.jsonl"))
    state = _read_state(state_file, settings=settings, resume=resume)
    if state is None and resume and sink.path.exists():
        return
    state = state or {"settings": settings, "records": 0, "skipped": 0, "mark": {}, "errors": 0, "complete": False}
    errors, words = AppendedFile(errors_file), 0
    try:
        if not state["complete"]:
            if not state["records"]:
                sink.clear()
            sink.begin(state["mark"])
            errors.begin(state["errors"])
            _write_state(state_file, state)
            numbered = (
                Numbered(number, record)
                for number, record in enumerate(records, start=1)
                if (number - 1) % shard.of == shard.index
            )
            for _ in zip(range(state["records"]), numbered, strict=False):
                pass
            for window in windows(
                analyzer,
                numbered,
                content=lambda each: each.record.text,
                tasks=tasks,
                probabilities=probabilities,
                batch_tokens=batch_tokens,
                look_ahead=look_ahead,
            ):
                for outcome in window:
                    if outcome.document is not None:
                        sink.write(outcome.record, outcome.document)
                        words += sum(map(len, outcome.document.sentences))
                        continue
                    where, found = outcome.record.record, str(outcome.error)
                    if not skip:
                        raise DataError(
                            found.removeprefix(f"{where.file}, line {where.line}: "), file=where.file, line=where.line
                        )
                    about = {"record": outcome.record.number, "id": where.id, "file": where.file, "line": where.line}
                    errors.write(to_line(about | {"error": found}) + "\n")
                    state["skipped"] += 1
                state |= {
                    "records": state["records"] + len(window),
                    "mark": dict(sink.commit()),
                    "errors": errors.commit(),
                }
                _write_state(state_file, state)
                yield Done(state["records"], state["skipped"], words)
            state["complete"] = True
            state["mark"] = dict(sink.commit())
            _write_state(state_file, state)
    finally:
        sink.close()
        errors.close()
    sink.finish()
    if not state["skipped"]:
        errors_file.unlink(missing_ok=True)
    state_file.unlink()
    sink.clear()


def _read_state(file: Path, *, settings: Mapping[str, Any], resume: bool) -> dict[str, Any] | None:
    """Return how far an unfinished run got, or None if there is none."""
    if not file.exists():
        return None
    if not resume:
        raise HierNLPError(f"{file}: an unfinished run left it; go on with --resume, or delete it to start anew")
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        before = state["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise HierNLPError(f"{file}: damaged ({error}); delete it to start anew") from None
    now = json.loads(json.dumps(settings))
    for key in now:
        if before.get(key) != now[key]:
            raise HierNLPError(
                f"--resume: the unfinished run had {key} {before.get(key)!r}, found {now[key]!r}; give the same, "
                f"or delete {file} to start anew"
            )
    return state


def _write_state(file: Path, state: Mapping[str, Any]) -> None:
    with replaced_file(file) as new:
        new.write_text(json.dumps(state), encoding="utf-8")
