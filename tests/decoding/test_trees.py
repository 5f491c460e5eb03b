"""Trees: the check and the search, against all trees there are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hiernlp.decoding import _trees
from hiernlp.decoding._trees import are_trees, best_tree


def is_tree(heads: tuple[int, ...]) -> bool:
    """Tell by walking up from every word."""
    if sum(head == 0 for head in heads) != 1:
        return False
    for start in range(1, len(heads) + 1):
        word, seen = start, set[int]()
        while word:
            if word in seen:
                return False
            seen.add(word)
            word = heads[word - 1]
    return True


TREES = {n: [h for h in itertools.product(range(n + 1), repeat=n) if is_tree(h)] for n in range(1, 6)}


def test_there_are_as_many_trees_as_cayley_says() -> None:
    assert [len(TREES[n]) for n in range(1, 6)] == [n ** (n - 1) for n in range(1, 6)]


@pytest.mark.parametrize("words", range(1, 6))
def test_all_sequences_of_heads(words: int) -> None:
    every = np.array(list(itertools.product(range(words + 1), repeat=words)), dtype=np.int64)
    padded = np.concatenate([every, np.full((len(every), 2), 7)], 1)[:, : words + 2]
    padded[:, words:] = 0
    lengths = np.full(len(every), words)
    assert are_trees(every, lengths).tolist() == [is_tree(tuple(h)) for h in every.tolist()]
    assert are_trees(padded, lengths).tolist() == are_trees(every, lengths).tolist()


def test_sentences_of_several_lengths() -> None:
    heads = np.array([[2, 0, 2, 3], [0, 1, 4, 4], [3, 1, 2, 0], [0, 0, 0, 0]])
    assert are_trees(heads, np.array([4, 2, 4, 0])).tolist() == [True, True, False, False]


@settings(max_examples=150)
@given(st.integers(1, 5).flatmap(lambda n: arrays(np.float64, (n, n + 1), elements=st.floats(-50, 50, width=32))))
def test_the_best_tree_is_the_best(scores: np.ndarray) -> None:
    words = scores.shape[0]
    heads = best_tree(scores)
    assert is_tree(tuple(heads.tolist()))
    value = sum(scores[i, h] for i, h in enumerate(heads))
    best = max(sum(scores[i, h] for i, h in enumerate(tree)) for tree in TREES[words])
    assert value == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("words", [1, 2, 50, 300])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_long_sentences_have_one_root(words: int, scale: float) -> None:
    generator: Any = np.random.default_rng(words)
    scores = generator.normal(size=(words, words + 1)) * scale
    scores[:, 0] += 5 * scale  # every word wants to be the root
    heads = best_tree(scores)
    assert are_trees(heads[None], np.array([words])).all()


def test_scores_with_what_is_impossible_on_the_diagonal() -> None:
    scores = np.zeros((3, 4))
    scores[np.arange(3), np.arange(1, 4)] = -np.inf
    scores[0, 2] = scores[1, 0] = scores[2, 1] = 1.0
    assert best_tree(scores).tolist() == [2, 0, 1]


@settings(max_examples=50)
@given(words=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_joined_trees_have_one_root_and_never_beat_the_best(words: int, seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(words, words + 1))
    joined = _trees._joined_tree(scores)
    best = best_tree(scores)
    assert are_trees(joined[None], np.array([words])).all()
    rows = np.arange(words)
    assert scores[rows, joined].sum() <= scores[rows, best].sum() + 1e-5


def test_very_long_sentences_get_a_tree_in_little_time() -> None:
    scores = np.random.default_rng(0).normal(size=(_trees.EXACT + 1, _trees.EXACT + 2))
    heads = best_tree(scores)
    assert are_trees(heads[None], np.array([_trees.EXACT + 1])).all()
