"""One training run with its folder: training, evaluation, saving."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration

from hiernlp.errors import HierNLPError, NotInstalledError, RecipeError
from hiernlp.experiment.choice import check_select, with_known_scores
from hiernlp.experiment.folders import BEGUN_WITH, BEST, STATE, TRAINING, dumped
from hiernlp.experiment.places import PROBE, Told, known_places, with_probed_places
from hiernlp.experiment.preparation import prepare
from hiernlp.files import replaced_file
from hiernlp.hub.folder import library_version, save_bundle
from hiernlp.kinds._base import Scores
from hiernlp.recipe import Recipe, unplaced_tasks
from hiernlp.registry import balancing
from hiernlp.settings import validate
from hiernlp.training.checkpoints import drop_state, has_state
from hiernlp.training.data import BatchBuilder
from hiernlp.training.evaluation import baselines, columns_of, evaluate, mean_relative, relative
from hiernlp.training.gain import GAIN, NO_LOSS, chosen_by_gain, gains_of
from hiernlp.training.loop import Ended, Evaluated, Event, Trainer
from hiernlp.training.sampling import EpochPlanner

PRECISIONS = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


class Run:
    """One training run with its folder.

    Args:
        recipe: the recipe.
        output: the model folder to be made; what belongs to training alone goes to its folder ``training``.
        resume: go on from the state that an interrupted run left there.
        base: the folder that relative paths of the recipe start from.
        told: is called with what the layer probe does where the recipe leaves a place to it.

    Raises:
        HierNLPError: the recipe or its data cannot be used, the folder holds another run, or there is no state to go on
            from.
    """

    def __init__(
        self,
        recipe: Recipe,
        output: Path,
        *,
        resume: bool = False,
        base: Path | None = None,
        told: Told | None = None,
    ) -> None:
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
        given, found = recipe, self.folder / PROBE
        # The first process probes, the others read what it found.
        with self.accelerator.main_process_first():
            recipe = with_probed_places(given, found, base=base, device=self.accelerator.device, told=told)
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
                apart=len(bundle.model.apart) > 0,
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
                new.write_text(json.dumps(dumped(given), indent=1), encoding="utf-8")

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
        if resume and unplaced_tasks(recipe) and known_places(recipe, self.folder / PROBE) is None:
            raise HierNLPError(
                f"{self.folder / PROBE}: expected the probe that found the tasks' places, found none; put it back, or "
                "train anew in another folder"
            )

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
