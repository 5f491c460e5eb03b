"""From a model and its data to what its layers tell: states cached once, then task after task, what is done kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from hiernlp.encoding.batches import plan_batches
from hiernlp.encoding.collate import collate
from hiernlp.encoding.pairs import collate_joined
from hiernlp.errors import DataError, RecipeError
from hiernlp.files import replaced_file
from hiernlp.hub.folder import Bundle
from hiernlp.pairs import PairSettings
from hiernlp.probing.probes import Example, ProbedTask, probe_task
from hiernlp.probing.results import TaskResult
from hiernlp.probing.settings import ProbeSettings
from hiernlp.probing.states import LaidOut, States, cache_states, is_cached
from hiernlp.registry import kinds
from hiernlp.settings import validate
from hiernlp.training.data import EncodedSplit

STATES, TASKS = "states", "tasks"
"""Folders of the cached states, which are removed at the end, and of the tasks that are done."""
CHUNK = 512
"""Sentences whose states are in memory at a time."""


@dataclass(frozen=True)
class StatesCached:
    """The states of one split of one corpus are on disk.

    Attributes:
        name: of corpus and split.
        sentences: number of sentences, or of pairs.
        words: number of words.
        seconds: what it took.
    """

    name: str
    sentences: int
    words: int
    seconds: float


@dataclass(frozen=True)
class TaskProbed:
    """A task's probes are trained and scored.

    Attributes:
        task: its name.
        result: what was found.
    """

    task: str
    result: TaskResult


ProbeEvent = StatesCached | TaskProbed


class Prober:
    """Probes each layer of a model's encoder for each of some tasks.

    The encoder is run once over the data, as it is: with the beliefs that the model feeds into it and the words' letter
    case, both of which are nothing before training. Probes then learn from the cached states alone.

    Args:
        bundle: the model; nothing in it changes.
        train: the training split of each corpus.
        dev: the development split of each corpus that has one.
        tasks: the tasks to probe.
        settings: how to probe.
        seed: seed of all draws. A task's result does not depend on which other tasks are probed.
        folder: for the cached states and the results of tasks. Results that lie there are taken as they are: the caller
            sees to it that they are of the same probe.
        budget: most subwords a run of the encoder, padding included.

    Raises:
        HierNLPError: a task has no development data, or options for its probes that its kind does not know.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        train: Mapping[str, EncodedSplit],
        dev: Mapping[str, EncodedSplit],
        tasks: Sequence[str],
        settings: ProbeSettings,
        seed: int,
        folder: Path,
        budget: int = 4096,
    ) -> None:
        self.bundle = bundle
        self.splits = {"train": dict(train), "dev": dict(dev)}
        self.settings = settings
        self.seed = seed
        self.folder = folder
        self.budget = budget
        self.tasks = {task: self._probed(task) for task in tasks}
        for task in tasks:
            if not any(task in split.tasks for split in dev.values()):
                raise RecipeError(
                    f"tasks.{task}: to find its layer, probes are scored on development data, and no corpus has any "
                    "with its annotation; add `dev` or `split: {dev: 0.1}`, or give its place as a number"
                )

    def _probed(self, task: str) -> ProbedTask:
        record = self.bundle.tasks[task]
        kind = kinds.load(record.kind)
        small = kind.small(validate(kind.Options, record.options, path=f"tasks.{task}.options"))
        changed = {**small.model_dump(by_alias=True), **self.settings.options.get(task, {})}
        return ProbedTask(
            kind=kind,
            options=validate(kind.Options, changed, path=f"probe.options.{task}"),
            pair=None if record.pair is None else validate(PairSettings, record.pair, path=f"tasks.{task}.pair"),
        )

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.bundle.model.parameters()).device

    def events(self) -> Iterator[ProbeEvent]:
        """Cache the states, probe each task that is not done, and yield what happens.

        Interrupted, a new prober of the same folder goes on with the split, or the task, that was not complete.
        """
        known = stored_results(self.folder, list(self.tasks))
        waiting = [task for task in self.tasks if task not in known]
        for task, result in known.items():
            yield TaskProbed(task, result)
        layouts: dict[tuple[str, str, str], None] = {}
        for task in waiting:
            for name in ("train", "dev"):
                for corpus, split in self.splits[name].items():
                    if task in split.tasks:
                        layouts[name, corpus, self._layout(task)] = None
        for name, corpus, layout in layouts:
            if not is_cached(self._states_file(name, corpus, layout)):
                yield self._cache(name, corpus, layout)
        for task in waiting:
            result = self._probe(task)
            with replaced_file(_file(self.folder, task)) as new:
                new.write_text(json.dumps(result.as_stored(), indent=1), encoding="utf-8")
            yield TaskProbed(task, result)
        shutil.rmtree(self.folder / STATES, ignore_errors=True)

    def _layout(self, task: str) -> str:
        pair = self.tasks[task].pair
        return "alone" if pair is None else pair.encode

    def _states_file(self, name: str, corpus: str, layout: str) -> Path:
        return self.folder / STATES / f"{corpus}.{name}.{layout}"

    def _chosen(self, name: str, corpus: str) -> list[int]:
        """Return the sentences of a split that are read, the same for all tasks."""
        size = len(self.splits[name][corpus])
        most = self.settings.sentences if name == "train" else self.settings.dev_sentences
        if most is None or most >= size:
            return list(range(size))
        drawn = np.random.default_rng([self.seed, size]).choice(size, most, replace=False)
        return np.sort(drawn).tolist()

    def _cache(self, name: str, corpus: str, layout: str) -> StatesCached:
        began = monotonic()
        chosen = self._chosen(name, corpus)
        states = cache_states(
            self.bundle.model,
            self._laid_out(self.splits[name][corpus], chosen, layout),
            self._states_file(name, corpus, layout),
            precision=self.settings.precision,
        )
        return StatesCached(f"{corpus} {name}", len(chosen), int(states.starts[-1]), monotonic() - began)

    def _laid_out(self, split: EncodedSplit, chosen: Sequence[int], layout: str) -> Iterator[list[LaidOut]]:
        """Yield a split's rows of words in chunks: sentences, each pair's two sentences, or pairs as one row."""
        encoder, encoding = self.bundle.encoder, self.bundle.encoding
        how = {"mean": encoding.subword == "mean", "pad_to_multiple": encoding.pad_to_multiple}
        special = encoder.joint.special if layout == "together" else len(encoder.prefix) + len(encoder.suffix)
        for at in range(0, len(chosen), CHUNK):
            indices = chosen[at : at + CHUNK]
            if layout == "together":
                pairs = split.pairs(indices)
                sizes = [len(first.ids) + len(second.ids) + special for first, second in pairs]
                plan = plan_batches(sizes, budget=self.budget)
                yield [LaidOut(collate_joined([pairs[i] for i in rows], encoder, **how), rows) for rows in plan]
                continue
            if layout == "apart":
                rows_of_words = [sentence for pair in split.pairs(indices) for sentence in pair]
            else:
                rows_of_words = split.subwords(indices)
            plan = plan_batches([len(s.ids) + special for s in rows_of_words], budget=self.budget)
            yield [LaidOut(collate([rows_of_words[i] for i in rows], encoder, **how), rows) for rows in plan]

    def _probe(self, task: str) -> TaskResult:
        try:
            return probe_task(
                self.tasks[task],
                self._examples(task, "train"),
                self._examples(task, "dev"),
                settings=self.settings,
                # The task's own draws, whatever other tasks there are.
                seed=int.from_bytes(hashlib.blake2b(f"{self.seed} {task}".encode(), digest_size=4).digest()),
                device=self.device,
            )
        except DataError as error:
            if self.settings.sentences is None or error.file is not None:
                raise
            raise DataError(
                f"tasks.{task}: the {self.settings.sentences} sentences of each corpus that probes learn from are too "
                f"few ({error}); set probe.sentences to more, or to null for all"
            ) from error

    def _examples(self, task: str, name: str) -> list[Example]:
        found: list[Example] = []
        probed = self.tasks[task]
        layout = self._layout(task)
        columns = ["words", *probed.kind.columns(probed.options), *probed.kind.hidden_columns(probed.options)]
        model = self.bundle.model
        for corpus, split in self.splits[name].items():
            if task not in split.tasks:
                continue
            chosen = self._chosen(name, corpus)
            states = States(
                self._states_file(name, corpus, layout),
                layers=model.scheme.depth + 1,
                size=model.scheme.hidden_size,
                precision=self.settings.precision,
            )
            rows = list(split.rows(chosen, columns=columns))
            each = 2 if probed.is_apart else 1
            for i, row in enumerate(rows):
                numbers = range(each * i, each * (i + 1))
                found.append(
                    Example(
                        states=partial(_rows_of, states, numbers),
                        length=max(states.length(number) for number in numbers),
                        row=row,
                        second_from=states.second_from(i),
                    )
                )
        return found


def _rows_of(states: States, numbers: Sequence[int]) -> list[np.ndarray]:
    return [states.row(number) for number in numbers]


def stored_results(folder: Path, tasks: Sequence[str]) -> dict[str, TaskResult]:
    """Return the results of those tasks that a probe in this folder is done with."""
    files = {task: _file(folder, task) for task in tasks}
    return {
        task: TaskResult.of_stored(json.loads(file.read_text(encoding="utf-8")))
        for task, file in files.items()
        if file.is_file()
    }


def _file(folder: Path, task: str) -> Path:
    return folder / TASKS / f"{task}.json"
