"""One training run with its folder: training, evaluation, saving."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from hiernlp.errors import HierNLPError, NotInstalledError, RecipeError
from hiernlp.experiment.choice import check_select, with_known_scores
from hiernlp.experiment.folders import BEGUN_WITH, BEST, STATE, TRAINING, dumped, today
from hiernlp.experiment.places import PROBE, Told, known_places, with_probed_places
from hiernlp.experiment.preparation import prepare
from hiernlp.experiment.remains import ADVERSARIES, adversaries_of, probe_remains
from hiernlp.experiment.trainer import build_trainer, new_accelerator
from hiernlp.files import replaced_file
from hiernlp.hub.folder import load_bundle, restricted, save_bundle
from hiernlp.kinds._base import Scores
from hiernlp.prediction import ModelPredictor
from hiernlp.recipe import Recipe, unplaced_tasks
from hiernlp.training.checkpoints import drop_state, has_state
from hiernlp.training.evaluation import baselines, columns_of, evaluate, mean_relative, relative
from hiernlp.training.events import Ended, Evaluated, Event
from hiernlp.training.gain import GAIN, NO_LOSS, chosen_by_gain, gains_of
from hiernlp.version import library_version


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
        self.base = base
        self.folder = output / TRAINING
        settings = recipe.training
        self.accelerator = new_accelerator(settings)
        self._check_folder(recipe, resume=resume)
        given, found = recipe, self.folder / PROBE
        # The first process probes, the others read what it found.
        with self.accelerator.main_process_first():
            recipe = with_probed_places(given, found, base=base, device=self.accelerator.device, told=told)
        self.experiment = experiment = prepare(recipe, base=base)
        bundle = experiment.bundle
        self.main = frozenset(experiment.recipe.main_tasks)
        heads = dict(bundle.model.heads.items())
        for split in experiment.dev.values():
            for task in split.tasks:
                head = heads[task]
                head.check(split.rows(columns=["words", *columns_of(head)]))  # pyright: ignore[reportArgumentType, reportCallIssue]
        self.baselines: dict[str, Scores] = baselines(
            heads,  # pyright: ignore[reportArgumentType]
            experiment.train,
            experiment.dev,
            corruptions=experiment.corruptions,
        )
        self.single = settings.single_scores if isinstance(settings.single_scores, dict) else {}
        check_select(settings.select, scored=[t for t in self.baselines if t in self.main], single=self.single)
        for key in ("converged_after", "best_per_task"):
            if getattr(settings, key) and not self.baselines:
                raise RecipeError(
                    f"training.{key}: needs development data, and no corpus has any; add dev or split: dev"
                )
        self.trainer = build_trainer(
            experiment,
            self.accelerator,
            evaluate=self._evaluate if self.baselines else None,
            state_folder=self.folder / STATE,
            base=base,
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
                for task in self.main.intersection(event.best_tasks):
                    self._save(event, task=task)
            if isinstance(event, Ended) and event.reason != "interrupted":
                if not self.baselines and not best:
                    self._save(None)
                if self.accelerator.is_main_process:
                    self._probe_adversaries()
                    drop_state(self.folder / STATE)
            yield event

    def _probe_adversaries(self) -> None:
        if adversaries_of(self.experiment):
            probe_remains(
                self.experiment,
                self.folder / ADVERSARIES,
                saved=load_bundle(self.output),
                device=self.accelerator.device,
                base=self.base,
            )

    def report(self, scores: Mapping[str, Scores]) -> dict[str, Any]:
        """Return scores as ``scores.json`` has them: by task, beside the baseline's main figure."""
        gains = gains_of(scores, self.single)
        main = {task: found for task, found in scores.items() if task in self.main}
        helpers = {task: found for task, found in scores.items() if task not in self.main}
        return {
            "split": "dev",
            "date": today(),
            "hiernlp": library_version(),
            "torch": torch.__version__,
            "seed": self.experiment.recipe.training.seed,
            "mean_relative": mean_relative(main, self.baselines),
            **({"mean_gain": sum(gains.values()) / len(gains)} if gains else {}),
            "tasks": {
                task: {
                    **self._scored(task, found),
                    **({"single": self.single[task], "gain": gains[task]} if task in gains else {}),
                }
                for task, found in main.items()
            },
            **({"auxiliary": {task: self._scored(task, found) for task, found in helpers.items()}} if helpers else {}),
        }

    def _scored(self, task: str, found: Scores) -> dict[str, Any]:
        baseline = self.baselines[task].main_value
        corpora = [name for name, split in self.experiment.dev.items() if task in split.tasks]
        compared = {"baseline": baseline, "relative": relative(found.main_value, baseline)}
        return {**asdict(found), **compared, "corpora": corpora}

    def _evaluate(self) -> tuple[dict[str, Scores], float]:
        bundle = self.experiment.bundle
        compiled = self.experiment.recipe.encoder.compile
        predictor = ModelPredictor(
            bundle.model, encoder=bundle.encoder, encoding=bundle.encoding, threaded=not compiled
        )
        scores = evaluate(
            predictor,
            self.experiment.dev,
            heads={task: bundle.model.heads[task] for task in bundle.model.tasks},  # pyright: ignore[reportArgumentType]
            budget=self.experiment.recipe.training.evaluation_subwords,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
            corruptions=self.experiment.corruptions,
        )
        main = {task: found for task, found in scores.items() if task in self.main}
        select = self.experiment.recipe.training.select
        if select in (GAIN, NO_LOSS):
            figure = chosen_by_gain(list(gains_of(main, self.single).values()), no_loss=select == NO_LOSS)
        else:
            figure = mean_relative(main, self.baselines) if select == "mean" else scores[select].main_value
        return scores, figure

    def _save(self, event: Evaluated | None, *, task: str | None = None) -> None:
        """Save the model as it is: as the best one, or as the best one for a task."""
        if not self.accelerator.is_main_process:
            return
        bundle = self.experiment.bundle
        saved = self.experiment.recipe.saved_tasks
        if len(saved) < len(bundle.tasks):
            bundle = restricted(bundle, saved)
        scores = {} if event is None else self.report(event.scores) | {"step": event.step, "epoch": event.epoch}
        if task is not None:
            save_bundle(replace(bundle, scores=scores), self.folder / BEST / task)
            return
        bundle.scores.clear()
        bundle.scores.update(scores)
        save_bundle(bundle, self.output)
