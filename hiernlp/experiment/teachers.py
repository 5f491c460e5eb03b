"""The models that teach an experiment's tasks, found, checked and heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from hiernlp.errors import ModelFolderError, RecipeError
from hiernlp.experiment.folders import STATE, TRAINING
from hiernlp.experiment.preparation import Experiment
from hiernlp.hub.folder import CONFIG, Bundle, TaskRecord, load_bundle
from hiernlp.kinds._base import Arrays, Kind, Labels
from hiernlp.recipe import Recipe
from hiernlp.registry import kinds
from hiernlp.training.checkpoints import has_state
from hiernlp.training.data import BatchBuilder, EncodedSplit, Lessons
from hiernlp.training.loop import attention_for
from hiernlp.training.teaching import lessons_of

ALONE = "alone"
"""Teachers that a comparison trains first: each task's own model."""
SINGLE = "single"
"""The folder of a comparison's single-task models."""


def lessons_for(
    experiment: Experiment, accelerator: Accelerator, *, base: Path | None = None
) -> dict[tuple[str, str], list[Arrays | None]]:
    """Return what the recipe's teachers say of the training sentences, by corpus and task.

    Each teacher is loaded once, whatever it teaches, and let go before the next one is. Where a task has several, they
    say the mean of what each says.

    Args:
        experiment: data and model.
        accelerator: the device and number format in which teachers answer.
        base: the folder that relative paths of the recipe start from.

    Raises:
        RecipeError: a teacher has another label space than the task that it teaches, or lacks the task.
        ModelFolderError: a teacher cannot be loaded.
    """
    found: dict[tuple[str, str], list[list[Arrays | None]]] = {}
    teachers: dict[str, list[str]] = {}
    for task, models in teachers_of(experiment.recipe, base=base or Path()).items():
        for model in models:
            teachers.setdefault(model, []).append(task)
    for model, tasks in teachers.items():
        teacher = _loaded(model, tasks, experiment)
        teacher.model.to(accelerator.device)
        for corpus, split in experiment.train.items():
            taught = [
                task for task in tasks if task in split.tasks or _learns_from_teachers_alone(task, split, experiment)
            ]
            if not taught:
                continue
            read = EncodedSplit(split.dataset, encoder=teacher.encoder, tasks=taught)
            builder = BatchBuilder.of(teacher.model, {corpus: read}, encoder=teacher.encoder, encoding=teacher.encoding)
            with accelerator.autocast(), attention_for(accelerator):
                said = lessons_of(
                    teacher.model,
                    builder,
                    corpus=corpus,
                    tasks=taught,
                    budget=experiment.recipe.training.evaluation_subwords,
                )
            for task, lessons in said.items():
                found.setdefault((corpus, task), []).append(lessons)
    heads = experiment.bundle.model.heads
    return {(corpus, task): _together(all_said, heads[task]) for (corpus, task), all_said in found.items()}  # pyright: ignore[reportArgumentType]


def with_lessons(
    train: Mapping[str, EncodedSplit], lessons: Lessons, *, order: Sequence[str]
) -> dict[str, EncodedSplit]:
    """Return training splits that also train what only teachers say of them.

    Args:
        train: the splits by corpus.
        lessons: what teachers say, by corpus and task.
        order: all tasks, bottom-up.
    """
    found: dict[str, EncodedSplit] = {}
    for corpus, split in train.items():
        only_taught = {task for of, task in lessons if of == corpus} - set(split.tasks)
        found[corpus] = split.teaching(only_taught, order=order) if only_taught else split
    return found


def teachers_of(recipe: Recipe, *, base: Path) -> dict[str, list[str]]:
    """Return the model folders or hub ids of each task's teachers.

    Raises:
        RecipeError: the folder that the recipe names has no model of any task that can be taught.
    """
    given = recipe.training.teachers
    if given is None:
        return {}
    if not isinstance(given, str):
        named = {task: [models] if isinstance(models, str) else models for task, models in given.items()}
        return {task: [_beside(model, base) for model in models] for task, models in named.items()}
    if given == ALONE:
        raise RecipeError(
            f"training.teachers: {ALONE!r} is for `hiernlp compare`, which trains each task alone first; give a folder "
            "of such models, or a model for each task"
        )
    folder = Path(_beside(given, base))
    seed = recipe.training.seed
    found: dict[str, list[str]] = {}
    for task, settings in recipe.tasks.items():
        if settings.view is None and kinds.load(settings.kind).can_be_taught:
            model = _first_trained(_candidates(folder, task=task, seed=seed))
            found |= {} if model is None else {task: [str(model)]}
    if not found:
        raise RecipeError(
            f"training.teachers: {given}: expected a folder that `hiernlp compare` made, or the folder training/single "
            "of a model trained with --single-tasks; found no model of any of the recipe's tasks"
        )
    return found


def _candidates(folder: Path, *, task: str, seed: int) -> Iterable[Path]:
    """Yield where a task's own model may be: of the same seed if there is one."""
    yield folder / task
    yield folder / SINGLE / task / f"seed-{seed}"
    yield from sorted((folder / SINGLE / task).glob("seed-*"))


def _first_trained(folders: Iterable[Path]) -> Path | None:
    """Return the first folder that holds a model whose training is not to be gone on with."""
    models = (folder for folder in folders if (folder / CONFIG).is_file())
    return next((folder for folder in models if not has_state(folder / TRAINING / STATE)), None)


def _together(said: Sequence[list[Arrays | None]], head: Kind[Any, Any]) -> list[Arrays | None]:
    """Return what a task's teachers, each with its lessons of the same sentences, say together of each sentence."""
    if len(said) == 1:
        return said[0]
    return [head.mean_lesson([lesson for lesson in of if lesson is not None]) for of in zip(*said, strict=True)]


def _learns_from_teachers_alone(task: str, split: EncodedSplit, experiment: Experiment) -> bool:
    """Tell whether a task that a corpus does not annotate is to learn what its teacher says of the corpus."""
    everywhere = experiment.recipe.training.teaching_corpora == "all"
    return everywhere and experiment.bundle.model.reads_pairs(task) == split.has_pairs


def _beside(name: str, base: Path) -> str:
    path = base / Path(name).expanduser()
    return str(path) if path.exists() else name


def _loaded(name: str, tasks: list[str], experiment: Experiment) -> Bundle:
    """Load a teacher and check that what it says can be compared with what its pupils say."""
    where = f"training.teachers.{tasks[0]}"
    try:
        teacher = load_bundle(name)
    except ModelFolderError as error:
        raise ModelFolderError(f"{where}: {error}") from None
    for task in tasks:
        where = f"training.teachers.{task}"
        if task not in teacher.tasks:
            raise RecipeError(f"{where}: {name}: expected a model of {task!r}, found one of {', '.join(teacher.tasks)}")
        mine, theirs = experiment.bundle.tasks[task], teacher.tasks[task]
        if mine.kind != theirs.kind or _space(mine) != _space(theirs):
            what = "kind" if mine.kind != theirs.kind else "labels"
            raise RecipeError(
                f"{where}: {name}: expected the {what} that {task!r} has here, found other ones; give a model that was "
                "trained on the same corpora"
            )
        for option in kinds.load(mine.kind).range_options:
            ours, found = (_option(bundle, task, option) for bundle in (experiment.bundle, teacher))
            if ours != found:
                raise RecipeError(f"{where}: {name}: expected {option} {ours}, as here, found {found}")
        if teacher.model.reads_pairs(task) != experiment.bundle.model.reads_pairs(task):
            raise RecipeError(f"{where}: {name}: expected a model that reads as many sentences at a time as {task!r}")
    return teacher


def _space(task: TaskRecord) -> Labels:
    """Return the label spaces that a task's beliefs are over."""
    aids = kinds.load(task.kind).Decoder.aids
    return {role: labels for role, labels in task.labels.items() if role not in aids}


def _option(bundle: Bundle, task: str, name: str) -> object:
    head: Kind = bundle.model.heads[task]  # pyright: ignore[reportAssignmentType]
    return getattr(head.options, name)
