"""Dependency trees: the check whether heads form one, and the best one if they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def are_trees(heads: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each sentence whether its heads form a tree with one root.

    Args:
        heads: head of each word, counted from 1, with 0 for the root; shape (B, N), anything in the padding.
        lengths: number of words of each sentence, shape (B,).

    Returns:
        One truth value a sentence, shape (B,). A sentence without words has none.

    Example:
        >>> are_trees(np.array([[2, 0], [2, 1]]), np.array([2, 2])).tolist()
        [True, False]
    """
    batch, words = heads.shape
    inside = np.arange(words) < lengths[:, None]
    parents = np.zeros((batch, words + 1), dtype=np.int64)
    parents[:, 1:] = np.where(inside, heads, 0)
    roots = ((heads == 0) & inside).sum(1)
    # Pointer jumping: after k rounds every word points 2^k steps up; in a tree all have then reached the root.
    for _ in range(max(1, int(words).bit_length())):
        parents = np.take_along_axis(parents, parents, axis=1)
    return (parents == 0).all(1) & (roots == 1)


EXACT = 1000
"""Words up to which the best tree is found exactly; the time for that grows with the third power of their number."""


def best_tree(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the highest-scoring tree with a single root (Chu and Liu 1965, Edmonds 1967).

    Beyond :data:`EXACT` words, which no real sentence has, it is a tree with a single root, but not always the best.

    The single root is had exactly, not by trial: every arc from the root loses more than all other arcs together can
    differ by, so that the best arborescence uses one such arc and, among those, is the best.

    Args:
        scores: score of each arc, row = dependent, column = head with the root first; shape (N, N + 1). The score of a
            word as its own head is not read.

    Returns:
        Head of each word, counted from 1, with 0 for the root; shape (N,).
    """
    # Needed only where greedy heads are no tree; a compiled module, which type checkers cannot read.
    from ufal.chu_liu_edmonds import chu_liu_edmonds  # noqa: PLC0415 # pyright: ignore[reportAttributeAccessIssue]

    words = scores.shape[0]
    if words > EXACT:
        return _joined_tree(scores)
    matrix = np.zeros((words + 1, words + 1), dtype=np.float64)
    matrix[1:] = scores
    body = np.arange(1, words + 1)
    matrix[body, body] = 0.0
    low = matrix[1:].min()
    span = matrix[1:].max() - low
    matrix[1:] -= low
    matrix[1:, 0] -= (span + 1.0) * (words + 1)
    matrix[body, body] = np.nan  # the library's sign for an arc that is not there
    matrix[0] = np.nan
    heads, _ = chu_liu_edmonds(matrix)
    return np.asarray(heads[1:], dtype=np.int64)


def _joined_tree(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return every word's best head, cycles opened one by one at the arc that costs least to replace.

    Shapes and meaning as for :func:`best_tree`.
    """
    words = scores.shape[0]
    table = np.array(scores, dtype=np.float32)
    table[np.arange(words), np.arange(1, words + 1)] = -np.inf
    root = int(table[:, 0].argmax())
    table[:, 0] = -np.inf
    heads = table.argmax(1)
    heads[root] = 0
    while True:
        parents = np.concatenate([[0], heads])
        for _ in range(words.bit_length()):
            parents = parents[parents]
        lost = np.flatnonzero(parents[1:])
        if not len(lost):
            return heads.astype(np.int64)
        # From any lost word, enough steps up end in its cycle; walk round it once.
        cycle = [int(parents[lost[0] + 1]) - 1]
        while heads[cycle[-1]] - 1 != cycle[0]:
            cycle.append(int(heads[cycle[-1]]) - 1)
        found = np.flatnonzero(parents == 0)
        gains = table[cycle][:, found] - table[cycle, heads[cycle]][:, None]
        at, to = np.unravel_index(int(gains.argmax()), gains.shape)
        heads[cycle[at]] = found[to]
