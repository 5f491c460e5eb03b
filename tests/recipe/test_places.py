"""Places and feeds in an encoder of known depth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.errors import RecipeError
from hiernlp.hierarchy import Feed, Place
from hiernlp.recipe import resolve_feeds, resolve_place
from hiernlp.recipe.settings import FeedSettings, TaskSettings


def place(value: Any, depth: int = 6) -> Place:
    return resolve_place("t", TaskSettings(kind="dependencies", place=value), depth=depth)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (0, 0, 0), (6, 6, 6), (0.0, 0, 0), (1.0, 6, 6), (0.5, 3, 3), (0.25, 2, 2), (0.75, 5, 5), ("bottom", 0, 0),
        ("low", 2, 2), ("middle", 3, 3), ("high", 5, 5), ("top", 6, 6),
        ({"mix": [0, 6]}, 0, 6), ({"mix": [2, 2]}, 2, 2),
    ],
)  # fmt: skip
def test_places(value: Any, low: int, high: int) -> None:
    assert place(value) == Place(low, high)
    assert place(value).is_mix == (low != high)


def test_one_is_a_layer_and_one_point_nothing_the_top() -> None:
    assert place(1) == Place(1, 1)
    assert place(1.0) == Place(6, 6)


@given(st.floats(0, 1), st.integers(1, 48))
def test_fractions_are_rounded_to_the_nearest_layer(fraction: float, depth: int) -> None:
    found = place(fraction, depth)
    assert abs(found.high - fraction * depth) <= 0.5
    assert 0 <= found.high <= depth


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, r"^tasks.t.place: layer 7 is not in the encoder; expected a layer from 0 \(embeddings\) to 6 \(top\)$"),
        ({"mix": [1, 9]}, r"^tasks.t.place: layer 9 is not in the encoder"),
        ({"mix": [-1, 3]}, r"^tasks.t.place: layer -1 is not in the encoder"),
        ({"mix": [4, 2]}, r"^tasks.t.place.mix: expected the lower layer first, found \[4, 2\]$"),
    ],
)
def test_places_that_are_not_there(value: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        place(value)


PLACES = {"a": Place(1, 1), "b": Place(0, 3), "c": Place(3, 3), "top": Place(6, 6)}


def feeds(*given: dict[str, Any]) -> list[Feed]:
    return resolve_feeds([FeedSettings.model_validate(feed) for feed in given], PLACES, depth=6)


def test_feeds() -> None:
    found = feeds(
        {"from": "a"}, {"from": "b", "to": ["c", "encoder"], "gradient": "detached"}, {"from": "c", "to": "top"}
    )
    assert found == [
        Feed("a", None, detached=False),
        Feed("b", "c", detached=True),
        Feed("b", None, detached=True),
        Feed("c", "top", detached=False),
    ]


@pytest.mark.parametrize(
    ("feed", "message"),
    [
        ({"from": "c", "to": "a"}, "^feeds.0: beliefs go upward, but 'c' reads layer 3 and 'a' layer 1; place 'c'"),
        ({"from": "a", "to": "a"}, "^feeds.0: 'a' is fed to itself$"),
        ({"from": "top"}, "^feeds.0: 'top' reads layer 6, the top, so that no layer above could read"),
    ],
)
def test_feeds_that_go_nowhere(feed: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        feeds(feed)
