"""Whether the graphs of a folder say what torch says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiernlp.decoding._base import Annotation
from hiernlp.encoding.subwords import SubwordEncoder
from hiernlp.errors import HierNLPError
from hiernlp.graphs.manifest import ExportedTask
from hiernlp.graphs.running import GraphModel
from hiernlp.hub.folder import Bundle
from hiernlp.prediction import ModelPredictor
from hiernlp.predictor import Predictor

TOLERANCE = 1e-3
"""Largest difference of a probability or a number that is taken for rounding; float32 gives about 1e-5."""
LEAST_EQUAL = 0.995
"""Smallest share of equal answers: where two are all but equally likely, rounding may decide."""


@dataclass(frozen=True)
class TaskCheck:
    """How a task's answers from its graphs compare with torch's.

    Attributes:
        depth: the deepest layer that the task reads.
        answers: how many were compared: words, or sentences where the answer is on one or on its spans.
        equal: how many were equal.
        difference: largest difference of a probability of equal answers, or of a number.
    """

    depth: int
    answers: int
    equal: int
    difference: float

    @property
    def share(self) -> float:
        """The share of equal answers."""
        return self.equal / self.answers


def check(
    bundle: Bundle, graphs: GraphModel, sentences: Sequence[Sequence[str]], *, budget: int = 1024
) -> dict[str, TaskCheck]:
    """Compare the answers of every task, each from the graphs that serve it alone, with torch's.

    Tasks that read pairs judge each sentence with the one that follows, the last one with the first.

    Args:
        bundle: the model.
        graphs: its graphs.
        sentences: the words of sentences to compare on; at least one.
        budget: most subwords a batch, padding included.

    Raises:
        HierNLPError: there is no sentence.
    """
    words = with_words(sentences)
    tasks = graphs.manifest.tasks
    found: dict[str, TaskCheck] = {}
    model = ModelPredictor(bundle.model, encoder=bundle.encoder, encoding=bundle.encoding)
    for pairs in sorted({task.pairs for task in tasks.values()}):
        alike = [name for name, task in tasks.items() if task.pairs == pairs]
        how: dict[str, Any] = {"pairs": pairs, "budget": budget}
        expected = _answers(model, bundle.encoder, words, tasks=alike, probabilities=True, **how)
        for depth in sorted({tasks[name].depth for name in alike}):
            here = [name for name in alike if tasks[name].depth == depth]
            plain, likely = (
                _answers(graphs, graphs.encoder, words, tasks=here, probabilities=probabilities, **how)
                for probabilities in (False, True)
            )
            for name in here:
                of_task = [{**a[name], **b[name]} for a, b in zip(likely, plain, strict=True)]
                found[name] = _compare(tasks[name], [e[name] for e in expected], of_task)
    return {name: found[name] for name in tasks}


def _answers(
    predictor: Predictor,
    encoder: SubwordEncoder,
    words: Sequence[Sequence[str]],
    *,
    tasks: Sequence[str],
    pairs: bool,
    budget: int,
    probabilities: bool,
) -> list[dict[str, Annotation]]:
    """Return what is said of sentences, or of each with the one that follows."""
    subwords = encoder.encode(words)
    if not pairs:
        return predictor.predict(subwords, words, tasks=tasks, budget=budget, probabilities=probabilities)
    return predictor.predict_pairs(
        list(zip(subwords, [*subwords[1:], subwords[0]], strict=True)),
        [[*first, *second] for first, second in zip(words, [*words[1:], words[0]], strict=True)],
        tasks=tasks,
        budget=budget,
        probabilities=probabilities,
    )


def with_words(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the sentences that have words.

    Raises:
        HierNLPError: there is none.
    """
    words = [list(sentence) for sentence in sentences if sentence]
    if not words:
        raise HierNLPError("the text to check the export on has no words; give another")
    return words


def disagreement(checks: Mapping[str, TaskCheck]) -> str | None:
    """Return in one sentence which task's graphs do not say what torch says, or None if all do."""
    for name, found in checks.items():
        if found.share < LEAST_EQUAL or found.difference > TOLERANCE:
            return (
                f"onnxruntime does not say what torch says: of {name!r} expected at least {LEAST_EQUAL:.1%} equal "
                f"answers and differences of at most {TOLERANCE:g}, found {found.share:.2%} of {found.answers:,} and "
                f"{found.difference:.2g}"
            )
    return None


def _compare(
    task: ExportedTask, expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]
) -> TaskCheck:
    answers = equal = 0
    difference = 0.0
    for ours, theirs in zip(expected, found, strict=True):
        pairs = [_units(task, ours[column], theirs[column]) for column in task.columns]
        alike = [all(_alike(a, b) for a, b in of_unit) for of_unit in zip(*pairs, strict=True)]
        answers, equal = answers + len(alike), equal + sum(alike)
        for column in task.columns:
            shares = f"{column}_probability"
            values = pairs[0] if shares not in ours else _units(task, ours[shares], theirs[shares])
            apart = [_apart(a, b) for (a, b), same in zip(values, alike, strict=True) if same]
            difference = max(difference, *apart, 0.0)
    return TaskCheck(task.depth, answers, equal, difference)


def _units(task: ExportedTask, ours: Any, theirs: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - any annotation
    """Return the two answers on each word, or else on the sentence."""
    return list(zip(ours, theirs, strict=True)) if task.level == "token" else [(ours, theirs)]


def _alike(ours: Any, theirs: Any) -> bool:  # noqa: ANN401
    return isinstance(ours, float) or ours == theirs


def _apart(ours: Any, theirs: Any) -> float:  # noqa: ANN401
    """Return the largest difference of two numbers, lists or mappings of numbers; 0 for what is no number."""
    if isinstance(ours, float):
        gap = abs(ours - theirs)
        return math.inf if math.isnan(gap) else gap
    if isinstance(ours, Mapping):
        return max((_apart(value, theirs[key]) for key, value in ours.items()), default=0.0)
    if isinstance(ours, list):
        return max((_apart(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
    return 0.0
