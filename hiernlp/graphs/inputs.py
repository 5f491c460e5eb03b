"""A batch of sentences as the inputs of a graph. Nothing here needs torch.

Letters: B sentences, N words (padded), W windows, T subwords (padded).
"""

from __future__ import annotations

import numpy as np

from hiernlp.encoding.grid import Layout


def graph_inputs(layout: Layout, *, mean: bool) -> dict[str, np.ndarray]:
    """Return all inputs that a graph may have, by name.

    - ``input_ids``, ``attention_mask`` (W, T): the subwords, and where there is one;
    - ``word_mask`` (B, N): where there is a word;
    - ``subword_word`` (W, T): which of the B * N words each subword belongs to, B * N for none;
    - ``word_index`` (B, N): place of each word's first subword; or, with ``mean``, ``read`` (W, T), the word that reads
      each subword, B * N for none, and ``counts`` (B, N), how many each word reads;
    - ``cases`` (W, T): the letter case of each subword's word, where that is read.

    Args:
        layout: the batch.
        mean: a word is read at all its subwords, not at its first one.
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
    if layout.cases is not None:
        found["cases"] = layout.cases
    return found
