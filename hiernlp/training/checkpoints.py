"""The state of a training run on disk: complete or not there, and exact to go on from."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import PickleError

from accelerate import Accelerator
from accelerate.utils import RNG_STATE_NAME, load
from safetensors import SafetensorError

from hiernlp.errors import ModelFolderError
from hiernlp.files import recover_folder, swap_folder

PROGRESS = "progress.json"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        epoch: epochs done.
        step_in_epoch: steps done in the epoch under way.
        step: steps done in all.
        words: words trained on in all.
        best: the best value of the figure that chooses checkpoints, if there was an evaluation.
        best_step: the step it was had at.
        since_best: evaluations since then.
        finished: whether training has ended.
        task_bests: each task's best score.
        trained: the tasks trained since the last evaluation.
        care: what :class:`~hiernlp.training.care.Care` knows of each task.
    """

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0
    words: int = 0
    best: float | None = None
    best_step: int | None = None
    since_best: int = 0
    finished: bool = False
    task_bests: dict[str, float] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    care: dict[str, dict[str, float]] = field(default_factory=dict)


def save_state(accelerator: Accelerator, folder: Path, progress: Progress) -> None:
    """Save weights, optimizer, random generators and progress; the state before stays whole until all is written.

    Every process calls this, since each has random generators of its own.

    Raises:
        ModelFolderError: the disk is full or cannot be written to.
    """
    new = folder.with_name(f".{folder.name}.new")
    try:
        if accelerator.is_main_process:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(new), safe_serialization=True)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            (new / PROGRESS).write_text(json.dumps(asdict(progress), indent=1))
            swap_folder(new, folder)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        kept = f"the state before it is intact in {folder}" if folder.exists() else "there is no earlier state"
        raise ModelFolderError(
            f"{folder}: the training state of step {progress.step} cannot be saved ({error}); {kept}"
        ) from error
    accelerator.wait_for_everyone()


def has_state(folder: Path) -> bool:
    """Tell whether there is a state to go on from."""
    recover_folder(folder)
    return (folder / PROGRESS).is_file()


def load_state(accelerator: Accelerator, folder: Path) -> Progress:
    """Restore what :func:`save_state` saved.

    Raises:
        ModelFolderError: the state is damaged.
    """
    try:
        # Accelerate goes on without random states that it cannot read; a run that did would not be exact.
        load(folder / f"{RNG_STATE_NAME}_{accelerator.process_index}.pkl")
        accelerator.load_state(str(folder))
        return Progress(**json.loads((folder / PROGRESS).read_text()))
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, EOFError, PickleError, SafetensorError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelFolderError(
            f"{folder}: the training state cannot be read ({first}); it belongs to another recipe or is damaged; start "
            "again in a new folder"
        ) from error


def drop_state(folder: Path) -> None:
    """Remove the state of a finished run."""
    shutil.rmtree(folder, ignore_errors=True)
