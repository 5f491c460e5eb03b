"""Is it a tree?"""

from __future__ import annotations

from collections.abc import Sequence

_MEND = "; mend it or set the reader's option `check_trees: false`"


class TreeError(ValueError):
    """Heads that form no tree.

    Attributes:
        word: a word to blame, counted from 0.
    """

    def __init__(self, message: str, *, word: int) -> None:
        super().__init__(message)
        self.word = word


def check_heads(heads: Sequence[int | None], *, tree: bool) -> None:
    """Check that heads are words of the sentence (or 0), and with ``tree`` that they form one.

    Raises:
        TreeError: they are not.
    """
    for i, head in enumerate(heads):
        if head is not None and not 0 <= head <= len(heads):
            raise TreeError(f"the head {head} is out of range; the sentence has {len(heads)} words", word=i)
    if tree:
        check_tree(heads)


def check_tree(heads: Sequence[int | None]) -> None:
    """Check that heads (0 for the root, words counted from 1) form a tree; words whose head is None are unknown.

    Raises:
        TreeError: there are several roots, or a cycle (and with every head known, one of them is the case wherever
            the number of roots is not one).
    """
    roots = [i for i, head in enumerate(heads, start=1) if head == 0]
    if len(roots) > 1:
        raise TreeError(
            f"expected one root, found {len(roots)}: words {_some(roots)} have head 0{_MEND}", word=roots[1] - 1
        )
    done = [False] * (len(heads) + 1)
    for word in range(1, len(heads) + 1):
        path: dict[int, None] = {}
        node: int | None = word
        while node and not done[node] and node not in path:
            path[node] = None
            node = heads[node - 1]
        if node and node in path:
            cycle = list(path)[list(path).index(node) :]
            names = _some([*cycle, node], by=" -> ")
            raise TreeError(f"expected a tree, found a cycle: words {names}{_MEND}", word=node - 1)
        for seen in path:
            done[seen] = True


def _some(words: Sequence[int], *, by: str = ", ", most: int = 8) -> str:
    names = [str(word) for word in words]
    return by.join(names if len(names) <= most else [*names[: most - 1], "...", names[-1]])
