"""Labels of several tasks on the same words that are answered together: the tag, its finer tag, the features.

Tasks that are each right about most words still contradict one another where one of them errs: a noun with a verb's
tense. Training data say which labels go together; an answer is then the combination of them that is most probable by
all of these tasks, or, where every combination that training data have is far less probable, what each says by itself.

Letters: B batch, N words, K combinations, A factors of a label, V most classes of any factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hiernlp.kinds._base import Kind

LEAST = -1e4
"""What stands for minus infinity, which times zero is no number."""


@dataclass(frozen=True)
class Agreement:
    """Tasks whose labels of a word are to go together.

    Attributes:
        tasks: the tasks.
        combinations: the labels that go together, one of each task, in the tasks' order.
        unseen_cost: how much more probable (a difference of log-probabilities, in nats) what each task says by itself
            has to be than every combination to stand.
    """

    tasks: tuple[str, ...]
    combinations: tuple[tuple[str, ...], ...]
    unseen_cost: float

    def renamed(self, names: Mapping[str, str]) -> Agreement:
        """Return it with other names of the tasks."""
        return Agreement(tuple(names[task] for task in self.tasks), self.combinations, self.unseen_cost)


def combinations(columns: Iterable[Sequence[Sequence[str | None] | None]]) -> tuple[tuple[str, ...], ...]:
    """Return the labels that words have together, in a stable order.

    Args:
        columns: the labels of each sentence's words in several columns; sentences and words that lack one are left out.

    Example:
        >>> combinations([[["DET", "NOUN"], ["DT", "NN"]], [["NOUN"], ["NNS"]], [["VERB"], None]])
        (('DET', 'DT'), ('NOUN', 'NN'), ('NOUN', 'NNS'))
    """
    found: set[tuple[str, ...]] = set()
    for sentence in columns:
        whole = [column for column in sentence if column is not None]
        if len(whole) == len(sentence):
            found.update(labels for labels in zip(*whole, strict=True) if None not in labels)  # pyright: ignore[reportArgumentType]
    return tuple(sorted(found))


class Agreeing(nn.Module):
    """Changes the outputs of heads so that their answers go together.

    Args:
        agreement: which labels go together.
        heads: the tasks' heads, by task.
    """

    table: Tensor
    classes: Tensor

    def __init__(self, agreement: Agreement, heads: Mapping[str, Kind[Any, Any]]) -> None:
        super().__init__()
        self.unseen_cost = agreement.unseen_cost
        by_task = [
            heads[task].classes_of(labels)
            for task, labels in zip(agreement.tasks, zip(*agreement.combinations, strict=True), strict=True)
        ]
        known = [
            [each for classes in found for each in classes]
            for found in zip(*by_task, strict=True)
            if all(classes is not None for classes in found)
        ]
        self.sizes = [heads[task].factor_sizes for task in agreement.tasks]
        # Which of all tasks' classes are a combination's, so that a product is the sum of their log-probabilities.
        starts, width = [], 0
        for factors, size in self.sizes:
            starts += range(width, width + factors * size, size)
            width += factors * size
        classes = torch.tensor(known, dtype=torch.long).reshape(len(known), len(starts))
        table = torch.zeros(width, len(known)).scatter_(0, (classes + torch.tensor(starts)).t(), 1.0)
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("classes", classes, persistent=False)

    def forward(self, heads: Sequence[Kind[Any, Any]], outputs: Sequence[Any]) -> list[Any]:
        """Return the outputs; where an answer changes, its classes take the probabilities of those they replace.

        Args:
            heads: the heads, in the tasks' order.
            outputs: what they said of the same words.
        """
        if not len(self.classes):
            return list(outputs)
        factors = [head.factors(output).float() for head, output in zip(heads, outputs, strict=True)]
        said = torch.cat([found.flatten(-2) for found in factors], dim=-1).clamp(min=LEAST)
        with _in_float32(said.device.type):
            scores = said @ self.table.float()
        together, at = scores.max(-1)
        alone = sum(found.max(-1).values.sum(-1) for found in factors)
        stands = (alone - together > self.unseen_cost).unsqueeze(-1)
        changed: list[Any] = []
        wanted = self.classes[at].split([count for count, _ in self.sizes], dim=-1)
        for head, output, found, chosen in zip(heads, outputs, factors, wanted, strict=True):
            top = found.argmax(-1)
            changed.append(head.with_factors(output, exchanged(found, top, torch.where(stands, top, chosen))))
        return changed


def _in_float32(device: str) -> AbstractContextManager[object]:
    """Return the context in which products are not rounded to 16 bits, which would decide between combinations."""
    # Where nothing rounds them, no context stands in graphs that are made of this.
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def exchanged(values: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return values (..., V) of which those at two places (...) have changed places."""
    one, other = one.unsqueeze(-1), other.unsqueeze(-1)
    return values.scatter(-1, other, values.gather(-1, one)).scatter(-1, one, values.gather(-1, other))
