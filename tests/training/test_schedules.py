"""Schedules by hand: where they begin, how they go on and where they end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import RecipeError
from hiernlp.settings import validate
from hiernlp.training.schedules import Reversal, WeightSchedule

SHARES = st.floats(0, 1)


def test_reversal_rises_from_nothing_to_nearly_all() -> None:
    assert Reversal().at(0.0) == 0
    assert Reversal().at(1.0) == pytest.approx(0.99991, abs=1e-5)
    assert Reversal().at(0.1) == pytest.approx(math.tanh(0.5))  # 2 / (1 + e^-x) - 1 is tanh(x / 2)
    assert Reversal(strength=0.3, schedule="constant").at(0.0) == 0.3


@given(SHARES, SHARES, st.floats(0, 5), st.floats(0.1, 20))
def test_reversal_never_falls_nor_exceeds_its_strength(one: float, other: float, strength: float, gamma: float) -> None:
    found = [Reversal(strength=strength, gamma=gamma).at(share) for share in sorted((one, other))]
    assert 0 <= found[0] <= found[1] <= strength


def test_weights_by_hand() -> None:
    def factors(schedule: WeightSchedule) -> list[float]:
        return [schedule.factor(step=step, share=step / 8) for step in (0, 2, 4, 8)]

    assert factors(WeightSchedule()) == [1, 1, 1, 1]
    assert factors(WeightSchedule(until=4)) == [1, 1, 0, 0]
    assert factors(WeightSchedule(until=0.5)) == [1, 1, 0, 0]
    assert factors(WeightSchedule(decay="linear")) == [1, 0.75, 0.5, 0]
    assert factors(WeightSchedule(decay="linear", until=4)) == [1, 0.5, 0, 0]
    decayed = factors(WeightSchedule(decay="exponential", rate=2.0, until=0.5))
    assert decayed == [1, pytest.approx(math.exp(-0.5)), 0, 0]


@given(SHARES, SHARES, st.sampled_from(["none", "linear", "exponential"]), st.none() | st.floats(0.01, 1))
def test_weights_never_rise(one: float, other: float, decay: str, until: float | None) -> None:
    schedule = validate(WeightSchedule, {"decay": decay, "until": until})
    found = [schedule.factor(step=0, share=share) for share in sorted((one, other))]
    assert 1 >= found[0] >= found[1] >= 0


@pytest.mark.parametrize("until", [0, -3, 0.0, 1.5])
def test_ends_that_are_none(until: float) -> None:
    with pytest.raises(RecipeError, match="until: expected"):
        validate(WeightSchedule, {"until": until})
