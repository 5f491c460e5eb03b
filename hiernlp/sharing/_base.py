"""What a sharing scheme is: the answer to 'which states does this task read?'."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from torch import Tensor, nn

from hiernlp.encoder import Encoder
from hiernlp.encoding.collate import WordBatch
from hiernlp.settings import Settings

VisitTasks = Callable[[int, Tensor, frozenset[str]], Tensor | None]
"""Called with a layer's number, its states (W, T, H) and the tasks that read this branch there; may return other states
for the layers above."""


class Scheme(nn.Module, ABC):
    """A sharing scheme: however many encoders, branches or mixing units it has, the model only asks it to run.

    Args:
        encoder: the pretrained encoder, which the scheme may copy.
        options: the scheme's own settings.
        tasks: names of all tasks.
    """

    Options: ClassVar[type[Settings]]

    @abstractmethod
    def __init__(self, encoder: Encoder, *, options: Settings, tasks: tuple[str, ...]) -> None:
        super().__init__()

    @property
    @abstractmethod
    def depth(self) -> int:
        """Number of layers L that a task can be placed on."""

    @property
    @abstractmethod
    def hidden_size(self) -> int:
        """Width H of every state."""

    @property
    @abstractmethod
    def encoders(self) -> list[Encoder]:
        """All encoders of the scheme, for settings that concern their layers."""

    @abstractmethod
    def run(self, batch: WordBatch, *, depths: Mapping[str, int], visit: VisitTasks) -> None:
        """Run as deep as asked and show every layer, bottom-up, to ``visit`` with the tasks that read it.

        Args:
            batch: the sentences.
            depths: the deepest layer that each wanted task reads.
            visit: sees each layer's states of each branch.
        """

    @abstractmethod
    def penalty(self) -> Tensor | None:
        """Return the term that the scheme adds to the loss, a scalar, or None."""
