"""From a recipe to a trained model folder: corpora, label spaces, model, training, evaluation, saving."""

from __future__ import annotations

from hiernlp.experiment.choice import check_select, with_known_scores
from hiernlp.experiment.folders import (
    BEGUN_WITH,
    LOG,
    STATE,
    TRAINING,
    dumped,
    is_finished,
    main_value,
    read_scores,
    today,
    versions,
)
from hiernlp.experiment.places import PROBE, probe, with_probed_places
from hiernlp.experiment.preparation import Experiment, prepare
from hiernlp.experiment.remains import ADVERSARIES, Remains, read_remains
from hiernlp.experiment.run import Run
from hiernlp.experiment.trainer import build_trainer, new_accelerator

__all__ = [
    "ADVERSARIES",
    "BEGUN_WITH",
    "LOG",
    "PROBE",
    "STATE",
    "TRAINING",
    "Experiment",
    "Remains",
    "Run",
    "build_trainer",
    "check_select",
    "dumped",
    "is_finished",
    "main_value",
    "new_accelerator",
    "prepare",
    "probe",
    "read_remains",
    "read_scores",
    "today",
    "versions",
    "with_known_scores",
    "with_probed_places",
]
