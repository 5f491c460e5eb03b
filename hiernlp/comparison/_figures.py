"""Figures of a comparison as people read them."""

from __future__ import annotations

from hiernlp.comparison.statistics import Sample
from hiernlp.training.tables import MISSING, NOT_SHARES, number


def with_spread(main: str, sample: Sample) -> str:
    """Return a mean with its spread.

    Example:
        >>> with_spread("accuracy", Sample((0.5, 0.7))), with_spread("accuracy", Sample((0.5,)))
        ('60.00 ± 14.14', '50.00')
    """
    return number(main, sample.mean) + plus_minus(main, sample.deviation)


def plus_minus(main: str, spread: float | None) -> str:
    """Return the end of a figure that says how far it may be off; nothing where that is not known."""
    if spread is None:
        return ""
    return f" ± {spread:.4f}" if main in NOT_SHARES else f" ± {100 * spread:.2f}"


def signed(main: str, difference: float) -> str:
    """Return a difference with its sign, of shares in points.

    Example:
        >>> signed("accuracy", 0.012), signed("accuracy", -0.00001), signed("mse", -0.25)
        ('+1.20', '0.00', '-0.2500')
    """
    shown = f"{difference:+.4f}" if main in NOT_SHARES else f"{100 * difference:+.2f}"
    return shown if float(shown) else shown[1:]


def signed_percent(gain: float | None) -> str:
    """Return a relative gain in per cent.

    Example:
        >>> signed_percent(0.012), signed_percent(None)
        ('+1.20%', '–')
    """
    return MISSING if gain is None else f"{signed('', gain)}%"
