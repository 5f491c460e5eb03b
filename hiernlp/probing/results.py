"""What the layer probe found, with the figures that follow from its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from hiernlp.probing.localisation import (
    centre_of_gravity,
    expected_layer,
    gains,
    localisation,
    smallest_layer,
    stretched,
)


@dataclass(frozen=True)
class TaskResult:
    """One task of a probe; each tuple goes from layer 0, the embeddings, to layer L, the top.

    Attributes:
        main: name of the task's main figure.
        layers: that figure of a probe on each layer alone.
        cumulative: the same of probes on a learnt mix of the layers 0 to l.
        control: the same of probes on each layer alone that learn the control task; None where the kind has none.
        weights: weights of the mix of all layers; they sum to 1.
        baseline: the figure of the majority baseline.
        sentences: number of sentences that probes learnt from.
        dev_sentences: number of sentences that they were scored on.
        seconds: what learning and scoring took.
    """

    main: str
    layers: tuple[float, ...]
    cumulative: tuple[float, ...]
    control: tuple[float, ...] | None
    weights: tuple[float, ...]
    baseline: float
    sentences: int
    dev_sentences: int
    seconds: float

    @property
    def best_layer(self) -> int:
        """The layer that scores best, the smallest of several."""
        return smallest_layer(self.layers, share=1.0)

    @property
    def beats_majority(self) -> bool:
        """Whether any layer scores better than the majority baseline."""
        return max(self.layers) > self.baseline

    def place(self, share: float) -> int:
        """Return the smallest layer that reaches a share of the best layer's score."""
        return smallest_layer(self.layers, share=share)

    @property
    def expected_layer(self) -> float | None:
        """E_Delta, by the cumulative scores; None where the layers above 0 add nothing."""
        return expected_layer(self.cumulative)

    @property
    def centre_of_gravity(self) -> float:
        """The mean layer that the mix of all layers reads."""
        return centre_of_gravity(self.weights)

    @property
    def localisation(self) -> float | None:
        """K of the mix's weights, in nats."""
        return localisation(self.weights)

    @property
    def gain_localisation(self) -> float | None:
        """K of what each layer adds to the cumulative score, in nats; None where no layer adds anything."""
        return localisation(gains(self.cumulative))

    @property
    def selectivity(self) -> tuple[float, ...] | None:
        """Each layer's score less its score in the control task; None where the kind has none."""
        if self.control is None:
            return None
        return tuple(score - control for score, control in zip(self.layers, self.control, strict=True))

    def as_json(self, *, share: float) -> dict[str, Any]:
        """Return all figures; scores are shares of one, what is undefined is None."""
        return {
            **self.as_stored(),
            "best_layer": self.best_layer,
            "place": self.place(share),
            "expected_layer": self.expected_layer,
            "centre_of_gravity": self.centre_of_gravity,
            "localisation": self.localisation,
            "gain_localisation": self.gain_localisation,
            "selectivity": None if self.selectivity is None else list(self.selectivity),
        }

    def as_stored(self) -> dict[str, Any]:
        """Return what was measured, from which all else follows."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def of_stored(cls, data: Mapping[str, Any]) -> Self:
        """Return the result that :meth:`as_stored` gave."""
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**values)


@dataclass(frozen=True)
class ProbeResult:
    """What a probe of one encoder found.

    Attributes:
        tasks: by name.
        share: share of the best score that a task's place must reach.
        probed: what was probed, in a few words.
        seed: seed of the draws of sentences, the probes' initial weights and their batches.
        command: the command that makes it, if one does.
        date: when, as YYYY-MM-DD.
        versions: of what it was made with.
    """

    tasks: dict[str, TaskResult]
    share: float
    probed: str
    seed: int
    command: str | None
    date: str
    versions: dict[str, str]

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(next(iter(self.tasks.values())).layers) - 1

    @property
    def places(self) -> dict[str, int]:
        """The smallest layer that suits each task."""
        return {name: task.place(self.share) for name, task in self.tasks.items()}

    @property
    def stretched_places(self) -> dict[str, int]:
        """The same stretched over the whole encoder: the deepest task's is the top layer."""
        return stretched(self.places, depth=self.depth)

    @property
    def stretched_centres(self) -> dict[str, int]:
        """The layers nearest to the tasks' centres of gravity, stretched in the same way."""
        return stretched({name: task.centre_of_gravity for name, task in self.tasks.items()}, depth=self.depth)

    @property
    def bottom_up(self) -> list[str]:
        """The tasks by their places, those of one place by their expected layers."""
        return sorted(self.tasks, key=lambda name: (self.places[name], self.tasks[name].expected_layer or 0.0, name))

    def as_json(self) -> dict[str, Any]:
        """Return all figures as ``probe.json`` has them."""
        return {
            "probed": self.probed,
            "layers": self.depth,
            "split": "dev",
            "share": self.share,
            "seed": self.seed,
            "tasks": {
                name: {
                    **task.as_json(share=self.share),
                    "stretched_place": self.stretched_places[name],
                    "stretched_centre": self.stretched_centres[name],
                }
                for name, task in self.tasks.items()
            },
            "command": self.command,
            "date": self.date,
            "versions": self.versions,
        }
