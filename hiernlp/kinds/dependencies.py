"""Dependency trees: a head and a relation for every word, by deep biaffine attention.

Source: Dozat and Manning 2017, "Deep Biaffine Attention for Neural Dependency Parsing" (arXiv 1611.01734), equations 4
to 9, over transformer states. Relations are scored only for one head a word (the gold head in training, the decoded
head in analysis), never for all pairs.

Letters: B batch, N words, H hidden size, A arc width, R relation width, C relations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from hiernlp.decoding import dependencies as decoding
from hiernlp.kinds._base import (
    IGNORE,
    Annotation,
    Arrays,
    Kind,
    Labels,
    Row,
    Scores,
    Targets,
    halves,
    label_space,
    mean,
    pad,
    padded,
)
from hiernlp.kinds._control import PerType
from hiernlp.kinds._scoring import confusions, label_report
from hiernlp.processor import linear
from hiernlp.settings import Settings

ROOT = "root"
FIRST, LAST = "first", "last"
"""Where the heads of the control task are."""


class DependenciesOptions(Settings):
    """Settings of a dependency parser."""

    head: str = "head"
    """Annotation column with the head of each word, counted from 1; 0 is the root."""
    deprel: str = "deprel"
    """Annotation column with the relation of each word to its head."""
    subtypes: bool = True
    """Learn and write relations with their subtypes (``nsubj:pass``); scores are given for universal relations too."""
    arc_size: int = Field(default=384, ge=1)
    """Width of the representations that choose heads."""
    relation_size: int = Field(default=128, ge=1)
    """Width of the representations that choose relations."""
    dropout: float = Field(default=0.33, ge=0, lt=1)
    """Dropout on those representations."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of a relation's target spread evenly over all relations."""


@dataclass(frozen=True)
class ArcScores:
    """What the parser computed.

    Attributes:
        arcs: score of each head (last dimension, root first) for each word; minus infinity for the word itself and for
            padding; float32, shape (B, N, N + 1).
        dependents: relation representation of each word as a dependent, shape (B, N, R).
        heads: relation representation of the root and of each word as a head, shape (B, N + 1, R).
    """

    arcs: Tensor
    dependents: Tensor
    heads: Tensor


class Dependencies(Kind[DependenciesOptions, ArcScores]):
    """Heads by biaffine attention, relations by a second biaffine classifier; decoded to a tree with one root."""

    Options = DependenciesOptions
    Decoder = decoding.Dependencies
    is_root_relation: Tensor
    level = "token"

    def __init__(self, *, options: DependenciesOptions, labels: Labels, hidden_size: int) -> None:
        super().__init__(options=options, labels=labels, hidden_size=hidden_size)
        self.space = labels["relations"]
        self.index = {label: i for i, label in enumerate(self.space)}
        self.feedback_size = len(self.space)
        arc, rel = options.arc_size, options.relation_size
        self.widths = [arc, rel, arc, rel]
        self.root = nn.Parameter(torch.zeros(hidden_size))
        # One product gives all four representations: arc and relation, as dependent and as head.
        self.project = nn.Linear(hidden_size, 2 * (arc + rel))
        self.dropout = nn.Dropout(options.dropout)
        self.arc_weight = nn.Parameter(torch.zeros(arc, arc))
        self.arc_bias = nn.Parameter(torch.zeros(arc))
        self.relation_weight = nn.Parameter(torch.zeros(rel, len(self.space) * rel))
        self.relation_linear = nn.Linear(2 * rel, len(self.space))
        is_root = torch.tensor([label.split(":")[0] == ROOT for label in self.space])
        self._roots = int(is_root.sum())
        self.register_buffer("is_root_relation", is_root, persistent=False)
        nn.init.xavier_uniform_(self.arc_weight)
        nn.init.normal_(self.root, std=0.02)
        nn.init.normal_(self.relation_weight, std=rel**-1.0)

    @classmethod
    def columns(cls, options: DependenciesOptions) -> tuple[str, ...]:
        return (options.head, options.deprel)

    @classmethod
    def fit(cls, options: DependenciesOptions, rows: Iterable[Row]) -> Labels:
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(cls._relation(options, r) for r in row.get(options.deprel) or () if r is not None)
        return {"relations": label_space(counts, column=options.deprel, what="relation")}

    @staticmethod
    def _relation(options: DependenciesOptions, relation: str) -> str:
        return relation if options.subtypes else relation.split(":", maxsplit=1)[0]

    def forward(self, words: Tensor, mask: Tensor) -> ArcScores:
        nodes = torch.cat([self.root.to(words.dtype).expand(words.shape[0], 1, -1), words], 1)
        parts = self.dropout(F.leaky_relu(self.project(nodes), 0.1)).split(self.widths, -1)
        relation_dependent = parts[1][:, 1:]
        arc_head, relation_head = parts[2], parts[3]
        # The root's row is cut off afterwards: cut off before, all others would be copied.
        queries = linear(parts[0], self.arc_weight.t(), self.arc_bias)[:, 1:]
        arcs = (queries @ arc_head.transpose(1, 2)).float()
        size = arcs.shape[1]
        impossible = F.pad(~mask, (1, 0))[:, None, :] | F.pad(
            torch.eye(size, dtype=torch.bool, device=arcs.device), (1, 0)
        )
        return ArcScores(arcs.masked_fill(impossible, float("-inf")), relation_dependent, relation_head)

    def relation_scores(self, output: ArcScores, heads: Tensor) -> Tensor:
        """Return the relations' scores given one head a word, in float32.

        Shapes: ``heads`` (B, N) in 0..N; result (B, N, C).
        """
        return self._relation_scores(output.dependents, output.heads, heads)

    def _relation_scores(self, dependents: Tensor, as_heads: Tensor, heads: Tensor) -> Tensor:
        index = heads.unsqueeze(-1).expand(-1, -1, as_heads.shape[-1])
        chosen = as_heads.gather(1, index)
        # Losses are taken outside autocast, so that these products must ask for the states' number format themselves.
        kind, affine = dependents.dtype, self.relation_linear
        mixed = (dependents @ self.relation_weight.to(kind)).unflatten(-1, (len(self.space), -1))
        bilinear = (mixed @ chosen.unsqueeze(-1)).squeeze(-1)
        both = torch.cat([dependents, chosen], -1)
        return (bilinear + linear(both, affine.weight.to(kind), affine.bias.to(kind))).float()

    @torch.no_grad()
    def _scores_by_head(
        self, dependents: Tensor, as_heads: Tensor, heads: NDArray[np.int64], lengths: Sequence[int]
    ) -> Tensor:
        """Return what :meth:`relation_scores` does, given heads that are known on the host.

        Most words head nothing, and some head several: the product of weights and heads is taken once for each word
        that is a head, which the loss, where nothing is read back, cannot do.

        Shapes: ``heads`` (B, N); ``lengths`` (B,); result (B, N, C), 0 in the padding and, as nothing is left to choose
        there, for words on the root if one relation alone is called ``root``.
        """
        batch, words = heads.shape
        scored = np.arange(words) < np.asarray(lengths)[:, None]
        if self._roots == 1:
            scored &= heads != 0
        inside = np.flatnonzero(scored)
        if not len(inside):
            return as_heads.new_zeros(batch, words, len(self.space), dtype=torch.float32)
        nodes = (heads + np.arange(batch)[:, None] * (words + 1)).ravel()[inside]
        # Words in order of their number among their head's dependents, and heads with most dependents first: the heads
        # that have a k-th dependent are then the first of all, and no product has to be copied to its dependents.
        number, rank = _among_siblings(nodes)
        order = np.lexsort((rank, number))
        counts = np.bincount(number).tolist()
        places, nodes = (torch.from_numpy(found[order]).to(as_heads.device) for found in (inside, nodes))
        words_of, chosen = dependents.flatten(0, 1)[places], as_heads.flatten(0, 1)[nodes]
        weight = self.relation_weight.to(chosen.dtype).unflatten(1, (len(self.space), -1)).permute(1, 2, 0)
        mixed = chosen[: counts[0]].expand(len(self.space), -1, -1) @ weight
        parts = [
            torch.einsum("nr,cnr->nc", of_each, mixed[:, :count])
            for count, of_each in zip(counts, words_of.split(counts), strict=True)
        ]
        both, affine = torch.cat([words_of, chosen], -1), self.relation_linear
        scores = torch.cat(parts) + linear(both, affine.weight.to(both.dtype), affine.bias.to(both.dtype))
        found = scores.new_zeros(batch * words, len(self.space), dtype=torch.float32)
        found[places] = scores.float()
        return found.view(batch, words, -1)

    def targets(self, row: Row) -> Arrays | None:
        heads, relations = row.get(self.options.head), row.get(self.options.deprel)
        if heads is None:
            return None
        relations = relations if relations is not None else [None] * len(heads)
        known = [IGNORE if r is None else self.index.get(self._relation(self.options, r), IGNORE) for r in relations]
        return {
            "heads": np.array([IGNORE if h is None else h for h in heads], dtype=np.int64),
            "relations": np.array(known, dtype=np.int64),
        }

    def collate(self, targets: Sequence[Arrays | None], words: int) -> Targets:
        heads = pad([None if t is None else t["heads"] for t in targets], words)
        relations = pad([None if t is None else t["relations"] for t in targets], words)
        return Targets({"heads": heads, "relations": relations}, float((heads != IGNORE).sum()))

    def loss(self, output: ArcScores, targets: Mapping[str, Tensor]) -> Tensor:
        heads, relations = targets["heads"], targets["relations"]
        arcs = F.cross_entropy(output.arcs.flatten(0, 1), heads.flatten(), ignore_index=IGNORE, reduction="sum")
        scores = self.relation_scores(output, heads.clamp(min=0))
        return arcs + F.cross_entropy(
            scores.flatten(0, 1),
            relations.masked_fill(heads == IGNORE, IGNORE).flatten(),
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.options.label_smoothing,
        )

    def arrays(self, output: ArcScores, *, probabilities: bool = False) -> dict[str, Tensor]:
        found = {"best": output.arcs.argmax(-1), "arcs": output.arcs}
        found |= {"dependents": output.dependents, "heads": output.heads}
        return found | ({"arc_shares": output.arcs.softmax(-1)} if probabilities else {})

    def given(self, arrays: Mapping[str, Tensor], *, probabilities: bool = False) -> dict[str, Tensor]:
        """Return the best relations to the chosen heads.

        The relation ``root`` belongs to the root's dependent and to no other word.
        """
        scores = self._relation_scores(arrays["dependents"], arrays["heads"], arrays["chosen"])
        return self._best_relations(scores, arrays["chosen"], probabilities=probabilities)

    def given_on_host(
        self,
        arrays: Mapping[str, Tensor],
        choice: Mapping[str, np.ndarray],
        words: Sequence[Sequence[str]],
        *,
        probabilities: bool = False,
    ) -> dict[str, Tensor]:
        chosen, lengths = choice["chosen"], [len(sentence) for sentence in words]
        scores = self._scores_by_head(arrays["dependents"], arrays["heads"], chosen, lengths)
        heads = torch.as_tensor(chosen, device=scores.device)
        return self._best_relations(scores, heads, probabilities=probabilities)

    def _best_relations(self, scores: Tensor, chosen: Tensor, *, probabilities: bool) -> dict[str, Tensor]:
        to_root = (chosen == 0).unsqueeze(-1)
        forbidden = ~to_root & self.is_root_relation
        if self._roots:
            forbidden = forbidden | (to_root & ~self.is_root_relation)
        scores = scores.masked_fill(forbidden, float("-inf"))
        found = {"relations": scores.argmax(-1)}
        return found | ({"relation_shares": scores.softmax(-1).amax(-1)} if probabilities else {})

    def feedback(self, output: ArcScores) -> Tensor:
        """The relations' probabilities given each word's most probable head."""
        return self.relation_scores(output, output.arcs.argmax(-1)).softmax(-1)

    def lessons(self, output: ArcScores, lengths: Sequence[int]) -> list[Arrays]:
        """Return each word's probabilities of heads, its most probable head, and relations' probabilities given it."""
        best = output.arcs.argmax(-1)
        relations = halves(self.relation_scores(output, best).softmax(-1))
        arcs, heads = halves(output.arcs.softmax(-1)), best.cpu().numpy().astype(np.int32)
        return [
            {"heads": heads[i, :n], "arcs": arcs[i, :n, : n + 1], "relations": relations[i, :n]}
            for i, n in enumerate(lengths)
        ]

    def mean_lesson(self, lessons: Sequence[Arrays]) -> Arrays:
        """Return the mean probabilities of heads, the most probable ones, and relations' mean probabilities given them.

        Of a word's relations those teachers speak whose own most probable head it is; where it is none's, nobody does.
        """
        arcs = mean([lesson["arcs"] for lesson in lessons])
        heads = arcs.argmax(-1).astype(np.int32)
        agree = np.stack([lesson["heads"] == heads for lesson in lessons])
        said = np.stack([lesson["relations"].astype(np.float32) for lesson in lessons])
        relations = (said * agree[:, :, None]).sum(0) / np.maximum(agree.sum(0), 1)[:, None]
        return {"heads": heads, "arcs": arcs, "relations": relations.astype(np.float16)}

    def collate_lessons(self, lessons: Sequence[Arrays | None], words: int) -> dict[str, Tensor]:
        shapes = {"arcs": (words, words + 1), "relations": (words, len(self.space))}
        found = {n: padded([None if one is None else one[n] for one in lessons], s) for n, s in shapes.items()}
        return {"heads": pad([None if one is None else one["heads"] for one in lessons], words, fill=0), **found}

    def imitation(self, output: ArcScores, lessons: Mapping[str, Tensor]) -> Tensor:
        """Return the cross-entropies of heads and, given the teacher's best head, of relations."""
        arcs = output.arcs.log_softmax(-1)
        # What cannot be a head has minus infinity here and 0 there.
        losses = lessons["arcs"].nan_to_num() * arcs.masked_fill(output.arcs.isinf(), 0.0)
        relations = self.relation_scores(output, lessons["heads"]).log_softmax(-1)
        return -losses.sum() - (lessons["relations"].nan_to_num() * relations).sum()

    @classmethod
    def score(cls, options: DependenciesOptions, gold: Sequence[Row], predicted: Sequence[Annotation]) -> Scores:
        pairs: list[tuple[str, str]] = []
        sums: Counter[str] = Counter()
        for row, annotation in zip(gold, predicted, strict=True):
            gold_heads = row.get(options.head)
            if gold_heads is None:
                continue
            relations = row.get(options.deprel) or [None] * len(gold_heads)
            columns = (gold_heads, relations, annotation[options.head], annotation[options.deprel])
            for gold_head, gold_relation, head, relation in zip(*columns, strict=True):
                if gold_head is None:
                    continue
                universal = (gold_relation or "_").split(":")[0], relation.split(":")[0]
                if gold_relation is not None:
                    pairs.append(universal)
                hit = gold_head == head
                inner = universal[0] != "punct"
                labelled = hit and universal[0] == universal[1]
                full = gold_relation if options.subtypes or gold_relation is None else universal[0]
                sums["words"] += 1
                sums["uas"] += hit
                sums["las"] += labelled
                sums["las_subtypes"] += hit and full == relation
                sums["inner"] += inner
                sums["uas_without_punct"] += hit and inner
                sums["las_without_punct"] += labelled and inner
        words, inner = max(sums["words"], 1), max(sums["inner"], 1)
        return Scores(
            main="las",
            values={
                "las": sums["las"] / words,
                "uas": sums["uas"] / words,
                "las_subtypes": sums["las_subtypes"] / words,
                "las_without_punct": sums["las_without_punct"] / inner,
                "uas_without_punct": sums["uas_without_punct"] / inner,
                "words": float(sums["words"]),
            },
            per_label=label_report(pairs),
            confusions=confusions(pairs),
            notes=(
                "UAS and LAS count all words, punctuation included, and compare universal relations, as the official "
                "CoNLL 2018 scorer does",
                "per-label figures are of relations alone, whatever the head",
            ),
        )

    @classmethod
    def baseline(cls, options: DependenciesOptions, rows: Iterable[Row]) -> Callable[[Row], Annotation]:
        """The relation most frequent for the word's form, and the head at its most frequent distance; not a tree."""
        distances: dict[str, Counter[int]] = defaultdict(Counter)
        relations: dict[str, Counter[str]] = defaultdict(Counter)
        for row in rows:
            heads, labels = row.get(options.head) or [], row.get(options.deprel) or []
            for i, (word, head, label) in enumerate(zip(row["words"], heads, labels, strict=False), start=1):
                if head is not None and label is not None:
                    for key in (word, ""):
                        distances[key][0 if head == 0 else head - i] += 1
                        relations[key][cls._relation(options, label)] += 1

        def guess(row: Row) -> Annotation:
            size = len(row["words"])
            heads, labels = [], []
            for i, word in enumerate(row["words"], start=1):
                key = word if word in distances else ""
                distance = distances[key].most_common(1)[0][0] if distances[key] else 0
                heads.append(0 if distance == 0 else min(max(i + distance, 0), size))
                labels.append(relations[key].most_common(1)[0][0] if relations[key] else ROOT)
            return {options.head: heads, options.deprel: labels}

        return guess

    @classmethod
    def small(cls, options: DependenciesOptions) -> DependenciesOptions:
        """At most 128 wide for heads and 32 for relations: a seventh of the work."""
        narrow = {"arc_size": min(options.arc_size, 128), "relation_size": min(options.relation_size, 32)}
        return options.model_copy(update=narrow)

    @classmethod
    def control(
        cls, options: DependenciesOptions, rows: Iterable[Row], *, seed: int
    ) -> Callable[[Row], Annotation] | None:
        """A relation for each word type, and whether its head is the sentence's first word or its last.

        After Hewitt and Liang, whose third behaviour, a word that is its own head, is left out, and whose first word
        is the root here, to which the last one is attached, so that every sentence is a tree.
        """
        relations = [r for row in rows for r in row.get(options.deprel) or () if r is not None]
        inner = [r for r in relations if r.split(":")[0] != ROOT]
        relation_of = PerType(inner or relations, seed=seed)
        end_of = PerType([FIRST, LAST], seed=seed + 1)
        root = next((r for r in relations if r.split(":")[0] == ROOT), ROOT)

        def attach(row: Row) -> Annotation:
            words = row["words"]
            heads = [1 if end_of(word) == FIRST else len(words) for word in words]
            heads[0], heads[-1] = 0, 1
            if len(words) == 1:
                heads = [0]
            return {options.head: heads, options.deprel: [root, *map(relation_of, words[1:])]}

        return attach


def _among_siblings(heads: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each word's number among the words of its head, and its head's rank by the number of its words.

    Example:
        >>> [found.tolist() for found in _among_siblings(np.array([7, 4, 4, 4, 7]))]
        [[0, 0, 1, 2, 1], [1, 0, 0, 0, 1]]
    """
    _, which, counts = np.unique(heads, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(-counts, kind="stable"))[which]
    number = np.empty_like(rank)
    order = np.argsort(which, kind="stable")
    number[order] = np.arange(len(heads)) - np.repeat(np.cumsum(counts) - counts, counts)
    return number, rank
