"""What joining tasks cost or gained: the runs of a comparison, its figures, and how they are shown."""

from __future__ import annotations
