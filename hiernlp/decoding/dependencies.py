"""Dependency trees: every word's best head, or the best tree where those form none; then relations to those heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hiernlp.decoding._base import Annotation, Decoder, Found, Labels, Words, at, lengths_of
from hiernlp.decoding._trees import are_trees, best_tree


class Dependencies(Decoder):
    """Chooses the heads ``chosen`` (B, N), by ``best`` (B, N) or, where those form no tree, by ``arcs`` (B, N, N + 1).

    Then it reads ``relations`` (B, N) to them; ``arc_shares`` (B, N, N + 1) and ``relation_shares`` (B, N).
    """

    def __init__(self, *, options: Mapping[str, Any], labels: Labels) -> None:
        super().__init__(options=options, labels=labels)
        self.space = labels["relations"]

    def choose(self, found: Found, words: Words) -> dict[str, np.ndarray]:
        heads = np.array(found["best"])
        sizes = lengths_of(words)
        broken = np.flatnonzero(~are_trees(heads, sizes))
        for b in broken[sizes[broken] > 0]:
            n = int(sizes[b])
            heads[b, :n] = best_tree(found["arcs"][b, :n, : n + 1].astype(np.float64))
        return {"chosen": heads}

    def __call__(self, found: Found, words: Words, *, probabilities: bool = False) -> list[Annotation]:
        head, deprel = self.options["head"], self.options["deprel"]
        lengths = [len(sentence) for sentence in words]
        annotations: list[Annotation] = [
            {head: h[:n], deprel: [self.space[i] for i in r[:n]]}
            for h, r, n in zip(found["chosen"].tolist(), found["relations"].tolist(), lengths, strict=True)
        ]
        if probabilities:
            shares = at(found["arc_shares"], found["chosen"]).tolist(), found["relation_shares"].tolist()
            for annotation, h, r, n in zip(annotations, *shares, lengths, strict=True):
                annotation[f"{head}_probability"] = h[:n]
                annotation[f"{deprel}_probability"] = r[:n]
        return annotations
