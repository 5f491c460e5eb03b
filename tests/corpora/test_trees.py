"""Is it a tree? Against networkx-free brute force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.corpora._trees import TreeError, check_heads, check_tree


def reaches_root(heads, word):
    for _ in range(len(heads) + 1):
        if word == 0:
            return True
        word = heads[word - 1]
    return False


@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.integers(0, n), min_size=n, max_size=n)))
def test_exactly_the_trees_with_one_root_pass(heads):
    tree = heads.count(0) == 1 and all(reaches_root(heads, word) for word in range(1, len(heads) + 1))
    if tree:
        check_tree(heads)
    else:
        with pytest.raises(TreeError) as caught:
            check_tree(heads)
        assert 0 <= caught.value.word < len(heads)


@given(st.permutations(range(1, 9)), st.data())
def test_any_tree_passes_with_any_heads_unknown(order, data):
    heads: list[int | None] = [0] * len(order)
    for i, word in enumerate(order[1:], start=1):
        heads[word - 1] = data.draw(st.sampled_from(order[:i]))
    check_heads(heads, tree=True)
    unknown = data.draw(st.sets(st.sampled_from(order)))
    check_heads([None if i + 1 in unknown else head for i, head in enumerate(heads)], tree=True)


def test_messages_name_the_words():
    with pytest.raises(TreeError, match=r"found 2: words 1, 3 have head 0"):
        check_tree([0, 1, 0])
    with pytest.raises(TreeError, match=r"cycle: words 2 -> 3 -> 2"):
        check_tree([0, 3, 2])
    with pytest.raises(TreeError, match=r"cycle: words 1 -> 1"):
        check_tree([1])
    with pytest.raises(TreeError, match="head 4 is out of range; the sentence has 2 words"):
        check_heads([0, 4], tree=False)


def test_long_chains_are_quick():
    check_tree(list(range(3000)))
    with pytest.raises(TreeError, match=r"\.\.\."):
        check_tree([*range(2, 3001), 1])
