"""From a recipe to data and a model that are ready to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed

from hiernlp.agreement import Agreement, combinations
from hiernlp.auxiliary import add_hint, read_words
from hiernlp.corpora import SECOND, load_corpus
from hiernlp.encoder import Encoder, load_config, resolve_encoder
from hiernlp.encoding.corruption import Corruption, ViewSettings
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import DataError, RecipeError, did_you_mean
from hiernlp.experiment.folders import dumped
from hiernlp.hub.folder import Bundle, TaskRecord, build_model
from hiernlp.kinds._base import Kind
from hiernlp.recipe import Recipe, TaskSettings, resolve_feeds, resolve_place, without_idle_helpers
from hiernlp.registry import auxiliary, kinds
from hiernlp.settings import validate
from hiernlp.training.data import EncodedSplit, annotates


@dataclass
class Experiment:
    """A recipe with its data and its model, ready to train.

    Attributes:
        recipe: the resolved recipe.
        bundle: the model with all that is needed to use it.
        train: the training split of each corpus.
        dev: the development split of each corpus that has one.
        corruptions: how sentences are changed for the tasks that have a view of their own.
    """

    recipe: Recipe
    bundle: Bundle
    train: dict[str, EncodedSplit]
    dev: dict[str, EncodedSplit]
    corruptions: dict[str, Corruption] = field(default_factory=dict)


def prepare(recipe: Recipe, *, base: Path | None = None) -> Experiment:
    """Read the corpora, find the label spaces and build the model.

    Args:
        recipe: the recipe; paths in it that are not absolute start from ``base``.
        base: a folder, by default the working folder.

    Raises:
        HierNLPError: the recipe, a corpus or the encoder cannot be used; the message says where and how to mend it.
    """
    base = base or Path()
    recipe = without_idle_helpers(recipe)
    name = resolve_encoder(recipe.encoder.name, base=base)
    # The encoder's depth is known before its weights are read: mistakes in places come first.
    config = load_config(name, overrides=recipe.encoder.config, revision=recipe.encoder.revision)
    depth = int(getattr(config, "num_hidden_layers", 0))
    places = {task: resolve_place(task, settings, depth=depth) for task, settings in recipe.tasks.items()}
    feeds = resolve_feeds(recipe.feeds, places, depth=depth)

    data = _read(recipe, base=base)

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
    subwords = SubwordEncoder(
        subwords.tokenizer,
        limit=min(limit, recipe.encoding.window or limit),
        letter_case=recipe.encoding.letter_case,
    )

    tasks: dict[str, TaskRecord] = {}
    for task, settings in recipe.tasks.items():
        columns = list(data.columns(task))
        hidden = data.kinds[task].hidden_columns(data.options[task])
        keep = [*columns, *hidden, "words", SECOND, "file", "line"]
        rows = (
            row
            for corpus in data.trained_on[task]
            for row in data.corpora[corpus]["train"].select_columns(
                [c for c in keep if c in data.corpora[corpus]["train"].column_names]
            )
        )
        known = () if settings.hint is None else auxiliary.load(settings.hint.maker).space
        example = [{"words": list(known), **{column: list(known) for column in columns}}] if known else []
        tasks[task] = TaskRecord(
            kind=settings.kind,
            options=settings.options,
            labels=data.kinds[task].fit(data.options[task], chain(rows, example)),
            place=places[task],
            shortcut=settings.shortcut,
            description=settings.description,
            pair=None if settings.pair is None else settings.pair.model_dump(exclude_none=True),
        )
        _check_helper(task, settings, tasks[task].labels)
    set_seed(recipe.training.seed)
    scheme = (recipe.sharing.scheme, recipe.sharing.options)
    bundle = Bundle(
        model=build_model(
            encoder,
            tasks=tasks,
            feeds=feeds,
            sharing_scheme=scheme,
            letter_case=recipe.encoding.letter_case,
            agreements=_agreements(recipe, data),
            reversed_tasks=[task for task, settings in recipe.tasks.items() if settings.reversal is not None],
        ),
        encoder=subwords,
        encoding=recipe.encoding,
        tasks=tasks,
        sharing=scheme,
        language=recipe.language,
        recipe=dumped(recipe),
    )
    corruptions = {
        task: Corruption.of(s.view, subwords, hidden=_hidden(task, s.view, base=base))
        for task, s in recipe.tasks.items()
        if s.view is not None
    }
    return Experiment(recipe, bundle, _encoded(data, bundle, "train"), _encoded(data, bundle, "dev"), corruptions)


def _agreements(recipe: Recipe, data: _Data) -> list[Agreement]:
    """Return which labels go together in the training data.

    Raises:
        RecipeError: a task's labels cannot be chosen by themselves, or no corpus annotates all tasks.
    """
    found: list[Agreement] = []
    for i, settings in enumerate(recipe.agreements):
        where = f"agreements.{i}.tasks"
        for task in settings.tasks:
            if not data.kinds[task].can_agree(data.options[task]):
                raise RecipeError(
                    f"{where}: expected tasks with a label for every word by itself (token_labels without crf and bio, "
                    f"features), found {task!r} of the kind {recipe.tasks[task].kind!r}; leave it out"
                )
        columns = [data.columns(task)[0] for task in settings.tasks]
        together = combinations(
            [row[column] for column in columns]
            for corpus, splits in data.corpora.items()
            if all(corpus in data.trained_on[task] for task in settings.tasks)
            for row in splits["train"].select_columns(columns)
        )
        if not together:
            raise RecipeError(
                f"{where}: expected words that have the labels of all of {', '.join(settings.tasks)}, found none in "
                "the training data of any corpus; leave out tasks that no corpus annotates together with the others"
            )
        found.append(Agreement(tuple(settings.tasks), together, settings.unseen_cost))
    return found


def _hidden(task: str, view: ViewSettings, *, base: Path) -> frozenset[str]:
    """Return the words that a task's view always hides.

    Raises:
        DataError: their list cannot be read.
    """
    if view.hide is None:
        return frozenset()
    try:
        return read_words(view.hide, base=base)
    except DataError as error:
        raise DataError(f"tasks.{task}.view.hide: {error}") from None


def reopen(bundle: Bundle, recipe: Recipe, *, base: Path | None = None) -> Experiment:
    """Return a trained model with the data of a recipe that has the same tasks, such as its own.

    Raises:
        HierNLPError: the corpora cannot be read, or lack the annotation of a task.
    """
    data = _read(recipe, base=base or Path())
    return Experiment(recipe, bundle, _encoded(data, bundle, "train"), _encoded(data, bundle, "dev"))


@dataclass(frozen=True)
class _Data:
    """A recipe's corpora, and what its tasks are to learn from which.

    Attributes:
        corpora: the splits of each corpus.
        kinds: the kind of each task.
        options: its validated options.
        trained_on: the corpora that train it.
    """

    corpora: Mapping[str, Mapping[str, Any]]
    kinds: dict[str, type[Kind[Any, Any]]]
    options: dict[str, Any]
    trained_on: dict[str, list[str]]

    def columns(self, task: str) -> tuple[str, ...]:
        """Return the columns that a task reads and writes."""
        return self.kinds[task].columns(self.options[task])


def _read(recipe: Recipe, *, base: Path) -> _Data:
    """Read a recipe's training and development data and find out which tasks they train."""
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
    for task, settings in recipe.tasks.items():
        if settings.hint is not None:
            some = {name: corpora[name] for name in settings.corpora or corpora}
            hint = {"maker": settings.hint.maker, "options": settings.hint.options}
            corpora |= add_hint(some, task=task, base=base, **hint)
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
    return _Data(corpora, kind_of, options, trained_on)


def _encoded(data: _Data, bundle: Bundle, split: str) -> dict[str, EncodedSplit]:
    """Return a split of all corpora that have it, with the tasks that it annotates, bottom-up."""
    return {
        corpus: EncodedSplit(
            splits[split],
            encoder=bundle.encoder,
            tasks=[
                task
                for task in bundle.model.tasks
                if corpus in data.trained_on[task]
                and annotates(splits[split], data.columns(task), pairs=bundle.model.reads_pairs(task))
            ],
        )
        for corpus, splits in data.corpora.items()
        if split in splits
    }


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


def _check_helper(task: str, settings: TaskSettings, labels: Mapping[str, list[str]]) -> None:
    """Refuse a hint or an adversary that has nothing to tell apart."""
    if settings.hint is None and settings.reversal is None:
        return
    for space in labels.values():
        if len(space) == 1:
            what = "hint.options" if settings.hint is not None else "reversal"
            raise DataError(
                f"tasks.{task}.{what}: expected two labels or more to tell apart, found {space[0]!r} everywhere; leave "
                "the task out, or mend its settings or data"
            )


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
