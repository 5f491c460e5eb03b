"""A batch of sentences as a graph sees it: operators that any number of sentences, words and subwords goes through.

Letters: B sentences, N words (padded), W windows, T subwords (padded), H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class GraphBatch:
    """What :class:`hiernlp.encoding.collate.WordBatch` is to a model, made of a graph's inputs.

    Attributes: those of :func:`hiernlp.graphs.inputs.graph_inputs`, and the names of ``WordBatch`` that no graph has.
    """

    input_ids: Tensor
    attention_mask: Tensor
    word_mask: Tensor
    subword_word: Tensor
    word_index: Tensor | None = None
    read: Tensor | None = None
    counts: Tensor | None = None
    cases: Tensor | None = None
    token_types: Tensor | None = None
    of_second: Tensor | None = None
    other_order: Tensor | None = None

    def pool(self, states: Tensor) -> Tensor:
        """Return the words' states (B, N, H) given the subwords' states (W, T, H)."""
        flat = states.flatten(0, 1)
        if self.word_index is not None:
            return F.embedding(self.word_index, flat)
        assert self.read is not None
        assert self.counts is not None
        batch, words = self.word_mask.shape
        # What no word reads is added to a last row, which is cut off.
        sums = flat.new_zeros(batch * words + 1, flat.shape[-1]).index_put(
            (self.read.flatten(),), flat, accumulate=True
        )
        return sums[:-1].unflatten(0, (batch, words)) / self.counts.clamp(min=1).unsqueeze(-1)

    def spread(self, words: Tensor) -> Tensor:
        """Return for every subword what its word was given; zero for special subwords.

        Shapes: ``words`` (B, N, H) to (W, T, H).
        """
        flat = F.pad(words.flatten(0, 1), (0, 0, 0, 1))
        return F.embedding(self.subword_word, flat)

    def turned(self, rows: Tensor) -> Tensor:
        """Return for every row what the row has that holds the same pair turned round."""
        assert self.other_order is not None
        return rows.index_select(0, self.other_order)
