"""One run of the joint many-task table: how it is trained and measured, and the record of it that is kept.

A record is a small JSON file with a run's scores. The table is made of records alone, so that runs may be trained on
different days and machines, and a run of which there is a record is not trained again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

import yaml
from udtools import udeval

from hiernlp.experiment import LOG, STATE, TRAINING, dumped, is_finished, read_scores, today
from hiernlp.files import replaced_file
from hiernlp.recipe import Recipe
from hiernlp.registry import Room, balancing, kinds, readers, sharing
from hiernlp.settings import Settings, validate
from hiernlp.training.checkpoints import has_state
from hiernlp.training.reports import read_log

PACKAGES = ("hiernlp", "torch", "transformers", "accelerate", "datasets", "udtools")
OFFICIAL = {
    "UPOS": "upos",
    "XPOS": "xpos",
    "UFeats": "feats",
    "Lemmas": "lemmas",
    "UAS": "dependencies",
    "LAS": "dependencies",
}
"""Columns of the official scorer, and the task that fills each."""
FOR_PEOPLE = frozenset({"description", "licence", "url"})
"""What a recipe says that changes nothing of a run."""


@dataclass(frozen=True)
class Run:
    """One training run of the table.

    Attributes:
        name: what it is, such as ``single.upos.seed-1``; also its record's name.
        recipe: its recipe.
        folder: its model folder.
        record: the file of its record.
        gold: EWT's test file, which the official scorer reads.
        teachers: the runs whose models teach this one's tasks, by task.
    """

    name: str
    recipe: Recipe
    folder: Path
    record: Path
    gold: Path
    teachers: Mapping[str, Sequence[Run]] = field(default_factory=dict)

    @property
    def all_teachers(self) -> list[Run]:
        """The runs whose models teach any of this one's tasks."""
        return [teacher for theirs in self.teachers.values() for teacher in theirs]

    @property
    def digest(self) -> str:
        """What the recipe says that training depends on: records of another recipe are not taken for this one.

        Where the corpora and the teachers lie makes no difference, nor does what is said for people, nor the precision,
        which machines differ in and the record names, nor a setting that is as it would be if it were not given, so
        that the library may grow more settings.
        """
        data = self.recipe.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        data.get("training", {}).pop("precision", None)
        if self.teachers:
            data["training"]["teachers"] = {
                task: [teacher.digest for teacher in theirs] for task, theirs in self.teachers.items()
            }
        for corpus in data["corpora"].values():
            for split in ("train", "dev", "test"):
                corpus[split] = ["/".join(Path(file).parts[-2:]) for file in corpus.get(split, [])]
            corpus["options"] = _given(readers, corpus["reader"], corpus.get("options", {}))
        for task in data["tasks"].values():
            task["options"] = _given(kinds, task["kind"], task.get("options", {}))
        for room, key, name in ((sharing, "sharing", "scheme"), (balancing, "balancing", "method")):
            chosen = data.get(key, {})
            if name in chosen:
                chosen["options"] = _given(room, chosen[name], chosen.get("options", {}))
        text = json.dumps(_without(data, FOR_PEOPLE), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def is_recorded(self) -> bool:
        """Tell whether there is a record of this run.

        Raises:
            SystemExit: there is one, but of another recipe.
        """
        if not self.record.exists():
            return False
        found = json.loads(self.record.read_text(encoding="utf-8"))["recipe"]
        if found != self.digest:
            sys.exit(
                f"{self.record}: is of another recipe ({found}, now {self.digest}); delete it to train the run anew, "
                "or give another folder with --records"
            )
        return True

    def is_trained(self) -> bool:
        """Tell whether the run's model is there, which a record of it need not mean."""
        return is_finished(self.folder)

    def next_command(self) -> Command | None:
        """Return the next command of what is still to be done before the run can be recorded."""
        kept = self.folder / TRAINING
        if not self.is_trained():
            recipe = self.folder.parent / f"{self.folder.name}.yaml"
            with replaced_file(recipe) as new:
                new.write_text(yaml.safe_dump(dumped(self.recipe), sort_keys=False), encoding="utf-8")
            resume = ["--resume"] if has_state(kept / STATE) else []
            return Command(["train", str(recipe), "--output", str(self.folder), *resume])
        if not self._test.exists():
            return Command(["evaluate", str(self.folder), "--split", "test", "--json"], output=self._test)
        if self._official_tasks and not self._analysed.exists():
            tasks = ["--tasks", ",".join(self._official_tasks)]
            options = ["--format", "conllu", "--output", str(self._analysed)]
            return Command(["analyze", str(self.folder), str(self.gold), *tasks, *options])
        return None

    def write_record(self) -> None:
        """Write the record of a run for which nothing is left to be done."""
        speeds = [
            line["words_per_second"] for line in read_log(self.folder / TRAINING / LOG) if line["event"] == "step"
        ]
        test = json.loads(self._test.read_text(encoding="utf-8"))["tasks"]
        record = {
            "run": self.name,
            "recipe": self.digest,
            "seed": self.recipe.training.seed,
            "date": today(),
            "precision": self.recipe.training.precision,
            "versions": {package: version(package) for package in PACKAGES},
            "words_per_second": round(median(speeds)) if speeds else None,
            "dev": _figures(read_scores(self.folder)),
            "test": _figures(test),
            "official": self._official_scores(),
        }
        with replaced_file(self.record) as new:
            new.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    @property
    def _test(self) -> Path:
        return self.folder / TRAINING / "test.json"

    @property
    def _analysed(self) -> Path:
        return self.folder / TRAINING / "test.predicted.conllu"

    @property
    def _official_tasks(self) -> list[str]:
        return [task for task in dict.fromkeys(OFFICIAL.values()) if task in self.recipe.main_tasks]

    def _official_scores(self) -> dict[str, float]:
        if not self._official_tasks:
            return {}
        found = udeval.evaluate(udeval.load_conllu_file(str(self.gold)), udeval.load_conllu_file(str(self._analysed)))
        return {name: round(100 * found[name].f1, 4) for name, task in OFFICIAL.items() if task in self._official_tasks}


@dataclass(frozen=True)
class Command:
    """A command of hiernlp.

    Attributes:
        arguments: its arguments.
        output: the file that takes what it prints; by default its log does.
    """

    arguments: list[str]
    output: Path | None = None

    @contextmanager
    def taking(self, log: BinaryIO) -> Iterator[BinaryIO]:
        """Open what takes the command's output: a file beside its own, so that a half is not taken for the whole."""
        if self.output is None:
            yield log
            return
        with self._unfinished.open("wb") as file:
            yield file

    def keep_output(self) -> None:
        """Put the output of a command that ended well in its place."""
        if self.output is not None:
            self._unfinished.replace(self.output)

    @property
    def _unfinished(self) -> Path:
        assert self.output is not None
        return self.output.with_name(self.output.name + ".part")


def read_records(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the records of those runs that have one."""
    return [json.loads(run.record.read_text(encoding="utf-8")) for run in runs if run.is_recorded()]


def _given(room: Room, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return a component's options that are not as they would be by default."""
    chosen: type[Settings] = room.load(name).Options
    return validate(chosen, options).model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _without(data: Any, keys: frozenset[str]) -> Any:  # noqa: ANN401 - whatever JSON has
    if isinstance(data, dict):
        return {key: _without(value, keys) for key, value in data.items() if key not in keys}
    return [_without(value, keys) for value in data] if isinstance(data, list) else data


def _figures(scores: dict[str, Any]) -> dict[str, Any]:
    return {task: {"main": found["main"], "values": found["values"]} for task, found in scores.items()}
