"""Places by probing: the layer of each task that a recipe leaves to the probe, and the same of trained models."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from hiernlp.errors import HierNLPError, RecipeError, did_you_mean
from hiernlp.experiment.folders import dumped, today, versions
from hiernlp.experiment.preparation import prepare, reopen
from hiernlp.hub.folder import Bundle
from hiernlp.prediction import choose_device
from hiernlp.probing.folder import begin, fingerprint
from hiernlp.probing.localisation import stretched
from hiernlp.probing.prober import ProbeEvent, Prober, TaskProbed, stored_results
from hiernlp.probing.report import write_report
from hiernlp.probing.results import ProbeResult, TaskResult
from hiernlp.probing.settings import ProbeSettings
from hiernlp.recipe import Recipe, only_tasks, unplaced_tasks, untrained, with_places, without_idle_helpers

PROBE = "probe"
"""Folder of the probe that found a recipe's places, inside the folder of what it was found for."""

PROBED_BY = ("kind", "options", "pair", "corpora", "hint")
"""What of a task's settings its probe depends on."""

Told = Callable[[ProbeEvent], object]
"""Called with what a probe does, when it has done it."""


def probe(
    recipe: Recipe,
    folder: Path,
    *,
    bundle: Bundle | None = None,
    tasks: Sequence[str] | None = None,
    base: Path | None = None,
    device: torch.device | str | None = None,
    command: str | None = None,
    told: Told | None = None,
) -> ProbeResult:
    """Find out how much each layer of an encoder tells about each task, and write the report into a folder.

    Interrupted, it goes on in the same folder with the task that was not complete; what is complete is not done again.

    Args:
        recipe: names the encoder, the data and the tasks, and how to probe.
        folder: a new or empty folder, or one of the same probe.
        bundle: a trained model of that recipe, whose encoder is probed as it is, with the beliefs that it feeds upward;
            by default the pretrained encoder is. It is moved to the device, and not changed otherwise.
        tasks: the tasks to probe; by default all.
        base: the folder that relative paths of the recipe start from.
        device: where to run; by default the accelerator that there is, or else the processor.
        command: the command that makes the report, for the record.
        told: is called with what happens.

    Raises:
        HierNLPError: the recipe or its data cannot be used, or the folder holds something else.

    Example:
        >>> found = probe(load_recipe("sample"), Path("runs/probe"))  # doctest: +SKIP
        >>> found.places  # doctest: +SKIP
        {'upos': 2, 'dependencies': 4}
    """
    recipe = without_idle_helpers(recipe)
    if bundle is not None:
        # Helpers are not saved with a model.
        recipe = only_tasks(recipe, [t for t, s in recipe.tasks.items() if t in bundle.tasks or not s.auxiliary])
    for task in tasks or ():
        if task not in recipe.tasks:
            raise RecipeError(f"tasks: there is no task {task!r}{did_you_mean(task, recipe.tasks)}")
    where = choose_device(device)
    names = [task for task in recipe.tasks if tasks is None or task in tasks]
    if bundle is None:
        experiment = prepare(untrained(recipe), base=base)
    else:
        _check_same_tasks(recipe, bundle)
        experiment = reopen(bundle, recipe, base=base)
    weights = None if bundle is None else fingerprint(bundle.model)
    prober = Prober(
        experiment.bundle,
        train=experiment.train,
        dev=experiment.dev,
        tasks=names,
        settings=recipe.probe,
        seed=recipe.training.seed,
        folder=folder,
        budget=recipe.training.evaluation_subwords,
    )
    if not begin(folder, _identity(recipe, names, weights=weights)):
        raise HierNLPError(
            f"{folder}: expected a new or empty folder, or one of the same probe to go on with; give another folder"
        )
    experiment.bundle.model.to(where)
    results: dict[str, TaskResult] = {}
    for event in prober.events():
        if isinstance(event, TaskProbed):
            results[event.task] = event.result
        if told is not None:
            told(event)
    result = ProbeResult(
        tasks={name: results[name] for name in names},
        share=recipe.probe.share,
        probed=_probed(recipe, experiment.bundle, trained=bundle is not None),
        seed=recipe.training.seed,
        command=command,
        date=today(),
        versions=versions(),
    )
    write_report(result, folder)
    return result


def with_probed_places(
    recipe: Recipe,
    folder: Path,
    *,
    base: Path | None = None,
    device: torch.device | str | None = None,
    told: Told | None = None,
) -> Recipe:
    """Return the recipe with a layer for each task whose place it leaves to the probe.

    The probe reads the pretrained encoder. What lies in the folder from the same probe is taken as it is, so that a
    second call finds the same at once; what lies there from another one is removed.

    Args:
        recipe: the recipe; one that leaves nothing to the probe is returned as it is.
        folder: the folder of the probe.
        base: the folder that relative paths of the recipe start from.
        device: where to probe, as for :func:`probe`.
        told: is called with what happens.

    Raises:
        HierNLPError: the recipe or its data cannot be used; a task has no development data.
    """
    if not unplaced_tasks(recipe):
        return recipe
    recipe = without_idle_helpers(recipe)
    names = unplaced_tasks(recipe)
    known = known_places(recipe, folder)
    if known is None:
        if folder.exists() and not begin(folder, _identity(recipe, names)):
            shutil.rmtree(folder)
        probe(recipe, folder, tasks=names, base=base, device=device, told=told)
        known = known_places(recipe, folder)
        assert known is not None
    return with_places(recipe, known)


def known_places(recipe: Recipe, folder: Path) -> dict[str, int] | None:
    """Return the layers that a finished probe of a recipe's unplaced tasks gives them; None if there is none.

    They go by centres of gravity or by scores, as the recipe says, and are stretched over the whole encoder if it says
    so and leaves all its tasks to the probe.
    """
    names = unplaced_tasks(recipe)
    if not folder.is_dir() or not begin(folder, _identity(recipe, names)):
        return None
    results = stored_results(folder, names)
    if len(results) < len(names):
        return None
    found: dict[str, float] = {name: _place(result, recipe.probe) for name, result in results.items()}
    if not recipe.probe.stretch or len(names) < len(recipe.tasks):
        return {name: int(layer + 0.5) for name, layer in found.items()}
    return stretched(found, depth=len(next(iter(results.values())).layers) - 1)


def _place(result: TaskResult, settings: ProbeSettings) -> float:
    return result.place(settings.share) if settings.place_by == "score" else result.centre_of_gravity


def _identity(recipe: Recipe, tasks: Sequence[str], *, weights: str | None = None) -> dict[str, Any]:
    """Return all of a recipe on which the results of tasks depend."""
    data = dumped(recipe)
    for how_read in ("share", "place_by", "stretch"):
        data["probe"].pop(how_read)
    return {
        **{key: data[key] for key in ("encoder", "encoding", "corpora", "probe")},
        "tasks": {task: {key: data["tasks"][task][key] for key in PROBED_BY} for task in tasks},
        "seed": recipe.training.seed,
        "weights": weights,
    }


def _check_same_tasks(recipe: Recipe, bundle: Bundle) -> None:
    for task, settings in recipe.tasks.items():
        record = bundle.tasks.get(task)
        if record is None or record.kind != settings.kind:
            raise RecipeError(f"tasks.{task}: the trained model has no such task of kind {settings.kind!r}")


def _probed(recipe: Recipe, bundle: Bundle, *, trained: bool) -> str:
    name = recipe.encoder.name
    if not trained:
        return f"{name}, as pretrained"
    fed = dict.fromkeys(feed.source for feed in bundle.model.feeds if feed.target is None)
    return f"{name}, as trained" + (f", with the beliefs of {', '.join(fed)} fed into it" if fed else "")
