"""What a gate is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from hiernlp.settings import Settings


class GateOptions(Settings):
    """Settings that all gates have."""

    every: int = Field(default=10, ge=1)
    """Steps from one measurement to the next; each takes a run of the encoder forward and back for the helper and for
    the main tasks."""
    per: Literal["task", "layer"] = "task"
    """One gate for the helper, or one for each layer of the encoder below it, by which the helper's gradient of that
    layer's parameters is multiplied. While they differ, a step takes one more run back through the encoder."""


Options = TypeVar("Options", bound=GateOptions)


class Gate(ABC, Generic[Options]):
    """A helper's gate: a number from 0 (shut) to 1 (open) that the gradient of what the helper reads is multiplied by.

    With ``per: layer`` there is one for each layer, for the helper's gradient of that layer's parameters. What is the
    helper's own goes on learning behind a shut gate, so that a later measurement is of a head that has learnt, and the
    gate may open again.

    Args:
        options: the gate's own settings.
    """

    Options: ClassVar[type[GateOptions]]
    compares_with: ClassVar[Literal["train", "dev"]]
    """Whose gradient of the main tasks the helper's is compared with: of training or of development data."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    @abstractmethod
    def value(self) -> float:
        """How far the gate is open, from 0 to 1."""

    @abstractmethod
    def observe(self, cosine: float) -> None:
        """Note a measurement: the cosine of the helper's gradient with that of the main tasks, as far as it goes."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
