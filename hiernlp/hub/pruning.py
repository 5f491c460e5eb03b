"""A model cut to some of its tasks: their heads, what feeds them, and the layers that they read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from hiernlp.errors import HierNLPError
from hiernlp.hub.folder import Bundle, build_model, restricted
from hiernlp.model import HierarchicalModel
from hiernlp.prediction import ModelPredictor

PROBE = (
    ["The", "quick", "brown", "fox", "jumped", "over", "42", "lazy", "dogs", "."],
    ["Why", "?"],
    ["Ada", "met", "Charles", "in", "London", ","] * 200,
)
"""Sentences on which the model before and after must agree to the last bit; the last needs several windows."""


@dataclass(frozen=True)
class Pruned:
    """A model cut to some tasks.

    Attributes:
        bundle: the model with all that is needed to use it; it may share weights with the whole one.
        feeding: the tasks that were not asked for and stay, as those that were need them, bottom-up.
    """

    bundle: Bundle
    feeding: tuple[str, ...]


def prune(bundle: Bundle, tasks: Collection[str]) -> Pruned:
    """Cut a model to some tasks and as many layers as they read; what it answers for them stays the same.

    Where the encoder normalises its last layer's output, one layer above the deepest task stays if there is one, so
    that the norm remains above what any task reads.

    Args:
        bundle: the model.
        tasks: the tasks to keep; what they need of others, which feed them or whose answers they go by, is kept, too.

    Raises:
        HierNLPError: there is no such task, or the sharing scheme cannot be cut without changing an answer.
    """
    kept = bundle.model.needed(list(tasks))
    smaller = restricted(bundle, kept)
    model, (encoder, *_) = smaller.model, smaller.model.scheme.encoders
    # No encoder has no layer at all, even if all tasks read the embeddings.
    depth = max(1, model.depth_of(kept)) + encoder.has_final_norm
    if depth < model.scheme.depth:
        short = build_model(
            encoder.shortened(depth),
            tasks=smaller.tasks,
            feeds=list(model.feeds),
            sharing_scheme=smaller.sharing,
            letter_case=model.case_embedding is not None,
            agreements=model.agreements,
        )
        _copy_weights(model, short, scheme=smaller.sharing[0])
        smaller = replace(smaller, model=short.to(next(model.parameters())).eval())
    scores = {**bundle.scores}
    if "tasks" in scores:
        scores["tasks"] = {task: found for task, found in scores["tasks"].items() if task in kept}
    smaller = replace(smaller, scores=scores)
    if _answers(smaller, kept) != _answers(bundle, kept):
        raise HierNLPError(f"the model cannot be cut to {', '.join(kept)}: its answers would change; keep it whole")
    return Pruned(smaller, tuple(task for task in kept if task not in tasks))


def _copy_weights(model: HierarchicalModel, short: HierarchicalModel, *, scheme: str) -> None:
    state, expected = model.state_dict(), short.state_dict()
    other = [name for name in expected if name not in state or state[name].shape != expected[name].shape]
    if other:
        raise HierNLPError(
            f"a model of the sharing scheme {scheme!r} cannot be cut to some of its tasks: it has no weights for "
            f"{other[0]!r}"
        )
    short.load_state_dict({name: state[name] for name in expected})


def _answers(bundle: Bundle, tasks: Collection[str]) -> list[dict[str, Any]]:
    """Return what a model says of the probe, probabilities included."""
    model = bundle.model
    subwords = bundle.encoder.encode(PROBE)
    single = [task for task in tasks if not model.reads_pairs(task)]
    on_pairs = [task for task in tasks if model.reads_pairs(task)]
    predictor = ModelPredictor(model, encoder=bundle.encoder, encoding=bundle.encoding)
    found = predictor.predict(subwords, PROBE, tasks=single, probabilities=True) if single else []
    if on_pairs:
        pairs = [(first, second) for first in subwords for second in subwords]
        words = [first + second for first in PROBE for second in PROBE]
        found += predictor.predict_pairs(pairs, words, tasks=on_pairs, probabilities=True)
    return found
