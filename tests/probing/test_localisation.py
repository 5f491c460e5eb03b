"""Figures of localisation: what they are for known scores and weights, and what they do not depend on."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.probing.localisation import (
    NOTHING_GAINED,
    centre_of_gravity,
    expected_layer,
    gains,
    localisation,
    smallest_layer,
    stretched,
)

DEPTHS = st.integers(1, 24)
SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=25)


@given(DEPTHS)
def test_an_even_mix_is_centred_in_the_middle_and_not_localised(depth: int) -> None:
    even = [1 / (depth + 1)] * (depth + 1)
    assert centre_of_gravity(even) == pytest.approx(depth / 2)
    assert localisation(even) == pytest.approx(0, abs=1e-12)


@given(DEPTHS, st.data())
def test_one_layer_alone(depth: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, depth))
    alone = [float(layer == at) for layer in range(depth + 1)]
    assert centre_of_gravity(alone) == at
    assert localisation(alone) == pytest.approx(math.log(depth + 1))


@given(DEPTHS, st.floats(0, 0.5), st.floats(0.01, 0.5), st.data())
def test_a_single_jump_is_where_it_is_expected(depth: int, low: float, jump: float, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, depth))
    scores = [low + jump * (layer >= at) for layer in range(depth + 1)]
    assert expected_layer(scores) == pytest.approx(at)
    assert localisation(gains(scores)) == pytest.approx(math.log(depth))


@given(SCORES, st.floats(-1, 1))
def test_a_constant_added_to_all_scores_changes_nothing(scores: list[float], constant: float) -> None:
    before, after = expected_layer(scores), expected_layer([score + constant for score in scores])
    if abs(scores[-1] - scores[0] - NOTHING_GAINED) > 1e-9:
        assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert after == pytest.approx(before, abs=1e-6)


def test_where_nothing_is_gained_it_is_undefined() -> None:
    assert expected_layer([0.7, 0.9, 0.7]) is None
    assert expected_layer([0.7, 0.7, 0.7]) is None
    assert expected_layer([0.9, 0.8, 0.7]) is None
    assert localisation(gains([0.9, 0.8, 0.7])) is None


def test_losses_count_for_the_expected_layer_and_not_for_localisation() -> None:
    scores = [0.5, 0.9, 0.8]  # gains 0.4 and -0.1
    assert expected_layer(scores) == pytest.approx((1 * 0.4 + 2 * -0.1) / 0.3)
    assert localisation(gains(scores)) == pytest.approx(math.log(2))
    assert localisation(gains([0.5, 0.9, 0.9])) == localisation(gains(scores))


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=13), st.floats(0.1, 10))
def test_localisation_lies_between_even_and_one_and_has_no_scale(amounts: list[float], scale: float) -> None:
    found = localisation(amounts)
    assert found is not None
    assert 0 <= found <= math.log(len(amounts))
    assert localisation([scale * amount for amount in amounts]) == pytest.approx(found, abs=1e-9)


@given(SCORES, st.floats(0.5, 1))
def test_the_smallest_layer_that_is_good_enough(scores: list[float], share: float) -> None:
    found = smallest_layer(scores, share=share)
    assert scores[found] >= share * max(scores)
    assert all(score < share * max(scores) for score in scores[:found])
    assert smallest_layer(scores, share=1.0) == scores.index(max(scores))


def test_scores_below_zero_have_a_best_layer_too() -> None:
    assert smallest_layer([-0.3, -0.1, -0.2], share=0.98) == 1


def test_places_between_layers_are_stretched_to_the_nearest_layers() -> None:
    assert stretched({"upos": 2.21, "entities": 3.02, "dependencies": 2.67, "sentence_type": 3.07}, depth=6) == {
        "upos": 4,  # 2.21 * 6 / 3.07 = 4.32
        "entities": 6,  # 5.90
        "dependencies": 5,  # 5.22
        "sentence_type": 6,
    }
    assert stretched({"upos": 0.0, "entities": 0.0}, depth=6) == {"upos": 0, "entities": 0}


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 6), min_size=1, max_size=5), st.integers(6, 24))
def test_stretched_layers_keep_their_order_and_proportions_and_reach_the_top(
    layers: dict[str, int], depth: int
) -> None:
    found = stretched(layers, depth=depth)
    highest = max(layers.values())
    assert list(found) == list(layers)
    assert max(found.values()) == (depth if highest else 0)
    for a, b in itertools.product(layers, repeat=2):
        assert (layers[a] < layers[b]) == (found[a] < found[b])  # so that feeds still go upward
    for name, layer in layers.items():
        assert abs(found[name] - layer * depth / max(highest, 1)) <= 0.5
