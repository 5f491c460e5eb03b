"""From an experiment to the loop that trains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration

from hiernlp.errors import RecipeError
from hiernlp.experiment.preparation import Experiment
from hiernlp.experiment.teachers import lessons_for, with_lessons
from hiernlp.kinds._base import Scores
from hiernlp.processor import keep_kernels
from hiernlp.registry import balancing, gating
from hiernlp.settings import validate
from hiernlp.training.data import BatchBuilder, TrainingBatch
from hiernlp.training.gates import Gates
from hiernlp.training.loop import Trainer
from hiernlp.training.sampling import EpochPlanner
from hiernlp.training.settings import TrainingSettings

PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def new_accelerator(settings: TrainingSettings) -> Accelerator:
    """Return the accelerator that the settings ask for."""
    # Accelerate keeps the first number format for the whole process; another run may want another.
    AcceleratorState._reset_state()
    if settings.precision == "bfloat16":
        keep_kernels()
    return Accelerator(
        mixed_precision=PRECISIONS[settings.precision],
        dataloader_config=DataLoaderConfiguration(non_blocking=True),
        # A batch trains what its corpus annotates: the other heads have no gradient in that step.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def build_trainer(
    experiment: Experiment,
    accelerator: Accelerator,
    *,
    evaluate: Callable[[], tuple[dict[str, Scores], float]] | None = None,
    state_folder: Path | None = None,
    before_step: Callable[[int, Sequence[TrainingBatch]], None] | None = None,
    base: Path | None = None,
) -> Trainer:
    """Return the loop that trains an experiment as its recipe says.

    Args:
        experiment: data and model.
        accelerator: see :func:`new_accelerator`.
        evaluate: scores the model as it is and returns the figure that chooses checkpoints; None for no evaluation.
        state_folder: where states to go on from are kept; None for none.
        before_step: called before each step with its number, counted from 0, and its batches.
        base: the folder that relative paths of the recipe start from.

    Raises:
        RecipeError: the settings of the balancing method or of a gate are wrong, or a teacher teaches something else.
        ModelFolderError: a teacher cannot be loaded.
    """
    recipe, bundle = experiment.recipe, experiment.bundle
    settings = recipe.training
    method = balancing.load(recipe.balancing.method)
    lessons = lessons_for(experiment, accelerator, base=base)
    train = with_lessons(experiment.train, lessons, order=bundle.model.tasks)
    builder = BatchBuilder.of(
        bundle.model,
        train,
        encoder=bundle.encoder,
        encoding=bundle.encoding,
        corruptions=experiment.corruptions,
        lessons=lessons,
    )
    return Trainer(
        bundle.model,
        balancer=method(
            options=validate(method.Options, recipe.balancing.options),
            weights={task: s.weight for task, s in recipe.tasks.items()},
        ),
        builder=builder,
        planner=EpochPlanner(
            {corpus: split.sizes for corpus, split in train.items() if split.tasks},
            settings=recipe.sampling,
            budget=settings.batch_subwords,
            seed=settings.seed,
            epochs=settings.epochs,
            processes=accelerator.num_processes,
            accumulation=settings.accumulation,
            tasks={corpus: split.tasks for corpus, split in train.items()},
            order=bundle.model.tasks,
            repeats={corpus: s.repeat for corpus, s in recipe.corpora.items()},
        ),
        settings=settings,
        rates={task: s.learning_rate for task, s in recipe.tasks.items() if s.learning_rate is not None},
        schedules={task: s.schedule for task, s in recipe.tasks.items() if s.schedule is not None},
        reversals={task: s.reversal for task, s in recipe.tasks.items() if s.reversal is not None},
        gates=_gates(experiment, builder),
        evaluate=evaluate,
        state_folder=state_folder,
        accelerator=accelerator,
        before_step=before_step,
    )


def _gates(experiment: Experiment, builder: BatchBuilder) -> Gates | None:
    """Return the gates of the recipe's helpers; None if no helper has one."""
    recipe = experiment.recipe
    gates = {}
    for task, settings in recipe.tasks.items():
        if settings.gate is None:
            continue
        gate = gating.load(settings.gate.method)
        gates[task] = gate(validate(gate.Options, settings.gate.options, path=f"tasks.{task}.gate.options"))
        splits = {"train": experiment.train, "dev": experiment.dev}[gate.compares_with].values()
        if not any(main in split.tasks for split in splits for main in recipe.main_tasks):
            raise RecipeError(
                f"tasks.{task}.gate: {settings.gate.method!r} compares with development data, and no corpus has any of "
                "a main task; add dev or split: dev, or use the gate 'similarity'"
            )
        feeding = [feed for feed in experiment.bundle.model.feeds if feed.source == task and not feed.detached]
        if feeding and gates[task].options.per == "layer":
            raise RecipeError(
                f"tasks.{task}.gate.options.per: {task!r} feeds others, whose gradient its gates would hold back, too; "
                "take out `per: layer`, or let the feed be `gradient: detached`"
            )
    if not gates:
        return None
    return Gates(
        experiment.bundle.model,
        gates,
        weights={task: recipe.tasks[task].weight for task in recipe.main_tasks},
        train=builder,
        dev=replace(builder, splits=experiment.dev, lessons={}),
        budget=recipe.training.batch_subwords,
        seed=recipe.training.seed,
    )
