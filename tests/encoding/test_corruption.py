"""Changed copies of sentences: what is hidden tells nothing, what is not drawn is untouched, the draw is repeatable."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.encoding.corruption import Corruption, ViewSettings, Word
from hiernlp.encoding.subwords import Subwords
from hiernlp.errors import HierNLPError, RecipeError
from hiernlp.settings import validate

MASK = 1
Sentences = list[tuple[list[str], Subwords]]


@st.composite
def sentences(draw: st.DrawFn, *, cased: bool = True) -> Sentences:
    """Words of one to three subwords, whose numbers begin at 10."""
    made: Sentences = []
    for words in draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=4)):
        ids = draw(st.lists(st.integers(10, 40), min_size=sum(words), max_size=sum(words)))
        cases = [draw(st.integers(1, 6)) for _ in words] if cased else None
        made.append(([f"w{n}" for n in range(len(words))], Subwords(ids, words, cases)))
    return made


def corrupt(made: Sentences, seed: int = 0, *, hidden: frozenset[str] = frozenset(), **settings: Any) -> Any:
    given = validate(ViewSettings, {"hide": "list", **settings} if hidden else settings)
    return Corruption(given, MASK, hidden)([s for _, s in made], [words for words, _ in made], seed=[seed])


def parts(sentence: Subwords) -> list[list[int]]:
    ends = [sum(sentence.lengths[:n]) for n in range(len(sentence.lengths) + 1)]
    return [sentence.ids[a:b] for a, b in pairwise(ends)]


@given(sentences(), st.integers(0, 99), st.floats(0.01, 1))
def test_what_is_drawn_is_hidden_and_nothing_else_is_changed(made: Sentences, seed: int, share: float) -> None:
    changed = corrupt(made, seed, mask=share, random=0, kept=0)
    for (_, before), after, chosen in zip(made, changed.sentences, changed.chosen, strict=True):
        assert len(after.lengths) == len(before.lengths) == len(chosen)
        for n, (old, new, drawn) in enumerate(zip(parts(before), parts(after), chosen, strict=True)):
            assert new == ([MASK] if drawn else old)
            assert after.cases[n] == (0 if drawn else before.cases[n])


@given(sentences(), sentences(), st.integers(0, 99))
def test_a_hidden_word_tells_nothing_of_itself(made: Sentences, others: Sentences, seed: int) -> None:
    """Whatever stands in its place, the changed sentence is the same, and so is what is said of it."""
    first = corrupt(made, seed, mask=0.5, random=0, kept=0)
    substitutes = [part for _, s in others for part in parts(s)]
    swapped: Sentences = []
    for (words, sentence), chosen in zip(made, first.chosen, strict=True):
        new = [
            substitutes[n % len(substitutes)] if drawn else part
            for n, (part, drawn) in enumerate(zip(parts(sentence), chosen, strict=True))
        ]
        cases = [1 if drawn else case for case, drawn in zip(sentence.cases or [], chosen, strict=True)]
        swapped.append((words, Subwords([i for part in new for i in part], [len(part) for part in new], cases)))
    again = corrupt(swapped, seed, mask=0.5, random=0, kept=0)
    assert again.sentences == first.sentences


@given(sentences(cased=False), st.integers(0, 99))
def test_fates_of_the_drawn_words(made: Sentences, seed: int) -> None:
    kept = corrupt(made, seed, mask=1, random=0, kept=1)
    assert kept.sentences == [s for _, s in made]
    assert all(all(chosen) for chosen in kept.chosen)
    everything = {tuple(part) for _, s in made for part in parts(s)}
    random = corrupt(made, seed, mask=1, random=1, kept=0)
    assert {tuple(part) for s in random.sentences for part in parts(s)} <= everything


def test_shares_are_what_was_asked_for() -> None:
    made = [([f"w{n}" for n in range(50)], Subwords(list(range(10, 60)), [1] * 50)) for _ in range(100)]
    changed = corrupt(made, mask=0.15)
    drawn = [(old, new) for (_, s), after, chosen in zip(made, changed.sentences, changed.chosen, strict=True)
             for old, new, c in zip(s.ids, after.ids, chosen, strict=True) if c]  # fmt: skip
    assert len(drawn) / 5000 == pytest.approx(0.15, abs=0.02)
    assert sum(new == MASK for _, new in drawn) / len(drawn) == pytest.approx(0.8, abs=0.05)
    assert sum(old == new for old, new in drawn) / len(drawn) == pytest.approx(0.1, abs=0.04)


@given(sentences(), st.integers(0, 99))
def test_listed_words_are_always_hidden(made: Sentences, seed: int) -> None:
    upper = [([word.upper() for word in words], s) for words, s in made]
    changed = corrupt(upper, seed, hidden=frozenset({"w1"}))
    assert changed.chosen is None
    for (words, before), after in zip(upper, changed.sentences, strict=True):
        expected = [[MASK] if word == "W1" else part for word, part in zip(words, parts(before), strict=True)]
        assert parts(after) == expected


@given(sentences(), st.integers(0, 99))
def test_the_same_seed_draws_the_same(made: Sentences, seed: int) -> None:
    assert corrupt(made, seed, mask=0.5) == corrupt(made, seed, mask=0.5)


def test_mistakes() -> None:
    with pytest.raises(RecipeError, match="found neither"):
        validate(ViewSettings, {})
    with pytest.raises(RecipeError, match=r"random \+ kept of at most 1"):
        validate(ViewSettings, {"mask": 0.1, "random": 0.6, "kept": 0.6})
    maskless: Any = SimpleNamespace(tokenizer=SimpleNamespace(mask_token_id=None))
    with pytest.raises(HierNLPError, match="no mask subword"):
        Corruption.of(ViewSettings(mask=0.1), maskless)


@given(sentences(), st.integers(0, 99), st.floats(0, 1))
def test_what_was_replaced_is_what_is_no_longer_itself(made: Sentences, seed: int, share: float) -> None:
    pool = [Word([99], None)]
    given = validate(ViewSettings, {"mask": 1, "random": share, "kept": 1 - share})
    changed = Corruption(given, MASK)([s for _, s in made], [words for words, _ in made], seed=[seed], pool=pool)
    for (_, before), after, replaced in zip(made, changed.sentences, changed.replaced, strict=True):
        assert [new == [99] for new in parts(after)] == replaced
        assert [new != old for old, new in zip(parts(before), parts(after), strict=True)] == replaced
    same = corrupt([(["w"] * 3, Subwords([10, 10, 10], [1, 1, 1]))], seed, mask=1, random=1, kept=0)
    assert same.replaced == [[False] * 3]  # all became themselves
