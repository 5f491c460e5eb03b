"""Differences over seeds and their intervals: against scipy and at their edges."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from hiernlp.comparison.statistics import Contrast, Sample, margin

scores = st.lists(st.floats(0.1, 1.0), min_size=2, max_size=5)


def test_by_hand() -> None:
    found = Contrast("f1", Sample((0.5,)), Sample((0.6,)))
    assert (found.difference, found.gain) == pytest.approx((0.1, 0.2))
    assert (found.reference.deviation, found.margin, found.beyond) == (None, None, None)
    assert Contrast("f1", Sample((0.0,)), Sample((0.6,))).gain is None
    assert Sample((0.5, 0.7)).as_json() == {
        "mean": pytest.approx(0.6), "deviation": pytest.approx(0.02**0.5), "values": [0.5, 0.7],
    }  # fmt: skip


def test_seeds_that_all_score_the_same() -> None:
    same = Contrast("f1", Sample((0.5, 0.5)), Sample((0.5, 0.5)))
    other = Contrast("f1", Sample((0.5, 0.5)), Sample((0.6, 0.6)))
    assert (same.beyond, other.beyond) == (False, True)


@given(scores, scores)
def test_the_rule_is_welchs_test(one: list[float], other: list[float]) -> None:
    a, b = Sample(tuple(one)), Sample(tuple(other))
    assume(min(a.deviation or 0, b.deviation or 0) > 1e-6)
    p = float(stats.ttest_ind(other, one, equal_var=False).pvalue)
    assume(abs(p - 0.05) > 1e-9)
    assert Contrast("f1", a, b).beyond == (p < 0.05)
    found = margin(a, b)
    assert found is not None
    assert found > 0
