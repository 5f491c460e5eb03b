"""What the tests of this room share: a hand-made measurement."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from hiernlp.insight.affinity import Matrix, Measurement
from hiernlp.insight.affinity_results import Affinity, gather
from hiernlp.insight.label_statistics import LabelStatistics
from hiernlp.insight.learning_curves import curve_features


def _measured(names: list[str], step: int, draw: random.Random) -> Measurement:
    def matrix() -> Matrix:
        return {i: {j: 0.01 if i == j else draw.uniform(-2e-3, 2e-3) for j in names} for i in names}

    layers = {"0": matrix(), "1": matrix(), "2": {i: dict.fromkeys(names) for i in names}}
    return Measurement(step, dict.fromkeys(names, 1.0), matrix(), matrix(), layers)


def made(
    names: list[str], *, measurements: int = 4, main: str | None = None, curves: bool = False, groups: int = 2
) -> Affinity:
    """Return figures of random measurements of some tasks."""
    draw = random.Random(1)
    return gather(
        [_measured(names, 10 * n, draw) for n in range(measurements)],
        tasks=names,
        steps=40,
        steps_of_recipe=160,
        every=10,
        rate=3e-4,
        seed=1,
        statistics={
            name: LabelStatistics(60, 424, 5, 2.24, None, 0.5, Counter({name: 2, "the": 422})) for name in names
        },
        curves={names[0]: curve_features([1, 2, 3], [4.0, 2.0, 1.0])} if curves else None,
        main=main,
        groups=groups,
        command="hiernlp affinity r.yaml --output 'a b'",
    )


@pytest.fixture
def make_affinity() -> Callable[..., Affinity]:
    """Return the function that makes figures."""
    return made
