"""Hard parameter sharing (Caruana 1993): one encoder, every task reads its states."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hiernlp.encoder import Encoder
from hiernlp.encoding.collate import WordBatch
from hiernlp.settings import Settings
from hiernlp.sharing._base import Scheme, VisitTasks


class HardOptions(Settings):
    """Hard sharing has no settings."""


class Hard(Scheme):
    """Answer every task from one run of one encoder, no deeper than the deepest task asked for."""

    Options = HardOptions

    def __init__(self, encoder: Encoder, *, options: Settings, tasks: tuple[str, ...]) -> None:
        super().__init__(encoder, options=options, tasks=tasks)
        self.encoder = encoder

    @property
    def depth(self) -> int:
        return self.encoder.depth

    @property
    def hidden_size(self) -> int:
        return self.encoder.hidden_size

    @property
    def encoders(self) -> list[Encoder]:
        return [self.encoder]

    def run(self, batch: WordBatch, *, depths: Mapping[str, int], visit: VisitTasks) -> None:
        readers = frozenset(depths)
        self.encoder(
            batch.input_ids,
            batch.attention_mask,
            depth=max(depths.values()),
            visit=lambda layer, states: visit(layer, states, readers),
            token_types=batch.token_types,
        )

    def penalty(self) -> Tensor | None:
        return None
