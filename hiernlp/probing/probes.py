"""The probes of one task: its own head on every layer and on every mix of layers from 0 up, trained in one go.

Letters: B sentences (of pairs read apart, two rows each), N words, L layers, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.encoding.batches import plan_batches
from hiernlp.errors import RecipeError
from hiernlp.kinds._base import Annotation, Arrays, Kind, Labels, Row
from hiernlp.pairs import PairReading, PairSettings
from hiernlp.probing.results import TaskResult
from hiernlp.probing.settings import ProbeSettings
from hiernlp.probing.states import StateBatch
from hiernlp.settings import Settings


@dataclass(frozen=True)
class ProbedTask:
    """What is needed to build a task's heads.

    Attributes:
        kind: its kind.
        options: the options of its probes.
        pair: how it reads pairs, if it does.
    """

    kind: type[Kind[Any, Any]]
    options: Settings
    pair: PairSettings | None = None

    @property
    def is_apart(self) -> bool:
        """Whether an example is two rows of words."""
        return self.pair is not None and self.pair.encode == "apart"


@dataclass(frozen=True)
class Example:
    """One sentence, or one pair of them, with what is cached of it.

    Attributes:
        states: gives the states (N, L + 1, H) of its row of words, or of both its rows.
        length: number of words of its longest row.
        row: its annotations, with its ``words``.
        second_from: number of the first word of the second of two sentences in one row.
    """

    states: Callable[[], list[np.ndarray]]
    length: int
    row: Row
    second_from: int | None = None


class CumulativeMixes(nn.Module):
    """For l = 0 to L one scalar mix of the layers 0 to l: gamma_l * sum_k softmax(a_l)_k h^(k) (Tenney et al. 2019).

    Args:
        layers: L + 1.
    """

    above: Tensor

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(layers, layers))
        self.gamma = nn.Parameter(torch.ones(layers))
        self.register_buffer("above", torch.ones(layers, layers, dtype=torch.bool).triu(1), persistent=False)

    def weights(self) -> Tensor:
        """Return the mixes' weights, a row each, shape (L + 1, L + 1)."""
        return self.logits.masked_fill(self.above, float("-inf")).softmax(-1)

    def forward(self, states: Tensor) -> Tensor:
        """Return the mixes of states (B, N, L + 1, H), shape (B, N, L + 1, H)."""
        return (self.gamma.unsqueeze(-1) * self.weights()) @ states


class Readout(nn.Module):
    """A task's head with what it reads by: for pairs, the comparison of the two sentences.

    Args:
        task: the task.
        labels: its label spaces.
        size: width H of the states.
    """

    def __init__(self, task: ProbedTask, *, labels: Labels, size: int) -> None:
        super().__init__()
        compares = task.pair is not None and task.pair.compares
        self.reading = PairReading(size, task.pair) if task.pair is not None and compares else None
        self.is_apart = task.is_apart
        self.head = task.kind(
            options=task.options, labels=labels, hidden_size=size if self.reading is None else self.reading.size
        )

    def forward(self, states: Tensor, mask: Tensor, of_second: Tensor | None) -> Any:  # noqa: ANN401 - each kind has its own
        """Return what the head says.

        Shapes: ``states`` (B, N, H), ``mask`` and ``of_second`` (B, N); apart, the rows of first and second sentences
        take turns.
        """
        if self.reading is None:
            return self.head(states, mask)
        if self.is_apart:
            vectors = self.reading.vectors(states, mask)
            first, second = vectors[0::2], vectors[1::2]
        else:
            assert of_second is not None
            first = self.reading.vectors(states, mask & ~of_second)
            second = self.reading.vectors(states, of_second)
        features = self.reading(first, second)
        return self.head(features, torch.ones(features.shape[:2], dtype=torch.bool, device=features.device))


class Probes(nn.Module):
    """All probes of a task.

    Args:
        task: the task.
        labels: its label spaces.
        layers: L + 1.
        size: width H of the states.
        control: whether there are also probes for the control task.
        normalize: whether the states are brought to mean 0 and variance 1 first.
    """

    def __init__(
        self, task: ProbedTask, *, labels: Labels, layers: int, size: int, control: bool, normalize: bool
    ) -> None:
        super().__init__()

        def readouts(first: int = 0) -> nn.ModuleList:
            return nn.ModuleList(Readout(task, labels=labels, size=size) for _ in range(first, layers))

        self.normalize = normalize
        self.mixes = CumulativeMixes(layers)
        self.layers = readouts()
        self.cumulative = readouts(1)  # the layers 0 to 0 are layer 0
        self.control = readouts() if control else nn.ModuleList()

    @property
    def heads(self) -> list[Kind[Any, Any]]:
        """The heads of the probes for the task: those of the layers, then those of the mixes."""
        return [read.head for read in (*self.layers, *self.cumulative)]  # pyright: ignore[reportReturnType, reportAttributeAccessIssue]

    @property
    def control_heads(self) -> list[Kind[Any, Any]]:
        """The heads of the probes for the control task."""
        return [read.head for read in self.control]  # pyright: ignore[reportReturnType, reportAttributeAccessIssue]

    def forward(self, batch: StateBatch, of_second: Tensor | None) -> tuple[list[Any], list[Any]]:
        """Return what the probes for the task say (layers, then mixes), and those for the control task."""
        states = F.layer_norm(batch.states, batch.states.shape[-1:]) if self.normalize else batch.states
        mixed = self.mixes(states)
        layers = states.unbind(2)
        told = [read(each, batch.mask, of_second) for read, each in zip(self.layers, layers, strict=True)]
        told += [
            read(each, batch.mask, of_second) for read, each in zip(self.cumulative, mixed.unbind(2)[1:], strict=True)
        ]
        controls = [read(each, batch.mask, of_second) for read, each in zip(self.control, layers, strict=False)]
        return told, controls


def probe_task(
    task: ProbedTask,
    train: Sequence[Example],
    dev: Sequence[Example],
    *,
    settings: ProbeSettings,
    seed: int,
    device: torch.device | str = "cpu",
) -> TaskResult:
    """Train a task's probes on cached states and score them.

    Every batch of states is read once for all of them. Each probe learns by itself: none of its parameters meets
    another's, and AdamW takes each number alone. The same arguments give the same result on a processor.

    Args:
        task: the task.
        train: sentences to learn from.
        dev: sentences to be scored on.
        settings: how to train.
        seed: seed of initial weights, dropout, batches and control labels.
        device: where to train.

    Raises:
        HierNLPError: no sentence to learn from, or to be scored on, has the annotation.
    """
    began = monotonic()
    rows = [example.row for example in train]
    gold = [example.row for example in dev]
    labels = task.kind.fit(task.options, rows)
    if not any(all(row.get(column) is not None for column in task.kind.columns(task.options)) for row in gold):
        raise RecipeError(
            f"probe.dev_sentences: none of the {len(gold)} sentences that probes are scored on has the annotation "
            f"{' and '.join(map(repr, task.kind.columns(task.options)))}; set it to more, or to null for all"
        )
    labeller = task.kind.control(task.options, rows, seed=seed) if settings.control else None
    controls = _relabelled(labeller, rows), _relabelled(labeller, gold)
    layers, size = train[0].states()[0].shape[1:]
    devices = [device] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        probes = Probes(
            task,
            labels=labels,
            layers=layers,
            size=size,
            control=labeller is not None,
            normalize=settings.normalize,
        ).to(device)
        _learn(probes, task, train, controls[0], settings=settings, seed=seed, device=device)
    predicted, controlled = _predict(probes, task, dev, settings=settings, device=device)
    scores = [task.kind.score(task.options, gold, each) for each in predicted]
    guess = task.kind.baseline(task.options, rows)
    values = [found.main_value for found in scores]
    return TaskResult(
        main=scores[0].main,
        layers=tuple(values[:layers]),
        cumulative=(values[0], *values[layers:]),
        control=tuple(task.kind.score(task.options, controls[1] or [], each).main_value for each in controlled) or None,
        weights=tuple(probes.mixes.weights()[-1].tolist()),
        baseline=task.kind.score(task.options, gold, [guess(row) for row in gold]).main_value,
        sentences=len(train),
        dev_sentences=len(dev),
        seconds=monotonic() - began,
    )


def _relabelled(labeller: Callable[[Row], Annotation] | None, rows: Sequence[Row]) -> list[Row] | None:
    return None if labeller is None else [{**row, **labeller(row)} for row in rows]


def _learn(
    probes: Probes,
    task: ProbedTask,
    examples: Sequence[Example],
    control: Sequence[Row] | None,
    *,
    settings: ProbeSettings,
    seed: int,
    device: torch.device | str,
) -> None:
    heads, control_heads = probes.heads, probes.control_heads
    # All heads have one label space.
    targets = [heads[0].targets(example.row) for example in examples]
    control_targets = None if control is None else [heads[0].targets(row) for row in control]
    plans = [
        plan_batches(_sizes(examples, task), budget=settings.batch_words, seed=seed, epoch=epoch)
        for epoch in range(settings.epochs)
    ]
    total = sum(len(plan) for plan in plans)
    optimizer = _optimizer(probes, settings, device=device)
    peaks = [group["lr"] for group in optimizer.param_groups]
    probes.train()
    for step, chosen in enumerate(chosen for plan in plans for chosen in plan):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * (1 - step / total)
        batch, of_second = _batch(examples, chosen, device=device)
        told, controlled = probes(batch, of_second)
        loss = mean_losses(heads, told, [targets[i] for i in chosen], batch)
        if control_targets is not None:
            loss = loss + mean_losses(control_heads, controlled, [control_targets[i] for i in chosen], batch)
        if isinstance(loss, Tensor):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def mean_losses(
    heads: Sequence[Kind[Any, Any]], outputs: Sequence[Any], targets: Sequence[Arrays | None], batch: StateBatch
) -> Tensor | float:
    """Return the sum over probes of their mean losses for a batch's targets, 0 where it lacks the annotation.

    Args:
        heads: the probes' heads.
        outputs: what each says.
        targets: of each sentence, the same for all probes.
        batch: the batch.
    """
    found = heads[0].collate(targets, batch.mask.shape[1])
    if not found.count:
        return 0.0
    tensors = {name: tensor.to(batch.mask.device) for name, tensor in found.tensors.items()}
    losses = [head.loss(output, tensors) for head, output in zip(heads, outputs, strict=True)]
    return torch.stack(losses).sum() / found.count


def _predict(
    probes: Probes,
    task: ProbedTask,
    examples: Sequence[Example],
    *,
    settings: ProbeSettings,
    device: torch.device | str,
) -> tuple[list[list[Annotation]], list[list[Annotation]]]:
    """Return each probe's annotations in the examples' order: those for the task and those for the control task."""
    heads, controls = probes.heads, probes.control_heads
    found: list[list[Annotation]] = [[{} for _ in examples] for _ in (*heads, *controls)]
    probes.eval()
    with torch.inference_mode():
        for chosen in plan_batches(_sizes(examples, task), budget=settings.batch_words):
            batch, of_second = _batch(examples, chosen, device=device)
            told, controlled = probes(batch, of_second)
            words = [list(examples[i].row["words"]) for i in chosen]
            for place, head, output in zip(found, (*heads, *controls), (*told, *controlled), strict=True):
                for i, annotation in zip(chosen, head.decode(output, words), strict=True):
                    place[i] = annotation
    return found[: len(heads)], found[len(heads) :]


def _sizes(examples: Sequence[Example], task: ProbedTask) -> list[int]:
    return [example.length * (1 + task.is_apart) for example in examples]


def _batch(
    examples: Sequence[Example], chosen: Sequence[int], *, device: torch.device | str
) -> tuple[StateBatch, Tensor | None]:
    """Return the states of some examples, and which words are of second sentences where two share a row."""
    batch = StateBatch.of([row for i in chosen for row in examples[i].states()], device=device)
    seconds = [examples[i].second_from for i in chosen]
    if any(second is None for second in seconds):
        return batch, None
    numbers = torch.arange(batch.mask.shape[1], device=batch.mask.device)
    return batch, batch.mask & (numbers >= torch.tensor(seconds, device=batch.mask.device).unsqueeze(1))


def _optimizer(probes: Probes, settings: ProbeSettings, *, device: torch.device | str) -> torch.optim.AdamW:
    mixing = {id(parameter) for parameter in probes.mixes.parameters()}
    rest = [parameter for parameter in probes.parameters() if id(parameter) not in mixing]
    groups: list[Mapping[str, Any]] = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        {"params": list(probes.mixes.parameters()), "weight_decay": 0.0, "lr": settings.mix_learning_rate},
    ]
    fused = torch.device(device).type in ("cpu", "cuda")
    return torch.optim.AdamW(
        [dict(group) for group in groups if group["params"]], lr=settings.learning_rate, fused=fused
    )
