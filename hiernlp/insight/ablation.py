"""Which other tasks help a main task: it is trained alone, with helpers, and with all, under one budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hiernlp.comparison.planning import PlannedRun, has_begun, placed, read_begun, without_seed, write_begun
from hiernlp.errors import HierNLPError, RecipeError, did_you_mean
from hiernlp.experiment import prepare
from hiernlp.experiment.places import Told
from hiernlp.recipe import Recipe, only_tasks, with_training

Design = Literal["add", "leave-out", "both"]
"""Which runs there are besides the main task alone and all tasks: one with each helper (``add``), one without each
(``leave-out``), or both."""
DESIGNS: tuple[Design, ...] = get_args(Design)
ALONE, ALL, WITH, WITHOUT = "alone", "all", "with", "without"
BEGUN = "ablation-recipe.json"


@dataclass(frozen=True)
class Variant:
    """One choice of tasks that the main task is trained with.

    Attributes:
        name: what it is, for people, such as ``with upos``.
        tasks: the tasks, in the recipe's order.
        place: its folder, from the folder of the ablation.
        reference: name of the variant that it is compared with; None for the main task alone.
        helper: the task that makes the difference to the reference; None where several do.
    """

    name: str
    tasks: tuple[str, ...]
    place: Path
    reference: str | None
    helper: str | None

    def folder(self, ablation: Path, *, seed: int) -> Path:
        """Return the model folder of the variant's run with a seed."""
        return ablation / self.place / f"seed-{seed}"


def variants(
    tasks: Sequence[str], *, main: str, helpers: Sequence[str] | None = None, design: Design = "add"
) -> list[Variant]:
    """Return the variants of a design: alone first, then one by one with and without helpers, then all.

    Where two variants are the same tasks (with two helpers, with the one is without the other) they share one folder,
    so that nothing is trained twice.

    Args:
        tasks: the recipe's tasks.
        main: the main task.
        helpers: the tasks that get variants of their own; by default all others.
        design: which variants there are.

    Raises:
        RecipeError: there is no such main task or helper, or no task but the main one.

    Example:
        >>> [v.name for v in variants(["upos", "chunks", "trees"], main="trees", design="leave-out")]
        ['alone', 'without upos', 'without chunks', 'all']
        >>> [str(v.place) for v in variants(["upos", "chunks", "trees"], main="trees", design="leave-out")]
        ['alone', 'with/chunks', 'with/upos', 'all']
    """
    if main not in tasks:
        raise RecipeError(f"--task: there is no task {main!r} in the recipe{did_you_mean(main, tasks)}")
    others = [task for task in tasks if task != main]
    if not others:
        raise RecipeError(f"tasks: expected a helper besides the main task {main!r}, found no other task")
    for helper in helpers or ():
        if helper not in others:
            wrong = "is the main task" if helper == main else "is not a task of the recipe"
            raise RecipeError(f"--helpers: {helper!r} {wrong}{did_you_mean(helper, others)}")
    chosen = [task for task in others if helpers is None or task in helpers]

    def variant(name: str, with_: Sequence[str], reference: str | None, helper: str | None) -> Variant:
        kept = tuple(task for task in tasks if task == main or task in with_)
        return Variant(name, kept, _place(kept, others, main=main), reference, helper)

    found = [variant(ALONE, [], None, None)]
    if design != "leave-out":
        found += [variant(f"with {task}", [task], ALONE, task) for task in chosen]
    if design != "add":
        found += [variant(f"without {task}", [t for t in others if t != task], ALL, task) for task in chosen]
    return [*found, variant(ALL, others, ALONE, None)]


def _place(kept: Sequence[str], others: Sequence[str], *, main: str) -> Path:
    """Return where the runs of some tasks are, the same whatever design asks for them."""
    helping = [task for task in kept if task != main]
    if not helping:
        return Path(ALONE)
    if len(helping) == len(others):
        return Path(ALL)
    if len(helping) == 1:
        return Path(WITH) / helping[0]
    [missing] = set(others) - set(helping)
    return Path(WITHOUT) / missing


@dataclass(frozen=True)
class Ablation:
    """The training runs about one main task, in a folder of their own.

    Every run has the recipe's budget and seed and chooses its checkpoint by the main task's score on development data,
    so that runs differ in their tasks alone.

    Attributes:
        recipe: the recipe with all tasks.
        main: the main task.
        folder: the folder.
        variants: which tasks are trained together.
        corpora: the corpora that annotate each task.
    """

    recipe: Recipe
    main: str
    folder: Path
    variants: tuple[Variant, ...]
    corpora: dict[str, list[str]]

    def planned(self, *, seeds: Sequence[int]) -> Iterator[PlannedRun]:
        """Yield the runs in order, seed by seed; runs that several variants share come once."""
        for seed in seeds:
            places: set[Path] = set()
            for variant in self.variants:
                if variant.place not in places:
                    places.add(variant.place)
                    yield PlannedRun(
                        f"{self.main} {variant.name}, seed {seed}"
                        if variant.name != ALL
                        else f"all tasks, seed {seed}",
                        self.recipe_of(variant, seed=seed),
                        variant.folder(self.folder, seed=seed),
                    )

    def recipe_of(self, variant: Variant, *, seed: int) -> Recipe:
        """Return the recipe of a variant's run: its tasks, their feeds, and the corpora that annotate them."""
        return with_training(only_tasks(self.recipe, variant.tasks, corpora=self.corpora), seed=seed)


def begin(
    recipe: Recipe,
    folder: Path,
    *,
    main: str,
    helpers: Sequence[str] | None = None,
    design: Design = "add",
    told: Told | None = None,
) -> Ablation:
    """Make the folder of an ablation, or find it to be one that was begun with the same recipe, whatever its seed.

    Seeds, helpers and designs may be added later: what is finished is used again. A recipe that cannot be trained is
    found out here, before hours are spent on its variants.

    Places that the recipe leaves to the probe are found once; ``told`` is called with what the probe does.

    Raises:
        HierNLPError: the folder holds something else, or the recipe, its data or a task's name cannot be used.
    """
    if design not in DESIGNS:
        raise HierNLPError(f"--design: expected {', '.join(DESIGNS)}, found {design!r}")
    found = variants(list(recipe.tasks), main=main, helpers=helpers, design=design)
    recipe = with_training(recipe, select=main, single_scores=None, best_per_task=False)
    wanted: dict[str, Any] = {"main": main, "recipe": without_seed(recipe)}
    file = folder / BEGUN
    begun = read_begun(file)
    if isinstance(begun, dict) and begun.get("main") not in (None, main):
        raise HierNLPError(
            f"{folder}: was begun for the main task {begun['main']!r}, found --task {main}; give another folder"
        )
    # What each task's corpora are takes reading them all; it is kept, so that later runs are as the first ones.
    known = begun.pop("corpora", None) if isinstance(begun, dict) else None
    parts = (ALONE, ALL, WITH, WITHOUT)
    if not has_begun(folder, wanted | {"corpora": known}, file=BEGUN, runs=parts, command="ablate") or known is None:
        recipe = placed(recipe, folder, told=told)
        experiment = prepare(recipe)
        if not any(main in split.tasks for split in experiment.dev.values()):
            raise RecipeError(
                f"corpora: expected development data with the main task {main!r}, by which its runs are scored, found "
                "none; add dev or split: dev"
            )
        known = {
            task: [corpus for corpus, split in experiment.train.items() if task in split.tasks] for task in recipe.tasks
        }
        write_begun(file, wanted | {"corpora": known})
    return Ablation(placed(recipe, folder, told=told), main, folder, tuple(found), known)
