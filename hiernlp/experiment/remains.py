"""What adversaries left: how much a fresh probe finds of their labels in the states, before and after training.

An adversary whose own head fails may have a poor head, not clean states: only a head trained anew, against which
nothing works, tells how much is left (Elazar and Goldberg 2018, arXiv 1808.06640).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hiernlp.errors import ModelFolderError
from hiernlp.experiment.folders import dumped, today, versions
from hiernlp.experiment.places import probe
from hiernlp.experiment.preparation import Experiment
from hiernlp.files import replaced_file
from hiernlp.hub.folder import Bundle
from hiernlp.probing.folder import begin, fingerprint
from hiernlp.probing.prober import Prober, TaskProbed
from hiernlp.probing.report import write_report
from hiernlp.probing.results import ProbeResult, TaskResult
from hiernlp.recipe import only_tasks

ADVERSARIES, REMAINS = "adversaries", "remains.json"
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Remains:
    """What fresh probes find of an adversary's labels at a layer that it reads.

    Attributes:
        layer: the layer.
        main: the figure.
        before: in the pretrained encoder's states.
        after: in the saved model's.
        baseline: the majority's.
    """

    layer: int
    main: str
    before: float
    after: float
    baseline: float


def adversaries_of(experiment: Experiment) -> list[str]:
    """Return the adversaries that are to be probed: those with development data."""
    return [
        task
        for task, settings in experiment.recipe.tasks.items()
        if settings.reversal is not None
        and settings.reversal.probe
        and any(task in split.tasks for split in experiment.dev.values())
    ]


def probe_remains(
    experiment: Experiment, folder: Path, *, saved: Bundle, device: torch.device, base: Path | None = None
) -> dict[str, list[Remains]]:
    """Probe the encoder as it was before training and as it was saved for what adversaries worked against.

    The reports of both probes, of all layers, lie in the folder's ``before`` and ``after``; interrupted, the same call
    goes on with what is not complete.

    Args:
        experiment: what was trained.
        folder: where to; ``remains.json`` in it says what is returned.
        saved: the model that was saved.
        device: where to probe.
        base: the folder that relative paths of the recipe start from.

    Returns:
        For each adversary, bottom-up, the layers that it reads.
    """
    tasks = adversaries_of(experiment)
    recipe = only_tasks(experiment.recipe, [*experiment.recipe.main_tasks, *tasks])
    _begin(folder, dumped(experiment.recipe))
    before = probe(recipe, folder / BEFORE, tasks=tasks, base=base, device=device)
    after = _probe_saved(
        experiment, replace(saved, tasks=experiment.bundle.tasks), folder / AFTER, tasks, device=device
    )
    found: dict[str, list[Remains]] = {}
    for task in tasks:
        place, old, new = experiment.bundle.model.places[task], before.tasks[task], after.tasks[task]
        found[task] = [
            Remains(layer, new.main, old.layers[layer], new.layers[layer], new.baseline)
            for layer in range(place.low, place.high + 1)
        ]
    with replaced_file(folder / REMAINS) as file:
        stored = {task: [asdict(each) for each in layers] for task, layers in found.items()}
        file.write_text(json.dumps(stored, indent=1), encoding="utf-8")
    return found


def read_remains(folder: Path) -> dict[str, list[Remains]]:
    """Return what :func:`probe_remains` left in a folder; nothing where there was no adversary.

    Raises:
        ModelFolderError: the file is damaged.
    """
    file = folder / REMAINS
    if not file.is_file():
        return {}
    try:
        stored: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {task: [Remains(**each) for each in layers] for task, layers in stored.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFolderError(f"{file}: cannot be read ({error}); remove it") from None


def _begin(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make a folder, without what another probe left in it."""
    if not begin(folder, identity):
        shutil.rmtree(folder)
        begin(folder, identity)


def _probe_saved(
    experiment: Experiment, bundle: Bundle, folder: Path, tasks: list[str], *, device: torch.device
) -> ProbeResult:
    recipe = experiment.recipe
    _begin(folder, {"weights": fingerprint(bundle.model)})
    bundle.model.to(device)
    prober = Prober(
        bundle,
        train=experiment.train,
        dev=experiment.dev,
        tasks=tasks,
        settings=recipe.probe,
        seed=recipe.training.seed,
        folder=folder,
        budget=recipe.training.evaluation_subwords,
    )
    results: dict[str, TaskResult] = {e.task: e.result for e in prober.events() if isinstance(e, TaskProbed)}
    result = ProbeResult(
        tasks={task: results[task] for task in tasks},
        share=recipe.probe.share,
        probed=f"{recipe.encoder.name}, trained against {', '.join(tasks)}",
        seed=recipe.training.seed,
        command=None,
        date=today(),
        versions=versions(),
    )
    write_report(result, folder)
    return result
