"""Tags of words: IOB2 tags and spans, which tags may follow each other, and the best sequence.

Letters: B batch, N words, C tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hiernlp.decoding._base import Found, Words, lengths_of
from hiernlp.decoding._spans import Span
from hiernlp.errors import DataError

OUTSIDE = "O"


def tags_of(labels: Sequence[str]) -> list[str]:
    """Return the IOB2 tags of labels: O, then B and I of each."""
    return [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def to_tags(spans: Sequence[Span], *, words: int) -> list[str]:
    """Return IOB2 tags of spans that do not overlap (Tjong Kim Sang & Veenstra 1999).

    Example:
        >>> to_tags([(1, 3, "NP")], words=4)
        ['O', 'B-NP', 'I-NP', 'O']
    """
    tags = [OUTSIDE] * words
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags


def from_tags(tags: Sequence[str]) -> list[Span]:
    """Return the spans of legal IOB2 tags; the inverse of :func:`to_tags`."""
    spans: list[Span] = []
    for at, tag in enumerate(tags):
        if tag.startswith("B-"):
            spans.append((at, at + 1, tag[2:]))
        elif tag.startswith("I-"):
            start, _, label = spans.pop()
            spans.append((start, at + 1, label))
    return spans


def from_path(path: Sequence[int], labels: Sequence[str]) -> list[Span]:
    """Return the spans of legal IOB2 tags given by their numbers among :func:`tags_of` the labels.

    Example:
        >>> from_path([0, 1, 2, 3], ["NP", "VP"])
        [(1, 3, 'NP'), (3, 4, 'VP')]
    """
    spans: list[Span] = []
    for at, tag in enumerate(path):
        if tag % 2:
            spans.append((at, at + 1, labels[tag // 2]))
        elif tag:
            start, _, label = spans.pop()
            spans.append((start, at + 1, label))
    return spans


@dataclass(frozen=True)
class Legal:
    """Which tags may stand where.

    Attributes:
        follows: whether tag j may follow tag i, shape (C, C) as [i, j].
        start: whether a sentence may begin with a tag, shape (C,).
    """

    follows: NDArray[np.bool_]
    start: NDArray[np.bool_]

    def holds(self, path: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell for each sentence whether its tags are legal.

        Shapes: ``path`` (B, N), anything in the padding; ``lengths`` (B,); result (B,).
        """
        beyond = np.arange(1, path.shape[1]) >= lengths[:, None]
        return self.start[path[:, 0]] & (self.follows[path[:, :-1], path[:, 1:]] | beyond).all(1)


def legal_bio(tags: Sequence[str]) -> Legal:
    """Return which tags may follow each other and which may begin a sentence: ``I-x`` only after ``B-x`` or ``I-x``.

    Tags that are neither ``B-x`` nor ``I-x`` may stand anywhere.

    Raises:
        DataError: no tag may begin a sentence.
    """
    start = np.array([not tag.startswith("I-") for tag in tags])
    if not start.any():
        raise DataError(
            f"legal BIO needs a tag that may begin a sentence, such as O or B-x; found only {', '.join(tags)}; "
            "check the tags of the corpus"
        )
    follows = np.array([[not to.startswith("I-") or source in (f"B-{to[2:]}", to) for to in tags] for source in tags])
    return Legal(follows, start)


class TagPaths:
    """Chooses the tags of sentences: each word's best one, or the best sequence, of legal ones where that is asked for.

    Args:
        tags: the C tags.
        crf: whether the arrays hold the scores of a CRF, ``start``, ``transitions`` and ``end`` besides ``scores``.
        bio: whether sequences must be legal IOB2.
    """

    def __init__(self, tags: Sequence[str], *, crf: bool, bio: bool) -> None:
        self.crf = crf
        self.legal = legal_bio(tags) if bio else None

    def __call__(self, found: Found, words: Words) -> NDArray[np.int64]:
        """Return the tags (B, N), 0 where there is no word.

        Args:
            found: ``best`` (B, N) if words are judged by themselves, or else ``scores`` (B, N, C), and what a CRF has.
            words: the sentences' words.
        """
        if not self.crf and self.legal is None:
            return found["best"]
        scores, lengths = found["scores"], lengths_of(words)
        if self.crf:
            return best_paths(scores, lengths=lengths, **self.crf_scores(found))
        assert self.legal is not None
        # Where every word's best tag may stand, no sequence is better; only the others are looked for.
        path = scores.argmax(-1)
        path[np.arange(path.shape[1]) >= lengths[:, None]] = 0
        broken = np.flatnonzero(~self.legal.holds(path, lengths))
        if len(broken):
            start = np.where(self.legal.start, 0.0, -np.inf)
            transitions = np.where(self.legal.follows, 0.0, -np.inf)
            path[broken] = best_paths(scores[broken], lengths=lengths[broken], start=start, transitions=transitions)
        return path

    def crf_scores(self, found: Found) -> dict[str, np.ndarray]:
        """Return a CRF's ``start``, ``transitions`` and ``end``, minus infinity where something is not legal."""
        start, transitions = found["start"], found["transitions"]
        if self.legal is not None:
            start = np.where(self.legal.start, start, -np.inf)
            transitions = np.where(self.legal.follows, transitions, -np.inf)
        return {"start": start, "transitions": transitions, "end": found["end"]}


def best_paths(
    scores: np.ndarray,
    *,
    lengths: np.ndarray,
    start: np.ndarray,
    transitions: np.ndarray,
    end: np.ndarray | None = None,
) -> NDArray[np.int64]:
    """Return the best tag sequences (Viterbi 1967), for the whole batch at once.

    Scores of minus infinity forbid a start or a transition; at least one tag must be allowed after each. Sums are taken
    in the scores' number format.

    Shapes: ``scores`` (B, N, C); ``lengths`` (B,); ``start``, ``end`` (C,); ``transitions`` (C, C) as [from, to].
    Returns (B, N), 0 where there is no word.

    Example:
        >>> free = np.zeros((3, 3))
        >>> best_paths(np.eye(3)[None], lengths=np.array([3]), start=free[0], transitions=free).tolist()
        [[0, 1, 2]]
    """
    batch, words, size = scores.shape
    # Longest first: those that have a word at a place are then the first of all.
    order = np.argsort(-lengths, kind="stable")
    scores, lengths = scores[order], lengths[order]
    longer = (lengths[:, None] > np.arange(words)).sum(0).tolist()
    arriving = np.ascontiguousarray(transitions.T.astype(scores.dtype))
    best = scores[:, 0] + start.astype(scores.dtype)
    sources = np.empty((words, batch, size), dtype=np.int64)
    for t in range(1, words):
        here = longer[t]
        reached = best[:here, None, :] + arriving
        sources[t, :here] = reached.argmax(-1)
        best[:here] = reached.max(-1) + scores[:here, t]
    if end is not None:
        best = best + end.astype(scores.dtype)
    rows = np.arange(batch)
    path = np.zeros((batch, words), dtype=np.int64)
    path[rows, np.maximum(lengths, 1) - 1] = best.argmax(-1)
    for t in range(words - 1, 0, -1):
        here = longer[t]
        path[:here, t - 1] = sources[t, rows[:here], path[:here, t]]
    path[lengths == 0] = 0
    found = np.empty_like(path)
    found[order] = path
    return found
