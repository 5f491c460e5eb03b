"""Features of pairs of tasks: the divergence against scipy, rows against the figures of their tasks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from hiernlp.experiment import prepare
from hiernlp.insight.label_statistics import LabelStatistics, label_statistics
from hiernlp.insight.learning_curves import curve_features
from hiernlp.insight.pair_features import divergence, pair_features
from hiernlp.recipe.files import validate_recipe

texts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 50), min_size=1)
STATISTICS = {
    "few": LabelStatistics(10, 40, 2, 1.0, None, 0.5, Counter({"a": 30, "b": 10})),
    "many": LabelStatistics(80, 400, 17, 3.0, -1.0, None, Counter({"c": 400})),
}


@given(texts, texts)
def test_the_divergence_is_scipys(one: dict[str, int], other: dict[str, int]) -> None:
    p, q = ([text.get(word, 0) for word in "abcdefgh"] for text in (one, other))
    distance = float(jensenshannon(p, q, base=2))
    expected = 0.0 if math.isnan(distance) else distance**2
    assert divergence(one, other) == pytest.approx(expected, abs=1e-9)
    assert divergence(one, other) == pytest.approx(divergence(other, one), abs=1e-12)
    assert divergence(one, {word: 3 * count for word, count in one.items()}) == pytest.approx(0, abs=1e-9)


def test_a_text_without_words() -> None:
    with pytest.raises(ValueError, match="expected two texts with words"):
        divergence({"a": 1}, {})


def test_a_row_for_each_ordered_pair() -> None:
    rows = pair_features(STATISTICS)
    assert [(row["main"], row["helper"]) for row in rows] == [("few", "many"), ("many", "few")]
    first, second = rows
    assert (first["size"], second["size"]) == (3.0, -3.0)  # eight times as many sentences
    assert first["divergence"] == second["divergence"] == 1.0
    assert (first["main_words_per_type"], first["helper_words_per_type"]) == (20.0, 400.0)
    assert (first["main_kurtosis"], first["helper_kurtosis"]) == (None, -1.0)
    for name in ("labels", "entropy", "kurtosis", "out_of_vocabulary", "words_per_type"):
        assert first[f"main_{name}"] == second[f"helper_{name}"]
    assert not any("slope" in name for name in first)


def test_curves_where_they_are_known() -> None:
    first, second = pair_features(STATISTICS, {"many": curve_features([0, 50, 100], [4.0, 2.0, 1.0])})
    assert first.keys() == second.keys()
    assert first["helper_slope_70"] == pytest.approx(-0.05)
    assert first["helper_decrease_10"] == pytest.approx(0.1)
    assert first["main_slope_70"] is first["main_a"] is None


def test_tasks_without_data() -> None:
    nothing = LabelStatistics(0, 0, 0, 0.0, None, None)
    (row, _) = pair_features({"few": STATISTICS["few"], "none": nothing})
    assert row["size"] is row["divergence"] is row["helper_words_per_type"] is None


def test_the_toy_corpora(recipe_data: Callable[..., dict[str, Any]]) -> None:
    experiment = prepare(validate_recipe(recipe_data()))
    statistics = label_statistics(experiment)
    words = {task: found.word_counts for task, found in statistics.items()}
    assert "word_counts" not in statistics["upos"].as_json()
    ud = Counter(word for row in experiment.train["ud"].rows() for word in row["words"])
    assert words["upos"] == ud
    pairs = [row for row in experiment.train["pairs"].rows() if row["holds"] is not None]
    assert words["holds"] == Counter(word for row in pairs for word in [*row["words"], *row["second"]])
    rows = {(row["main"], row["helper"]): row for row in pair_features(statistics)}
    assert len(rows) == len(statistics) * (len(statistics) - 1)
    assert rows["upos", "dependencies"]["divergence"] == 0  # the same text
    assert all(0 <= row["divergence"] <= 1 for row in rows.values())  # type: ignore[operator]
    assert all(statistics[task].words == words[task].total() for task in statistics)
