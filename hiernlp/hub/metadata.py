"""The hub's metadata of a model: what it searches by, and each task's scores as its ``model-index``."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import EvalResult, ModelCardData

from hiernlp.encoder import MINILM, MINILM_HUB_ID
from hiernlp.training.tables import COUNTS

if TYPE_CHECKING:
    from hiernlp.hub.folder import Bundle

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_MANY_LANGUAGES = "xx"  # spaCy's code for rules that fit any language
_HUB_NAMES: dict[str, str] = {"pearson": "pearsonr", "spearman": "spearmanr"}
"""What the hub calls a metric, where that differs."""


def model_name(bundle: Bundle) -> str:
    """Return a name for a model: of the library and of the corpora that it was trained on."""
    return "-".join(["hiernlp", *bundle.recipe.get("corpora", {})])


def metadata(bundle: Bundle) -> ModelCardData:
    """Return the metadata that stands on top of the model card.

    Scores are the figures of ``scores.json`` but for counts; ``dataset_config`` is the task, as results on one dataset
    would else be taken for those of one task.
    """
    recipe, results = bundle.recipe, _results(bundle)
    datasets = [name for corpus in recipe.get("corpora", {}).values() if (name := hub_dataset(corpus)) is not None]
    metrics = {_metric(found["main"]) for found in _scores(bundle).values()}
    language = bundle.language
    return ModelCardData(
        language="multilingual" if language == _MANY_LANGUAGES else language,
        license=recipe["licence"].lower() if recipe.get("licence") else None,
        library_name="hiernlp",
        pipeline_tag=_hub_task(bundle, bundle.model.tasks[0]),
        tags=["hiernlp", "multi-task", *sorted({task.kind for task in bundle.tasks.values()})],
        base_model=base_model(bundle),
        datasets=list(dict.fromkeys(datasets)) or None,
        metrics=sorted(metrics) or None,
        model_name=model_name(bundle) if results else None,
        eval_results=results or None,
    )


def base_model(bundle: Bundle) -> str | None:
    """Return the hub id of the pretrained encoder; None where it is not known to come from the hub."""
    name = bundle.recipe.get("encoder", {}).get("name")
    return MINILM_HUB_ID if name == MINILM else _hub_id(name)


def hub_dataset(corpus: dict[str, Any]) -> str | None:
    """Return the hub id of a corpus; None for one of files."""
    return _hub_id(corpus.get("options", {}).get("dataset"))


def corpora_of(bundle: Bundle, task: str) -> list[str]:
    """Return the names of the corpora that a task was scored on, or else of those that it may learn from."""
    known = _scores(bundle).get(task, {}).get("corpora")
    named = bundle.recipe.get("tasks", {}).get(task, {}).get("corpora")
    return known or named or list(bundle.recipe.get("corpora", {}))


def _hub_id(name: Any) -> str | None:  # noqa: ANN401 - whatever stands in a recipe
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name) or Path(name).is_dir():
        return None
    return name


def _scores(bundle: Bundle) -> dict[str, Any]:
    found = bundle.scores.get("tasks", {})
    return {task: found[task] for task in bundle.model.tasks if task in found}


def _hub_task(bundle: Bundle, task: str) -> str:
    head: Any = bundle.model.heads[task]
    return "text-classification" if head.level == "sentence" else "token-classification"


def _metric(name: str) -> str:
    return _HUB_NAMES.get(name, name)


def _results(bundle: Bundle) -> list[EvalResult]:
    results = []
    for task, found in _scores(bundle).items():
        corpora = corpora_of(bundle, task)
        settings = [bundle.recipe.get("corpora", {}).get(name, {}) for name in corpora]
        names = " + ".join(corpora) or "unknown"
        datasets = [hub_dataset(corpus) for corpus in settings]
        figures = {found["main"]: found["values"][found["main"]], **found["values"]}
        for name, value in figures.items():
            if name in COUNTS or not math.isfinite(value):
                continue
            results.append(
                EvalResult(
                    task_type=_hub_task(bundle, task),
                    task_name=task,
                    dataset_type=datasets[0] if len(datasets) == 1 and datasets[0] else "-".join(corpora) or "unknown",
                    dataset_name=names,
                    dataset_config=task,
                    dataset_split=bundle.scores.get("split", "dev"),
                    metric_type=_metric(name),
                    metric_name=name.replace("_", " "),
                    metric_value=round(float(value), 4),
                )
            )
    return results
