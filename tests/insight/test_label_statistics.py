"""Statistics of labels: against definitions, scipy, and counts of the toy corpora."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from hiernlp.experiment import prepare
from hiernlp.insight.label_statistics import NONE, OUTSIDE, entropy, kurtosis, label_statistics, symbols
from hiernlp.recipe.files import validate_recipe

counted = st.lists(st.integers(1, 1000), min_size=1, max_size=30).map(lambda n: Counter(dict(enumerate(n))))


@given(st.integers(1, 64), st.integers(1, 100))
def test_the_entropy_of_equally_frequent_labels(labels: int, count: int) -> None:
    assert entropy(dict.fromkeys(range(labels), count)) == pytest.approx(math.log2(labels))


@given(counted, st.integers(2, 9))
def test_entropy(counts: Counter[int], times: int) -> None:
    assert entropy(counts) == pytest.approx(float(stats.entropy(list(counts.values()), base=2)), abs=1e-9)
    assert entropy({k: times * v for k, v in counts.items()}) == pytest.approx(entropy(counts), abs=1e-9)


def test_one_label_has_no_entropy() -> None:
    assert entropy({"O": 100}) == 0
    assert kurtosis({"O": 100}) is None


@given(counted)
def test_kurtosis_is_scipys(counts: Counter[int]) -> None:
    assume(len(set(counts.values())) > 1)
    total = sum(counts.values())
    assert kurtosis(counts) == pytest.approx(float(stats.kurtosis([c / total for c in counts.values()])), rel=1e-6)


def test_equally_frequent_labels_have_no_kurtosis() -> None:
    assert kurtosis({"a": 3, "b": 3}) is None


def test_the_toy_corpora(recipe_data: Callable[..., dict[str, Any]]) -> None:
    experiment = prepare(validate_recipe(recipe_data()))
    found = label_statistics(experiment)
    rows = list(experiment.train["ud"].rows())
    upos = Counter(tag for row in rows for tag in row["upos"])
    assert found["upos"].entropy == entropy(upos)
    assert found["upos"].kurtosis == kurtosis(upos)
    assert (found["upos"].sentences, found["upos"].words, found["upos"].labels) == (60, sum(upos.values()), len(upos))
    assert found["dependencies"].labels == len({r for row in rows for r in row["deprel"]})
    assert found["entities"].labels == len({s["label"] for row in rows for s in row["entities"]}) + 1  # and outside
    assert found["lemmas"].labels < len({lemma for row in rows for lemma in row["lemma"]})  # scripts, not lemmas
    talk = list(experiment.train["talk"].rows())
    assert found["mood"].sentences == sum(row["mood"] is not None for row in talk)
    assert found["mood"].words == sum(len(row["words"]) for row in talk if row["mood"] is not None)
    assert found["length"].labels == len({row["length"] for row in talk} - {None})
    pairs = [row for row in experiment.train["pairs"].rows() if row["holds"] is not None]
    assert found["holds"].words == sum(len(row["words"]) + len(row["second"]) for row in pairs)
    assert all(figures.out_of_vocabulary == 0 for figures in found.values())


def test_unknown_words_and_no_development_data(recipe_data: Callable[..., dict[str, Any]]) -> None:
    data = recipe_data(["upos", "mood"])
    data["corpora"]["talk"].pop("dev")
    experiment = prepare(validate_recipe(data))
    experiment.train["ud"].dataset = experiment.train["ud"].dataset.select(range(2))
    known = {word for row in experiment.train["ud"].rows() for word in row["words"]}
    seen = [word for row in experiment.dev["ud"].rows() for word in row["words"]]
    found = label_statistics(experiment)
    assert found["upos"].out_of_vocabulary == sum(word not in known for word in seen) / len(seen) > 0
    assert found["mood"].out_of_vocabulary is None


def test_what_is_counted(recipe_data: Callable[..., dict[str, Any]]) -> None:
    heads = prepare(validate_recipe(recipe_data())).bundle.model.heads

    def of(task: str, **row: Any) -> list[str | float]:
        return list(symbols(heads[task], {"words": ["the", "cat", "sees"], **row}))  # type: ignore[arg-type]

    nested = [{"start": 0, "end": 2, "label": "animal"}, {"start": 1, "end": 2, "label": "name"}]
    assert of("entities", entities=nested) == ["animal", "name", OUTSIDE]
    assert of("topics", topics=["cat", "dog"]) == ["cat", "dog"]
    assert of("topics", topics=[]) == [NONE]
    assert of("length", length=3.0) == [3.0]
    assert of("upos", upos=["DET", None, "VERB"]) == ["DET", "VERB"]
    assert of("dependencies", head=[2, 3, 0], deprel=["det", None, "root"]) == ["det", "root"]
    assert of("type", sentence_type="q") == ["q"]
    assert of("mood") == []
