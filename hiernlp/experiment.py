"""From a recipe to a trained model folder: corpora, label spaces, model, training, evaluation, saving."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, set_seed

from hiernlp.corpora import SECOND, load_corpus
from hiernlp.encoder import Encoder, load_config, resolve_encoder
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import DataError, HierNLPError, NotInstalledError, RecipeError, did_you_mean
from hiernlp.files import replaced_file
from hiernlp.hub.folder import SCORES, Bundle, TaskRecord, build_model, library_version, save_bundle
from hiernlp.kinds._base import Scores
from hiernlp.recipe import Recipe, resolve_feeds, resolve_place, with_training
from hiernlp.registry import balancing, kinds
from hiernlp.settings import validate
from hiernlp.training.checkpoints import drop_state, has_state
from hiernlp.training.data import BatchBuilder, EncodedSplit, annotates
from hiernlp.training.evaluation import baselines, columns_of, evaluate, mean_relative, relative
from hiernlp.training.gain import GAIN, NO_LOSS, chosen_by_gain, gains_of, read_single_scores
from hiernlp.training.loop import Ended, Evaluated, Event, Trainer
from hiernlp.training.reports import LOG, read_log
from hiernlp.training.sampling import EpochPlanner

TRAINING = "training"
"""Folder inside a model folder for what belongs to its training alone."""
STATE, BEST, BEGUN_WITH = "state", "best", "recipe.json"
PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


@dataclass
class Experiment:
    """A recipe with its data and its model, ready to train.

    Attributes:
        recipe: the resolved recipe.
        bundle: the model with all that is needed to use it.
        train: the training split of each corpus.
        dev: the development split of each corpus that has one.
    """

    recipe: Recipe
    bundle: Bundle
    train: dict[str, EncodedSplit]
    dev: dict[str, EncodedSplit]


def prepare(recipe: Recipe, *, base: Path | None = None) -> Experiment:
    """Read the corpora, find the label spaces and build the model.

    Args:
        recipe: the recipe; paths in it that are not absolute start from ``base``.
        base: a folder, by default the working folder.

    Raises:
        HierNLPError: the recipe, a corpus or the encoder cannot be used; the message says where and how to mend it.
    """
    base = base or Path()
    name = resolve_encoder(recipe.encoder.name, base=base)
    # The encoder's depth is known before its weights are read: mistakes in places come first.
    config = load_config(name, overrides=recipe.encoder.config, revision=recipe.encoder.revision)
    depth = int(getattr(config, "num_hidden_layers", 0))
    places = {task: resolve_place(task, settings, depth=depth) for task, settings in recipe.tasks.items()}
    feeds = resolve_feeds(recipe.feeds, places, depth=depth)

    corpora = {
        corpus: load_corpus(
            reader=settings.reader,
            options=settings.options,
            # Test data are left alone until someone evaluates on them.
            sources={split: getattr(settings, split) for split in ("train", "dev") if getattr(settings, split)},
            split=settings.split,
            rename=settings.rename,
            base=base,
        )
        for corpus, settings in recipe.corpora.items()
    }
    kind_of = {task: kinds.load(settings.kind) for task, settings in recipe.tasks.items()}
    options = {task: validate(kind_of[task].Options, s.options) for task, s in recipe.tasks.items()}
    _check_columns({task: kind_of[task].columns(options[task]) for task in recipe.tasks})
    trained_on = {
        task: [
            corpus
            for corpus, splits in corpora.items()
            if (settings.corpora is None or corpus in settings.corpora)
            and annotates(splits["train"], kind_of[task].columns(options[task]), pairs=settings.pair is not None)
        ]
        for task, settings in recipe.tasks.items()
    }
    for task, found in trained_on.items():
        if recipe.tasks[task].pair is not None and kind_of[task].level != "sentence":
            raise RecipeError(
                f"tasks.{task}.pair: a pair of sentences has one answer, but the kind {recipe.tasks[task].kind!r} has "
                "answers for words; use sentence_labels, sentence_scores or multi_labels"
            )
        _check_annotated(task, found, recipe, kind_of[task].columns(options[task]), corpora)

    encoder = Encoder.from_pretrained(
        name,
        attention=recipe.encoder.attention,
        overrides=recipe.encoder.config,
        revision=recipe.encoder.revision,
    )
    if recipe.encoder.gradient_checkpointing:
        encoder.enable_gradient_checkpointing()
    if recipe.encoder.compile:
        encoder.compile_layers()
    subwords = SubwordEncoder.from_pretrained(name, limit=10**9, revision=recipe.encoder.revision, config=config)
    limit = encoder.length_limit(min(int(subwords.tokenizer.model_max_length), 10**6))
    subwords = SubwordEncoder(subwords.tokenizer, limit=min(limit, recipe.encoding.window or limit))

    tasks: dict[str, TaskRecord] = {}
    for task, settings in recipe.tasks.items():
        columns = list(kind_of[task].columns(options[task]))
        keep = [*columns, "words", SECOND, "file", "line"]
        rows = (
            row
            for corpus in trained_on[task]
            for row in corpora[corpus]["train"].select_columns(
                [c for c in keep if c in corpora[corpus]["train"].column_names]
            )
        )
        tasks[task] = TaskRecord(
            kind=settings.kind,
            options=settings.options,
            labels=kind_of[task].fit(options[task], rows),
            place=places[task],
            shortcut=settings.shortcut,
            description=settings.description,
            pair=None if settings.pair is None else settings.pair.model_dump(exclude_none=True),
        )
    set_seed(recipe.training.seed)
    scheme = (recipe.sharing.scheme, recipe.sharing.options)
    bundle = Bundle(
        model=build_model(encoder, tasks=tasks, feeds=feeds, sharing_scheme=scheme),
        encoder=subwords,
        encoding=recipe.encoding,
        tasks=tasks,
        sharing=scheme,
        language=recipe.language,
        recipe=dumped(recipe),
    )

    def encoded(split: str) -> dict[str, EncodedSplit]:
        return {
            corpus: EncodedSplit(
                splits[split],
                encoder=subwords,
                tasks=[
                    task
                    for task in bundle.model.tasks
                    if corpus in trained_on[task]
                    and annotates(
                        splits[split], kind_of[task].columns(options[task]), pairs=bundle.model.reads_pairs(task)
                    )
                ],
            )
            for corpus, splits in corpora.items()
            if split in splits
        }

    return Experiment(recipe, bundle, encoded("train"), encoded("dev"))


def _check_columns(columns: Mapping[str, tuple[str, ...]]) -> None:
    writers: dict[str, str] = {}
    for task, written in columns.items():
        for column in written:
            if column in writers:
                raise RecipeError(
                    f"tasks.{task}.options: {task!r} and {writers[column]!r} both write the annotation {column!r}, of "
                    "which a document has one; leave one of them out"
                )
            writers[column] = task


def _check_annotated(
    task: str, found: list[str], recipe: Recipe, columns: tuple[str, ...], corpora: Mapping[str, Mapping[str, Any]]
) -> None:
    asked = recipe.tasks[task].corpora
    pairs = recipe.tasks[task].pair is not None
    for corpus in [c for c in asked or [] if c not in found] or ([] if found else [None]):
        where = f"corpus {corpus!r}" if corpus else "any corpus"
        for name in [corpus] if corpus else corpora:
            rows = corpora[name]["train"]
            if annotates(rows, columns, pairs=not pairs):
                mend = (
                    "name the column of the second sentence as `second` in the corpus's options"
                    if pairs
                    else "set the task's `pair`, for instance `pair: {encode: apart}`"
                )
                raise DataError(
                    f"tasks.{task}: expected {_rows(pairs=pairs)} in the corpus {name!r}, found "
                    f"{_rows(pairs=not pairs)}; {mend}"
                )
        present = sorted(
            {c for name, splits in corpora.items() if corpus in (None, name) for c in splits["train"].column_names}
            - {"words", SECOND, "text", "document", "sentence", "file", "line", "source"}
        )
        lacking = [c for c in columns if c not in present] or list(columns)
        raise DataError(
            f"tasks.{task}: expected the annotation {' and '.join(map(repr, lacking))} in {where}, found "
            f"{', '.join(present) or 'none'}{did_you_mean(lacking[0], present) if present else ''}"
        )


def _rows(*, pairs: bool) -> str:
    return "pairs of sentences" if pairs else "single sentences"


class Run:
    """One training run with its folder.

    Args:
        recipe: the recipe.
        output: the model folder to be made; what belongs to training alone goes to its folder ``training``.
        resume: go on from the state that an interrupted run left there.
        base: the folder that relative paths of the recipe start from.

    Raises:
        HierNLPError: the recipe or its data cannot be used, the folder holds another run, or there is no state to go on
            from.
    """

    def __init__(self, recipe: Recipe, output: Path, *, resume: bool = False, base: Path | None = None) -> None:
        if recipe.training.tensorboard is True and find_spec("tensorboard") is None:
            raise NotInstalledError(
                "training.tensorboard: needs the package tensorboard: pip install 'hiernlp[tensorboard]'"
            )
        recipe = with_known_scores(recipe, base=base)
        self.output = output
        self.folder = output / TRAINING
        settings = recipe.training
        # Accelerate keeps the first number format for the whole process; another run may want another.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(
            mixed_precision=PRECISIONS[settings.precision],
            dataloader_config=DataLoaderConfiguration(non_blocking=True),
            # A batch trains what its corpus annotates: the other heads have no gradient in that step.
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )
        self._check_folder(recipe, resume=resume)
        self.experiment = experiment = prepare(recipe, base=base)
        bundle = experiment.bundle
        heads = dict(bundle.model.heads.items())
        for split in experiment.dev.values():
            for task in split.tasks:
                head = heads[task]
                head.check(split.rows(columns=["words", *columns_of(head)]))  # pyright: ignore[reportArgumentType, reportCallIssue]
        self.baselines: dict[str, Scores] = baselines(heads, experiment.train, experiment.dev)  # pyright: ignore[reportArgumentType]
        self.single = settings.single_scores if isinstance(settings.single_scores, dict) else {}
        check_select(settings.select, scored=list(self.baselines), single=self.single)
        for key in ("converged_after", "best_per_task"):
            if getattr(settings, key) and not self.baselines:
                raise RecipeError(
                    f"training.{key}: needs development data, and no corpus has any; add dev or split: dev"
                )
        method = balancing.load(recipe.balancing.method)
        self.trainer = Trainer(
            bundle.model,
            balancer=method(
                options=validate(method.Options, recipe.balancing.options),
                weights={task: s.weight for task, s in recipe.tasks.items()},
            ),
            builder=BatchBuilder(
                experiment.train,
                heads,  # pyright: ignore[reportArgumentType]
                bundle.encoder,
                bundle.encoding,
                apart=len(bundle.model.pairs) > 0,
                joined=len(bundle.model.joined) > 0,
            ),
            planner=EpochPlanner(
                {corpus: split.sizes for corpus, split in experiment.train.items() if split.tasks},
                settings=recipe.sampling,
                budget=settings.batch_subwords,
                seed=settings.seed,
                epochs=settings.epochs,
                processes=self.accelerator.num_processes,
                accumulation=settings.accumulation,
                tasks={corpus: split.tasks for corpus, split in experiment.train.items()},
                order=bundle.model.tasks,
            ),
            settings=settings,
            rates={task: s.learning_rate for task, s in recipe.tasks.items() if s.learning_rate is not None},
            evaluate=self._evaluate if self.baselines else None,
            state_folder=self.folder / STATE,
            accelerator=self.accelerator,
        )
        if resume:
            self.trainer.resume()
        elif self.accelerator.is_main_process:
            # Not before everything is found to be in order: a mistake leaves no folder behind.
            with replaced_file(self.folder / BEGUN_WITH) as new:
                new.write_text(json.dumps(dumped(recipe), indent=1), encoding="utf-8")

    def _check_folder(self, recipe: Recipe, *, resume: bool) -> None:
        state = has_state(self.folder / STATE)
        if resume and not state:
            raise HierNLPError(f"{self.output}: there is no training state to go on from; leave out --resume")
        # A run that died before its first state or model left nothing worth keeping but its log.
        held = {file.name for file in self.output.iterdir()} if self.output.is_dir() else set()
        if not resume and (self.output.is_file() or state or held - {TRAINING}):
            raise HierNLPError(
                f"{self.output}: expected a new or empty folder, found files"
                + ("; go on with --resume, or give another folder" if state else "; give another folder")
            )
        if resume and json.loads((self.folder / BEGUN_WITH).read_text(encoding="utf-8")) != dumped(recipe):
            raise HierNLPError(f"{self.output}: was begun with another recipe; resume with that one, unchanged")

    def events(self) -> Iterator[Event]:
        """Train; save the model whenever it is the best so far, and yield what happens."""
        best = False
        for event in self.trainer.run():
            if isinstance(event, Evaluated) and event.is_best:
                self._save(event)
                best = True
            if isinstance(event, Evaluated) and self.experiment.recipe.training.best_per_task:
                for task in event.best_tasks:
                    self._save(event, task=task)
            if isinstance(event, Ended) and event.reason != "interrupted":
                if not self.baselines and not best:
                    self._save(None)
                if self.accelerator.is_main_process:
                    drop_state(self.folder / STATE)
            yield event

    def report(self, scores: Mapping[str, Scores]) -> dict[str, Any]:
        """Return scores as ``scores.json`` has them: by task, beside the baseline's main figure."""
        gains = gains_of(scores, self.single)
        return {
            "split": "dev",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "hiernlp": library_version(),
            "torch": torch.__version__,
            "seed": self.experiment.recipe.training.seed,
            "mean_relative": mean_relative(scores, self.baselines),
            **({"mean_gain": sum(gains.values()) / len(gains)} if gains else {}),
            "tasks": {
                task: {
                    **asdict(found),
                    "baseline": self.baselines[task].main_value,
                    "relative": relative(found.main_value, self.baselines[task].main_value),
                    **({"single": self.single[task], "gain": gains[task]} if task in gains else {}),
                }
                for task, found in scores.items()
            },
        }

    def _evaluate(self) -> tuple[dict[str, Scores], float]:
        bundle = self.experiment.bundle
        scores = evaluate(
            bundle.model,
            self.experiment.dev,
            encoder=bundle.encoder,
            encoding=bundle.encoding,
            budget=self.experiment.recipe.training.evaluation_subwords,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        select = self.experiment.recipe.training.select
        if select in (GAIN, NO_LOSS):
            figure = chosen_by_gain(list(gains_of(scores, self.single).values()), no_loss=select == NO_LOSS)
        else:
            figure = mean_relative(scores, self.baselines) if select == "mean" else scores[select].main_value
        return scores, figure

    def _save(self, event: Evaluated | None, *, task: str | None = None) -> None:
        """Save the model as it is: as the best one, or as the best one for a task."""
        if not self.accelerator.is_main_process:
            return
        bundle = self.experiment.bundle
        scores = {} if event is None else self.report(event.scores) | {"step": event.step, "epoch": event.epoch}
        if task is not None:
            save_bundle(replace(bundle, scores=scores), self.folder / BEST / task)
            return
        bundle.scores.clear()
        bundle.scores.update(scores)
        save_bundle(bundle, self.output)


def with_known_scores(recipe: Recipe, *, base: Path | None = None) -> Recipe:
    """Return the recipe with the single-task scores themselves where it names a folder of them.

    Raises:
        RecipeError: the folder has none, or the recipe chooses checkpoints by them and gives none.
    """
    given, select = recipe.training.single_scores, recipe.training.select
    if given is None and select in (GAIN, NO_LOSS):
        raise RecipeError(
            f"training.select: {select!r} compares with single-task scores; give them under training.single_scores, or "
            "use `hiernlp compare`, which trains each task alone first"
        )
    if not isinstance(given, str):
        return recipe
    return with_training(recipe, single_scores=read_single_scores((base or Path()) / given, list(recipe.tasks)))


def check_select(select: str, *, scored: list[str], single: Mapping[str, float]) -> None:
    """Refuse a way of choosing checkpoints that the development data or the single-task scores do not allow."""
    if select == "mean":
        return
    if select not in (GAIN, NO_LOSS):
        if select not in scored:
            raise RecipeError(f"training.select: no development data has the task {select!r}")
        return
    if not scored:
        raise RecipeError(f"training.select: {select!r} needs development data, and no corpus has any")
    for task in scored:
        if task not in single:
            raise RecipeError(
                f"training.single_scores: expected a score of each task, since training.select is {select!r}; found "
                f"none of {task!r}"
            )
        if single[task] == 0:
            raise RecipeError(
                f"training.single_scores.{task}: expected a score other than 0, to which no gain is relative; train "
                "longer, or choose training.select: mean"
            )


def dumped(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON has it, by which folders tell whether they were begun with it."""
    return recipe.model_dump(mode="json", by_alias=True)


def is_finished(folder: Path) -> bool:
    """Tell whether a run in this folder came to its end."""
    last: dict[str, Any] = {}
    for last in read_log(folder / TRAINING / LOG):  # noqa: B007 - the last one counts
        pass
    return last.get("event") == "end" and last["reason"] != "interrupted"


def read_scores(folder: Path) -> dict[str, Any]:
    """Return the tasks' scores that a model folder holds; none if there was no development data."""
    path = folder / SCORES
    return json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}


__all__ = [
    "LOG",
    "Experiment",
    "Run",
    "check_select",
    "dumped",
    "is_finished",
    "prepare",
    "read_scores",
    "with_known_scores",
]
