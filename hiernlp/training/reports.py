"""What happened in a run, as JSON lines and for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from hiernlp.errors import NotInstalledError
from hiernlp.training.events import Ended, Evaluated, Event, StepsDone

LOG = "log.jsonl"


class RunLog:
    """Writes events to ``log.jsonl`` and, where wanted, to the folder ``tensorboard``.

    Args:
        folder: where to.
        from_step: lines after this step, left by a run that died, are dropped: the resumed run writes them again.
        tensorboard: whether to write for TensorBoard; ``auto`` if its package is installed.

    Raises:
        NotInstalledError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, *, from_step: int = 0, tensorboard: bool | Literal["auto"] = "auto") -> None:
        self.path = folder / LOG
        folder.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_log(self.path) if line["step"] <= from_step] if from_step else []
        self.path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._board = _board(folder / "tensorboard", from_step) if tensorboard else None
        if tensorboard is True and self._board is None:
            raise NotInstalledError(
                "training.tensorboard: needs the package tensorboard: pip install 'hiernlp[tensorboard]'"
            )

    def write(self, event: Event) -> None:
        """Write one event."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_line(event)) + "\n")
        if self._board is not None:
            for name, value in _scalars(event).items():
                self._board.add_scalar(name, value, event.step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log; a last line that was cut off is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _line(event: Event) -> dict[str, Any]:
    match event:
        case StepsDone():
            return {"event": "step", **asdict(event)}
        case Evaluated():
            scores = {t: {"main": s.main, "values": s.values} for t, s in event.scores.items()}
            return {"event": "evaluation", **asdict(event), "scores": scores}
        case Ended():
            return {"event": "end", **asdict(event)}


def _scalars(event: Event) -> dict[str, float]:
    match event:
        case StepsDone():
            return {
                "loss": event.loss,
                "words_per_second": event.words_per_second,
                **{f"loss/{task}": loss for task, loss in event.losses.items()},
                **{f"learning_rate/{name}": rate for name, rate in event.learning_rate.items()},
                **event.schedules,
            }
        case Evaluated():
            values = {f"dev/{t}/{s.main}": s.main_value for t, s in event.scores.items()}
            return values | {"dev/figure": event.figure}
        case Ended():
            return {}


def _board(folder: Path, from_step: int) -> Any:  # noqa: ANN401 - the class of an optional package
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=from_step + 1 if from_step else None)
