"""Figures over seeds: means, spreads, differences of means, and whether those are more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from hiernlp.training.gain import relative_gain

RULE = (
    "A difference is beyond the seeds' spread if the 95% confidence interval of the difference of the two means "
    "(Welch's t, unequal variances) leaves out 0; with one seed that is not known."
)


@dataclass(frozen=True)
class Sample:
    """One figure over the seeds.

    Attributes:
        values: by seed, in the order of the seeds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over the seeds (divisor n - 1); None where there is one seed."""
        return stdev(self.values) if len(self.values) > 1 else None

    def as_json(self) -> dict[str, Any]:
        """Return the figure as reports have it."""
        return {"mean": self.mean, "deviation": self.deviation, "values": list(self.values)}


def margin(one: Sample, other: Sample) -> float | None:
    """Return how far the difference of two means must be from 0 to be beyond chance; None where there is one seed.

    t(0.975, v) * sqrt(a + b) with a = s1^2 / n1, b = s2^2 / n2 and v = (a + b)^2 / (a^2 / (n1 - 1) + b^2 / (n2 - 1))
    (Welch 1947). Seeds that all score the same leave no room for chance.

    Example:
        >>> round(margin(Sample((0.0, 2.0)), Sample((0.0, 2.0))), 2)
        6.09
        >>> margin(Sample((1.0,)), Sample((1.0,))) is None
        True
    """
    from scipy.stats import t  # noqa: PLC0415 - slow to import

    if one.deviation is None or other.deviation is None:
        return None
    sizes = len(one.values), len(other.values)
    a, b = one.deviation**2 / sizes[0], other.deviation**2 / sizes[1]
    if a + b == 0:
        return 0.0
    freedom = 1 / ((a / (a + b)) ** 2 / (sizes[0] - 1) + (b / (a + b)) ** 2 / (sizes[1] - 1))
    return float(t.ppf(0.975, freedom)) * math.sqrt(a + b)


@dataclass(frozen=True)
class Contrast:
    """One figure in two ways of training.

    Attributes:
        main: name of the figure, of which more is better.
        reference: the figure in the way of training that the other is compared with.
        found: the figure in that other way.
    """

    main: str
    reference: Sample
    found: Sample

    @property
    def difference(self) -> float:
        """The mean of ``found`` minus the mean of ``reference``."""
        return self.found.mean - self.reference.mean

    @property
    def margin(self) -> float | None:
        """Half the width of the difference's 95% confidence interval; None where there is one seed."""
        return margin(self.reference, self.found)

    @property
    def beyond(self) -> bool | None:
        """Whether the difference is beyond the seeds' spread; None where there is one seed."""
        return None if self.margin is None else abs(self.difference) > self.margin

    @property
    def gain(self) -> float | None:
        """The difference relative to the reference, better being positive; None where that scored 0."""
        return relative_gain(self.found.mean, self.reference.mean)
