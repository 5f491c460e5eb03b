"""Places and feeds once the encoder's depth is known."""

from __future__ import annotations

from collections.abc import Mapping

from hiernlp.errors import RecipeError
from hiernlp.hierarchy import Feed, Place
from hiernlp.recipe.settings import AUTO, ENCODER, FeedSettings, Mix, TaskSettings

LEVELS = {"bottom": 0.0, "low": 0.25, "middle": 0.5, "high": 0.75, "top": 1.0}


def resolve_place(task: str, settings: TaskSettings, *, depth: int) -> Place:
    """Return the layers that a task's place stands for in an encoder of ``depth`` layers.

    Fractions are rounded to the nearest layer, halves upward.

    Raises:
        RecipeError: a layer is above the encoder's depth, a mix ends below its beginning, or the probe has yet to find
            the layer.

    Example:
        >>> resolve_place("upos", TaskSettings(kind="token_labels", place=0.5), depth=6)
        Place(low=3, high=3)
    """
    place = settings.place
    if place == AUTO:
        raise RecipeError(
            f"tasks.{task}.place: {AUTO!r} stands for a layer that the probe has yet to find, as `hiernlp train` and "
            "`hiernlp compare` do first; give a number, or call hiernlp.experiment.with_probed_places"
        )
    if isinstance(place, Mix):
        low, high = place.mix
    elif isinstance(place, int):
        low = high = place
    else:
        low = high = int((LEVELS[place] if isinstance(place, str) else place) * depth + 0.5)
    if low < 0 or high > depth:
        raise RecipeError(
            f"tasks.{task}.place: layer {high if high > depth else low} is not in the encoder; expected a layer from 0 "
            f"(embeddings) to {depth} (top)"
        )
    if low > high:
        raise RecipeError(f"tasks.{task}.place.mix: expected the lower layer first, found [{low}, {high}]")
    return Place(low, high)


def resolve_feeds(feeds: list[FeedSettings], places: Mapping[str, Place], *, depth: int) -> list[Feed]:
    """Return the feeds one by one, checked against the places.

    Raises:
        RecipeError: a feed goes from a higher to a lower task, from a task to itself, or from the top into the encoder.
    """
    resolved: list[Feed] = []
    for i, feed in enumerate(feeds):
        low = places[feed.source].high
        for target in feed.to:
            if target == ENCODER:
                if low >= depth:
                    raise RecipeError(
                        f"feeds.{i}: {feed.source!r} reads layer {low}, the top, so that no layer above could read "
                        "what is fed; place it lower or feed it to a task"
                    )
            elif target == feed.source:
                raise RecipeError(f"feeds.{i}: {target!r} is fed to itself")
            elif places[target].high < low:
                raise RecipeError(
                    f"feeds.{i}: beliefs go upward, but {feed.source!r} reads layer {low} and {target!r} layer "
                    f"{places[target].high}; place {feed.source!r} on layer {places[target].high} or lower, or turn "
                    "the feed round"
                )
            name = None if target == ENCODER else target
            resolved.append(Feed(feed.source, name, detached=feed.gradient == "detached"))
    return resolved
