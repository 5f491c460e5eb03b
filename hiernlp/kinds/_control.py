"""Labels that say nothing about language: one for each word type, drawn at random.

Source: Hewitt and Liang 2019, "Designing and Interpreting Probes with Control Tasks" (arXiv 1909.03368), section 2.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate


class PerType:
    """A label for each word type, the same wherever the type stands, drawn as often as labels are in training data.

    A type is a form whatever its letter case, so that an uncased encoder can tell types apart, too. Types that training
    data lack have a label like any other, which nobody can know: the most that a probe can score is the share of words
    whose type it has seen.

    Args:
        labels: the labels of training data, each as often as it is there; at least one.
        seed: seed of the draws.

    Example:
        >>> of = PerType(["NOUN", "NOUN", "VERB"], seed=1)
        >>> of("House") == of("house")
        True
    """

    def __init__(self, labels: Iterable[str], *, seed: int) -> None:
        counts = sorted(Counter(labels).items())
        self._labels = [label for label, _ in counts]
        self._bounds = list(accumulate(count for _, count in counts))
        self._seed = seed

    def __call__(self, form: str) -> str:
        """Return the label of a form's type."""
        key = f"{self._seed}\0{form.casefold()}".encode(errors="surrogatepass")
        drawn = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) % self._bounds[-1]
        return self._labels[bisect_right(self._bounds, drawn)]
