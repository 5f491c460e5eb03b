"""Settings of the layer probe, as a recipe gives them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from hiernlp.settings import Settings


class ProbeSettings(Settings):
    """How ``hiernlp probe`` and ``place: auto`` find out which layer suits a task."""

    share: float = Field(default=0.98, gt=0, le=1)
    """A task's place by its scores is the smallest layer whose probe reaches this share of the best layer's score."""
    place_by: Literal["gravity", "score"] = "gravity"
    """What ``place: auto`` goes by: ``gravity``, the centre of gravity of the task's mix of all layers (Tenney et al.
    2019), which tells tasks apart whose probes do alike on several layers; or ``score``, that smallest layer."""
    stretch: bool = True
    """Where a recipe leaves every task to the probe, ``place: auto`` stretches their places over the whole encoder, so
    that the deepest task stands on the top layer. Probes read a frozen encoder, whose upper layers may tell little
    before training; without stretching, no task would train them. False takes the places as they were found, as does a
    recipe that gives any task a layer."""
    sentences: int | None = Field(default=2000, ge=1)
    """Most training sentences (or pairs) of each corpus that probes learn from, drawn by the seed; null for all."""
    dev_sentences: int | None = Field(default=1000, ge=1)
    """Most development sentences (or pairs) of each corpus that probes are scored on; null for all."""
    epochs: int = Field(default=5, ge=1)
    """Epochs over the cached states."""
    batch_words: int = Field(default=256, ge=1)
    """Most words a batch, padding included."""
    learning_rate: float = Field(default=5e-3, gt=0)
    """Learning rate of AdamW at the start; it falls to zero in a line."""
    mix_learning_rate: float = Field(default=5e-2, gt=0)
    """The same for the weights of scalar mixes, which begin equal and have far to go."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled weight decay of the probes' matrices."""
    normalize: bool = True
    """Bring each word's state in each layer to mean 0 and variance 1, so that layers of different norm are learnt from
    equally fast and the weights of a mix can be compared."""
    control: bool = True
    """Also learn each kind's control task, where it has one, for selectivity."""
    precision: Literal["float16", "float32"] = "float16"
    """Number format of the cached states."""
    options: dict[str, dict[str, Any]] = {}
    """By task, options of its kind that its probes take instead of the task's own, for instance ``{chunks: {crf:
    false}}`` for cheaper ones. Without, parsers' probes are narrower than their tasks' heads."""
