"""The hierarchy: heads on layers, run bottom-up, the lower tasks' beliefs fed upward.

Sources: low supervision (Søgaard and Goldberg 2016); label embeddings and shortcuts (Hashimoto et al. 2017,
arXiv 1611.01587, sections 2.1 to 2.3); the scalar mix (Peters et al. 2018, equation 1).

Letters: B batch, N words, P pairs, H hidden size, F width of what is read of a pair, C labels, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.agreement import Agreeing, Agreement
from hiernlp.decoding._consulting import consulted, with_consulted
from hiernlp.encoding.collate import WordBatch
from hiernlp.encoding.letter_case import CASES
from hiernlp.encoding.pairs import PairBatch
from hiernlp.errors import HierNLPError, unknown_task
from hiernlp.hierarchy import Feed, Place, bottom_up, check_pairs
from hiernlp.kinds._base import Kind, Targets
from hiernlp.modules import ByTask, HeldBack, ScalarMix, scale_gradient, without_dropout, zero_linear
from hiernlp.pairs import PairReading
from hiernlp.processor import linear
from hiernlp.sharing._base import Scheme


class HierarchicalModel(nn.Module):
    """Heads on the layers of shared encoders.

    Args:
        scheme: the sharing scheme.
        heads: one kind, built for its task, by task name.
        places: the layer or layers that each task reads.
        feeds: which beliefs are fed upward.
        shortcuts: tasks whose heads also read the words' states of layer 0.
        pairs: how the tasks that compare the two sentences of a pair do so; their heads are built for its width.
        joined: tasks that read pairs of sentences together; those of ``pairs`` that are not among them read apart.
        without_dropout: tasks on pairs for which nothing is dropped out in the encoder while it reads them.
        symmetric: tasks on pairs that answer alike if the two sentences are swapped; those that read pairs together
            answer with the mean of the outputs of both orders.
        letter_case: whether the words' letter case is added to the embeddings; batches then hold it.
        agreements: which tasks' labels of a word go together when the model answers.
        reversed_tasks: tasks that work against what they read: the gradient of the states is turned round. How
            strongly, ``reversal`` says by task; it is 0 at first.

    Attributes:
        gates: for some tasks, what the gradient of what they read is multiplied by, from 0 to 1; training sets it.
        held_back: for some other tasks, what keeps that gradient, for training to let through layer by layer.
        taught: share of a target that a teacher gives, where there is one, from 0 to 1; training sets it.

    Raises:
        HierNLPError: feeds form a circle, or one comes from a pair and goes elsewhere than to a pair's head.
    """

    def __init__(
        self,
        scheme: Scheme,
        *,
        heads: Mapping[str, Kind[Any, Any]],
        places: Mapping[str, Place],
        feeds: Sequence[Feed] = (),
        shortcuts: Sequence[str] = (),
        pairs: Mapping[str, PairReading] | None = None,
        joined: Collection[str] = (),
        without_dropout: Collection[str] = (),
        symmetric: Collection[str] = (),
        letter_case: bool = False,
        agreements: Sequence[Agreement] = (),
        reversed_tasks: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.scheme = scheme
        self.heads = ByTask(heads)
        self.pairs = ByTask(pairs or {})
        self.joined = frozenset(joined)
        self.apart = frozenset(self.pairs) - self.joined
        self.without_dropout = frozenset(without_dropout)
        self.symmetric = frozenset(symmetric)
        self.places = dict(places)
        self.feeds = tuple(feeds)
        self.reversal = dict.fromkeys(reversed_tasks, 0.0)
        self.gates: dict[str, float] = {}
        self.held_back: dict[str, HeldBack] = {}
        self.taught = 0.0
        size = scheme.hidden_size
        check_pairs(
            self.feeds,
            apart=self.apart,
            joined=self.joined,
            symmetric=self.symmetric,
            without_dropout=self.without_dropout,
        )
        # All that lets information in from elsewhere begins at zero: training starts from the pretrained function.
        self.label_embeddings = nn.ParameterDict(
            {feed.key: nn.Parameter(torch.zeros(heads[feed.source].feedback_size, self._width(feed))) for feed in feeds}
        )
        self.case_embedding = nn.Parameter(torch.zeros(len(CASES), size)) if letter_case else None
        self.shortcuts = ByTask({task: zero_linear(size) for task in shortcuts})
        self.mixes = ByTask(
            {task: ScalarMix(place.high - place.low + 1) for task, place in places.items() if place.is_mix}
        )
        # Below a model's own last norm the states are not normalised; a head there needs its own.
        bare = any(encoder.has_final_norm for encoder in scheme.encoders)
        self.norms = ByTask(
            {task: nn.LayerNorm(size) for task, place in places.items() if bare and place.low < scheme.depth}
        )
        self.agreements = tuple(agreements)
        self.agreeing = nn.ModuleList([Agreeing(agreement, heads) for agreement in agreements])
        single = {task: head for task, head in heads.items() if not self.reads_pairs(task)}
        self.consulted = consulted(
            {task: head.decoder.consults for task, head in single.items()},
            {task: head.columns(head.options) for task, head in single.items()},
        )
        self._order = bottom_up(self.places, self.feeds)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, bottom-up, a feeding task before the task it feeds."""
        return self._order

    @property
    def pair_tasks(self) -> tuple[str, ...]:
        """The tasks that read pairs of sentences, bottom-up."""
        return tuple(task for task in self._order if self.reads_pairs(task))

    def reads_pairs(self, task: str) -> bool:
        """Tell whether a task reads pairs of sentences."""
        return task in self.pairs or task in self.joined

    def depth_of(self, tasks: Sequence[str]) -> int:
        """Return the number of layers that a run for these tasks computes."""
        return max(self.places[task].high for task in tasks)

    def needed(self, tasks: Sequence[str], *, answers: bool = True) -> tuple[str, ...]:
        """Return the tasks that a run for ``tasks`` computes, bottom-up: themselves and all that feed them.

        Args:
            tasks: the tasks.
            answers: whether the run is to answer; then those that they consult, and those whose labels go together
                with any of them, are computed, too.

        Raises:
            HierNLPError: there is no such task.
        """
        for task in tasks:
            if task not in self.places:
                raise unknown_task(task, self.places)
        needed = set(with_consulted(tasks, self.consulted) if answers else tasks)
        for agreement in self.agreements if answers else ():
            if not needed.isdisjoint(agreement.tasks):
                needed.update(agreement.tasks)
        for task in reversed(self._order):
            if task in needed:
                continue
            if any(feed.source == task and feed.reaches(needed, self.places) for feed in self.feeds):
                needed.add(task)
        return tuple(task for task in self._order if task in needed)

    def restricted(self, tasks: Collection[str]) -> HierarchicalModel:
        """Return a model of some tasks, which answers as this one does and shares all its parameters.

        Raises:
            HierNLPError: one of the tasks is fed by another that is to be left out, answered together with it, or goes
                by its answers.
        """
        for task in self.needed(list(tasks)):
            if task not in tasks:
                raise HierNLPError(
                    f"the task {task!r} feeds tasks that are to be kept, is answered together with them, or is asked "
                    "by them, so that it must be kept, too"
                )
        return self._of({task: task for task in self.places if task in tasks})

    def renamed(self, names: Mapping[str, str]) -> HierarchicalModel:
        """Return a model whose tasks have other names, and which shares all parameters with this one.

        Args:
            names: the new name of every task.
        """
        return self._of({task: names[task] for task in self.places})

    def _of(self, names: Mapping[str, str]) -> HierarchicalModel:
        """Return a model of the tasks that ``names`` holds, under new names, which shares their parameters."""
        kept = [f for f in self.feeds if f.source in names and (f.target is None or f.target in names)]
        agreeing = [
            (agreement.renamed(names), module)
            for agreement, module in zip(self.agreements, self.agreeing, strict=True)
            if names.keys() >= set(agreement.tasks)
        ]
        # What is made here is replaced below; on this device it takes neither memory nor random numbers.
        with torch.device("meta"):
            model = HierarchicalModel(
                self.scheme,
                heads={new: self.heads[task] for task, new in names.items()},  # pyright: ignore[reportArgumentType]
                places={new: self.places[task] for task, new in names.items()},
                feeds=[
                    replace(f, source=names[f.source], target=None if f.target is None else names[f.target])
                    for f in kept
                ],
                shortcuts=[new for task, new in names.items() if task in self.shortcuts],
                pairs={new: self._reading(task) for task, new in names.items() if task in self.pairs},
                joined=[new for task, new in names.items() if task in self.joined],
                without_dropout=[new for task, new in names.items() if task in self.without_dropout],
                symmetric=[new for task, new in names.items() if task in self.symmetric],
                letter_case=self.case_embedding is not None,
                reversed_tasks=[new for task, new in names.items() if task in self.reversal],
            )
        model.case_embedding = self.case_embedding
        model.agreements = tuple(agreement for agreement, _ in agreeing)
        model.agreeing = nn.ModuleList(module for _, module in agreeing)
        for old, new in zip(kept, model.feeds, strict=True):
            model.label_embeddings[new.key] = self.label_embeddings[old.key]
        for mine, theirs in ((model.shortcuts, self.shortcuts), (model.mixes, self.mixes), (model.norms, self.norms)):
            for task, new in names.items():
                if new in mine:
                    mine[new] = theirs[task]
        return model.train(self.training)

    def own_parameters(self, task: str) -> list[nn.Parameter]:
        """Return the parameters that belong to one task alone: its head and what it reads by."""
        modules = [
            found[task] for found in (self.heads, self.pairs, self.shortcuts, self.mixes, self.norms) if task in found
        ]
        return [parameter for module in modules for parameter in module.parameters()]

    def fed_parameters(self, tasks: Sequence[str]) -> list[nn.Parameter]:
        """Return the label embeddings that reach some of the given tasks."""
        needed = self.needed(tasks, answers=False)
        return [
            self.label_embeddings[feed.key]
            for feed in self.feeds
            if feed.source in needed and feed.reaches(needed, self.places)
        ]

    def feeding_parameters(self, task: str) -> dict[int, list[nn.Parameter]]:
        """Return what belongs to the tasks that feed a task or what it reads, and to their feeds, by their layer."""
        found: dict[int, list[nn.Parameter]] = {}
        for source in self.needed([task], answers=False):
            if source != task:
                embeddings = [self.label_embeddings[feed.key] for feed in self.feeds if feed.source == source]
                found.setdefault(self.places[source].high, []).extend([*self.own_parameters(source), *embeddings])
        return found

    def forward(
        self,
        batch: WordBatch | PairBatch,
        *,
        tasks: Sequence[str],
        targets: Mapping[str, Targets] | None = None,
        views: Mapping[str, WordBatch] | None = None,
    ) -> dict[str, Any]:
        """Run the tasks asked for in one pass, no deeper than the deepest of them.

        Args:
            batch: the sentences, for tasks that read one, or pairs, for tasks that read two.
            tasks: the tasks whose results are wanted.
            targets: with targets, the result of each task is the sum of its losses, a scalar in float32; without,
                what its kind's ``forward`` returns.
            views: what some of the tasks read instead of ``batch``, each in a run of the encoder of its own.

        Raises:
            HierNLPError: a task reads pairs and the batch holds sentences, or the other way round.
        """
        for task in tasks:
            if self.reads_pairs(task) != isinstance(batch, PairBatch):
                found = "pairs" if isinstance(batch, PairBatch) else "single sentences"
                raise HierNLPError(
                    f"the task {task!r} reads {'pairs of sentences' if self.reads_pairs(task) else 'one sentence'}, "
                    f"found {found}"
                )
        views = views or {}
        plain = [task for task in tasks if task not in views]
        answers = targets is None and not self.training
        outputs: dict[str, Any] = {}
        if plain:
            outputs = (
                self._of_pairs(batch, plain)
                if isinstance(batch, PairBatch)
                else self._run(batch, self.needed(plain, answers=answers))
            )
        for task in tasks:
            if task in views:
                outputs[task] = self._run(views[task], self.needed([task], answers=False))[task]
        if answers:
            self._agree(outputs)
        if targets is None:
            return {task: outputs[task] for task in tasks}
        ids = (batch.apart or batch.joined) if isinstance(batch, PairBatch) else batch
        assert ids is not None
        with torch.autocast(ids.input_ids.device.type, enabled=False):
            return {task: self._loss(task, outputs[task], targets[task]) for task in tasks}

    def vectors(self, batch: WordBatch, *, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the sentences' vectors (B, H) by which the given tasks, and those that feed them, read pairs apart."""
        wanted = [task for task in self.needed(tasks) if task not in self.joined]
        found = self._run(batch, wanted)
        return {task: found[task] for task in wanted if task in self.apart}

    def judge(self, vectors: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Any]:
        """Return the results of tasks that read pairs apart, given the vectors of the pairs' sentences.

        Args:
            vectors: for each task, and each that feeds it, those of first and second sentences, (P, H) each.
        """
        outputs: dict[str, Any] = {}
        for task in self._order:
            if task in vectors:
                features = self._reading(task)(*vectors[task])
                outputs[task] = self._judge(task, features, self._beliefs_on(task, outputs, dtype=features.dtype))
        return outputs

    def read_joined(
        self, batch: WordBatch, *, tasks: Sequence[str], judged: Mapping[str, Any], both_orders: bool = False
    ) -> dict[str, Any]:
        """Return the results of tasks that read pairs together.

        Args:
            batch: each pair as one sentence.
            tasks: the tasks.
            judged: the results, for the same pairs, of the tasks that read them apart and feed these.
            both_orders: whether a second half of the batch has the same pairs turned round, as symmetric tasks need it.
        """
        if not both_orders:
            return self.read_rows(batch, tasks=tasks, judged=judged)
        twice = {task: torch.cat([output, output]) for task, output in judged.items()}
        found = self.read_rows(batch, tasks=tasks, judged=twice, both_orders=True)
        return {task: output.chunk(2)[0] for task, output in found.items()}

    def read_rows(
        self, batch: WordBatch, *, tasks: Sequence[str], judged: Mapping[str, Any], both_orders: bool = False
    ) -> dict[str, Any]:
        """Return the results, for each row, of tasks that read pairs together, and of those that feed them so.

        Args:
            batch: each pair as one sentence.
            tasks: the tasks.
            judged: the results, for the same rows, of the tasks that read pairs apart and feed these.
            both_orders: whether the second half of the rows are the pairs of the first half turned round.
        """
        wanted = [task for task in self.needed(tasks) if task not in self.apart]
        found = self._run(batch, wanted, judged=judged, both_orders=both_orders)
        return {task: found[task] for task in wanted if task in self.joined}

    def show_layers(self, batch: WordBatch, *, visit: Callable[[int, Tensor], None]) -> None:
        """Run all layers to the top and show of each the words' states that a head placed there would read.

        Beliefs are fed into the encoder as in every run, and no other head is computed.

        Args:
            batch: the sentences, or pairs of them in one row each.
            visit: called with each layer's number and its words' states (B, N, H), bottom-up; for every encoder, if the
                scheme has several.
        """
        # What is zero, as before any training, adds nothing.
        fed = [f.source for f in self.feeds if f.target is None and bool(self.label_embeddings[f.key].any())]
        self._run(batch, self.needed(fed), show=visit)

    def _of_pairs(self, batch: PairBatch, tasks: Sequence[str]) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        needed = self.needed(tasks)
        apart = [task for task in needed if task in self.apart]
        if apart:
            assert batch.apart is not None
            with self._dropout_for(apart):
                found = self.vectors(batch.apart, tasks=apart)
            outputs |= self.judge({task: (v[batch.places[:, 0]], v[batch.places[:, 1]]) for task, v in found.items()})
        together = [task for task in needed if task in self.joined]
        if together:
            assert batch.joined is not None
            with self._dropout_for(together):
                outputs |= self.read_joined(
                    batch.joined,
                    tasks=together,
                    judged=outputs,
                    both_orders=len(batch.joined.lengths) > len(batch.lengths),
                )
        return outputs

    def _dropout_for(self, tasks: Sequence[str]) -> AbstractContextManager[None]:
        """Return the context in which the encoder reads pairs for tasks that read them in the same way."""
        return without_dropout(self.scheme) if tasks[0] in self.without_dropout else nullcontext()

    def _run(
        self,
        batch: WordBatch,
        needed: Sequence[str],
        *,
        judged: Mapping[str, Any] | None = None,
        both_orders: bool = False,
        show: Callable[[int, Tensor], None] | None = None,
    ) -> dict[str, Any]:
        """Run one pass of the encoder for some tasks.

        Tasks that read pairs apart give their sentences' vectors; ``judged`` are results of such tasks that feed these.
        With ``both_orders`` the second half of the batch are the pairs of the first half turned round.
        With ``show``, which sees the words' states of each layer, the pass goes to the top.
        """
        outputs: dict[str, Any] = {}
        beliefs: dict[str, Tensor] = {}
        beliefs_on_pairs: dict[str, list[Tensor]] = {}
        kept: dict[frozenset[str], dict[int, Tensor]] = {}
        keep = self._layers_to_keep(needed)
        # What no task of this run reads need not be said.
        feeds = [feed for feed in self.feeds if show is not None or feed.reaches(needed, self.places)]

        def visit(layer: int, states: Tensor, readers: frozenset[str]) -> Tensor | None:
            changed = self._cased(batch, states) if layer == 0 else None
            states = states if changed is None else changed
            here = [task for task in needed if task in readers and self.places[task].high == layer]
            words = batch.pool(states) if here or layer in keep or show is not None else None
            if words is not None and show is not None:
                show(layer, words)
            if words is not None and layer in keep:
                kept.setdefault(readers, {})[layer] = words
            for task in here:
                assert words is not None
                read = self._read(task, words, kept.get(readers, {}), beliefs)
                if task in self.apart:
                    outputs[task] = self._reading(task).vectors(read, batch.word_mask)
                    continue
                on_pairs = [*self._beliefs_on(task, judged or {}, dtype=read.dtype), *beliefs_on_pairs.pop(task, ())]
                output = self._answer(task, read, batch, on_pairs, both_orders=both_orders)
                outputs[task] = output
                belief = None
                for feed in feeds:
                    if feed.source != task:
                        continue
                    if belief is None:
                        belief = self._head(task).feedback(output)
                    embedded = self._embedded(feed, belief, dtype=words.dtype)
                    if feed.target is None:
                        spread = batch.spread(embedded.expand(-1, words.shape[1], -1))
                        changed = (states if changed is None else changed) + spread.to(states.dtype)
                    elif self.reads_pairs(task):
                        beliefs_on_pairs.setdefault(feed.target, []).append(embedded)
                    else:
                        beliefs[feed.target] = beliefs.get(feed.target, 0) + embedded
            return changed

        depths = {task: self.places[task].high for task in needed}
        if show is not None:
            depths = dict.fromkeys(self.places, self.scheme.depth)
        self.scheme.run(batch, depths=depths, visit=visit)
        return outputs

    def _agree(self, outputs: dict[str, Any]) -> None:
        """Let the answers of tasks whose labels go together be ones that do."""
        for agreement, agreeing in zip(self.agreements, self.agreeing, strict=True):
            if outputs.keys() >= set(agreement.tasks):
                heads, said = ([found[t] for t in agreement.tasks] for found in (self.heads, outputs))
                outputs.update(zip(agreement.tasks, agreeing(heads, said), strict=True))

    def _answer(
        self, task: str, read: Tensor, batch: WordBatch, beliefs: Sequence[Tensor], *, both_orders: bool
    ) -> Any:  # noqa: ANN401
        """Return what a head says of the words' states (B, N, H), and of beliefs on pairs if the rows are pairs."""
        if task in self.pairs:
            output = self._judge(task, self._compared(task, read, batch), beliefs)
        else:
            output = self._head(task)(sum(beliefs, start=read), batch.word_mask)
        if both_orders and task in self.symmetric:
            return (output + batch.turned(output)) / 2
        return output

    def _head(self, task: str) -> Kind[Any, Any]:
        return self.heads[task]  # pyright: ignore[reportReturnType]

    def _cased(self, batch: WordBatch, states: Tensor) -> Tensor | None:
        """Return the embeddings (W, T, H) with those of the words' letter case, or None where it is not read."""
        if self.case_embedding is None:
            return None
        assert batch.cases is not None
        return states + F.embedding(batch.cases, self.case_embedding, padding_idx=0).to(states.dtype)

    def _reading(self, task: str) -> PairReading:
        return self.pairs[task]  # pyright: ignore[reportReturnType]

    def _compared(self, task: str, read: Tensor, batch: WordBatch) -> Tensor:
        """Return the features (P, 1, F) of two sentences in one row, given its words' states (P, N, H)."""
        assert batch.of_second is not None
        reading = self._reading(task)
        first = reading.vectors(read, batch.word_mask & ~batch.of_second)
        return reading(first, reading.vectors(read, batch.of_second))

    def _judge(self, task: str, features: Tensor, beliefs: Iterable[Tensor]) -> Any:  # noqa: ANN401
        """Return what a head says of pairs' features (P, 1, F) to which beliefs on the pairs are added."""
        features = sum(beliefs, start=features)
        return self._head(task)(features, torch.ones(features.shape[:2], dtype=torch.bool, device=features.device))

    def _beliefs_on(self, target: str, judged: Mapping[str, Any], *, dtype: torch.dtype) -> Iterator[Tensor]:
        """Yield the embedded beliefs of tasks that read pairs apart and feed a task's head."""
        for feed in self.feeds:
            if feed.target == target and feed.source in judged and feed.source in self.apart:
                belief = self._head(feed.source).feedback(judged[feed.source])
                yield self._embedded(feed, belief, dtype=dtype)

    def _embedded(self, feed: Feed, belief: Tensor, *, dtype: torch.dtype) -> Tensor:
        """Return the expected label embedding, shape (B, N, H) or (B, 1, H), or (P, 1, F) for the head of a pair."""
        weights = belief.detach() if feed.detached else belief
        return linear(weights.to(dtype), self.label_embeddings[feed.key].to(dtype).t())

    def _width(self, feed: Feed) -> int:
        """Return the width of what a feed is added to: the features of a pair, or the words' states."""
        if feed.target is not None and self.reads_pairs(feed.source) and feed.target in self.pairs:
            return self._reading(feed.target).size
        return self.scheme.hidden_size

    def _loss(self, task: str, output: Any, targets: Targets) -> Tensor:  # noqa: ANN401
        head, taught = self._head(task), self.taught if targets.lessons else 0.0
        if not targets.is_annotated:
            taught = 1.0
        if not taught:
            return head.loss(output, targets.tensors)
        imitation = taught * head.imitation(output, targets.lessons)
        return imitation if taught == 1 else (1 - taught) * head.loss(output, targets.tensors) + imitation

    def _read(self, task: str, words: Tensor, kept: Mapping[int, Tensor], beliefs: Mapping[str, Tensor]) -> Tensor:
        """Return what a task's head reads, shape (B, N, H)."""
        place = self.places[task]
        if task in self.reversal or task in self.gates:
            # Below all that is the task's own, which goes on learning the task.
            factor = self.gates.get(task, 1.0) * (-self.reversal[task] if task in self.reversal else 1.0)
            words = scale_gradient(words, factor)
            kept = {layer: scale_gradient(s, factor) for layer, s in kept.items()}
        if task in self.held_back:
            held = self.held_back[task]
            words, kept = held(words), {layer: held(s) for layer, s in kept.items()}
        read = words
        if place.is_mix:
            read = self.mixes[task]([kept[layer] for layer in range(place.low, place.high + 1)])
        if task in self.norms:
            read = self.norms[task](read)
        if task in self.shortcuts:
            read = read + self.shortcuts[task](kept[0])
        if task in beliefs:
            read = read + beliefs[task]
        return read

    def _layers_to_keep(self, tasks: Sequence[str]) -> set[int]:
        layers = {0} if any(task in self.shortcuts for task in tasks) else set()
        for task in tasks:
            if self.places[task].is_mix:
                layers |= set(range(self.places[task].low, self.places[task].high + 1))
        return layers
