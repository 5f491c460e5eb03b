"""Adversarial training: the batch once more with its subwords' embeddings moved to where the loss rises fastest.

Source: Miyato et al. 2017 (arXiv 1605.07725), the fast gradient method. There each sentence's sequence of embeddings is
moved by itself; here the table of embeddings is, as one vector, so that a subword is moved alike wherever it stands in
the step's batches. It has nothing to do with adversaries of gradient reversal.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from hiernlp.model import HierarchicalModel


class Perturbation:
    """Moves the subword embeddings of a model's encoders along their gradients.

    Args:
        model: the model.
        norm: how far, as the Euclidean length of the change of an encoder's whole table.
    """

    def __init__(self, model: HierarchicalModel, *, norm: float) -> None:
        self.norm = norm
        self._tables = list(dict.fromkeys(encoder.subword_embeddings for encoder in model.scheme.encoders))

    @property
    def learns(self) -> bool:
        """Whether there is a gradient to move along: none where embeddings are frozen or nothing reached them."""
        return any(table.grad is not None for table in self._tables)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Move the embeddings by ``norm * g / ||g||_2`` for a while; afterwards they are what they were, bit for bit.

        A gradient that is zero, or not finite as at times in float16, moves nothing.
        """
        moved = [self._move(table, table.grad) for table in self._tables if table.grad is not None]
        try:
            yield
        finally:
            with torch.no_grad():
                for table, rows, before in moved:
                    table[rows] = before

    @torch.no_grad()
    def _move(self, table: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Move a table; return it, the rows that are moved and what they were.

        Only the batches' own subwords have a gradient, a few of the vocabulary: the other rows need not be copied.
        """
        lengths = torch.linalg.vector_norm(gradient, dim=1)
        length = torch.linalg.vector_norm(lengths)
        usable = length.isfinite() & (length > 0)
        rows = lengths.nonzero().squeeze(1)
        before = table[rows]
        table[rows] = before + torch.where(usable, gradient[rows] * (self.norm / length), 0.0)
        return table, rows, before
