"""Gates by hand and by property: shut by what points away, open by what helps, exact to restore."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import RecipeError
from hiernlp.gating._base import Gate
from hiernlp.gating.held_out import HeldOut, HeldOutOptions
from hiernlp.gating.similarity import Similarity, SimilarityOptions
from hiernlp.registry import gating
from hiernlp.settings import validate

COSINES = st.lists(st.floats(-1, 1), max_size=30)


def new(name: str) -> Gate:
    method = gating.load(name)
    return method(method.Options())


def test_the_papers_variant_is_the_cosine_where_it_is_positive() -> None:
    gate = Similarity(SimilarityOptions(every=1, decay=0, full=1))
    assert gate.value == 1  # before anything is known
    for cosine, value in ((0.3, 0.3), (-0.2, 0.0), (1.0, 1.0)):
        gate.observe(cosine)
        assert gate.value == pytest.approx(value)


def test_the_running_mean_by_hand() -> None:
    gate = Similarity(SimilarityOptions(decay=0.5, full=0.2))
    gate.observe(0.1)
    assert gate.value == pytest.approx(0.1 / 0.2)  # corrected for the start
    gate.observe(-0.05)
    assert gate.value == pytest.approx((0.25 * 0.1 + 0.5 * -0.05) / 0.75 / 0.2)


def test_held_out_by_hand() -> None:
    gate = HeldOut(HeldOutOptions(start=0.5, rate=2, toll=0.1))
    assert gate.value == 0.5
    gate.observe(0.6)
    assert gate.logit == pytest.approx(1.0)
    gate.observe(0.1)  # what the toll asks for: it stays where it is
    assert gate.logit == pytest.approx(1.0)


@pytest.mark.parametrize("name", gating.names())
@given(COSINES)
def test_values_are_shares_and_states_are_exact(name: str, cosines: list[float]) -> None:
    gate, restored = new(name), new(name)
    for cosine in cosines:
        gate.observe(cosine)
        assert 0 <= gate.value <= 1
    restored.load_state_dict(gate.state_dict())
    assert restored.value == gate.value
    for each in (gate, restored):
        each.observe(0.07)
    assert restored.value == gate.value


@pytest.mark.parametrize("name", gating.names())
def test_shut_by_what_points_away_and_open_again(name: str) -> None:
    gate = new(name)
    for _ in range(30):
        gate.observe(-0.5)
    assert gate.value < 0.01
    for _ in range(60):
        gate.observe(0.5)
    assert gate.value > 0.95


@pytest.mark.parametrize("name", gating.names())
@given(COSINES, st.floats(-1, 1), st.floats(0, 1))
def test_a_more_similar_helper_never_has_a_more_shut_gate(
    name: str, cosines: list[float], last: float, more: float
) -> None:
    one, other = new(name), new(name)
    for cosine in cosines:
        one.observe(cosine)
        other.observe(cosine)
    one.observe(last)
    other.observe(min(1.0, last + more))
    assert other.value >= one.value - 1e-12


def test_settings_have_bounds() -> None:
    with pytest.raises(RecipeError, match="full"):
        validate(SimilarityOptions, {"full": 0})
    with pytest.raises(RecipeError, match="start"):
        validate(HeldOutOptions, {"start": 1.0})
