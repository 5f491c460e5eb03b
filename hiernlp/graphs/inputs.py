"""A batch of sentences as the inputs of a graph. Nothing here needs torch.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hiernlp.encoding.grid import Layout

SIDES = ("first", "second")
"""Ends of the names of what a graph reads that judges pairs: the vectors of their sentences, (P, H) each."""
SAID, FED = "/said", "/fed"
"""Ends of the names of what a head says of judged pairs, as it is, and of the same where it feeds a graph that reads
joined pairs."""
JOINED = "joined:"
"""Beginning of the names of what such a graph reads of the pairs themselves."""


def graph_inputs(layout: Layout, *, mean: bool, both_orders: bool = False) -> dict[str, np.ndarray]:
    """Return all inputs that a graph may have, by name.

    - ``input_ids``, ``attention_mask`` (W, T): the subwords, and where there is one;
    - ``word_mask`` (B, N): where there is a word;
    - ``subword_word`` (W, T): which of the B * N words each subword belongs to, B * N for none;
    - ``word_index`` (B, N): place of each word's first subword; or, with ``mean``, ``read`` (W, T), the word that reads
      each subword, B * N for none, and ``counts`` (B, N), how many each word reads;
    - ``cases`` (W, T): the letter case of each subword's word, where that is read;
    - ``token_types`` (W, T): of each subword, where an encoder joins sentences with them;
    - ``of_second`` (B, N): the words of the second of two joined sentences, where some are joined;
    - with ``both_orders``, ``other_order`` (B,): the row that has the same pair turned round.

    Args:
        layout: the batch.
        mean: a word is read at all its subwords, not at its first one.
        both_orders: the second half of the rows are the pairs of the first half turned round.
    """
    found = {
        "input_ids": layout.ids,
        "attention_mask": layout.used,
        "word_mask": layout.present,
        "subword_word": layout.belongs,
    }
    if mean:
        counts = layout.counts.ravel()
        ends = np.cumsum(counts)
        inside = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        read = np.full(layout.ids.size, len(counts), dtype=np.int64)
        read[np.repeat(layout.first.ravel(), counts) + inside] = np.repeat(np.arange(len(counts)), counts)
        found |= {"read": read.reshape(layout.ids.shape), "counts": layout.counts}
    else:
        found["word_index"] = layout.first
    if both_orders:
        found["other_order"] = np.roll(np.arange(len(layout.lengths)), len(layout.lengths) // 2)
    more = {"cases": layout.cases, "token_types": layout.token_types, "of_second": layout.of_second}
    return found | {name: array for name, array in more.items() if array is not None}


def joined(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the inputs of a batch of joined pairs by the names that they have in graphs that read such.

    All graphs are cut out of one, in which each input must have a name of its own.
    """
    return {f"{JOINED}{name}": array for name, array in arrays.items()}
