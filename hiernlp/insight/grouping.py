"""Which tasks to train together: the best groups by their affinities, found exactly.

Source: the network selection of TAG (Fifty et al. 2021, arXiv 2109.04617, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST_TASKS = 10
"""The search takes time that grows with 3 to the power of the number of tasks."""


@dataclass(frozen=True)
class Grouping:
    """Groups of tasks to be trained together, one model each.

    Attributes:
        groups: the tasks of each group, in the order of the tasks; a task may be in several.
        best: by task, the number of the group from whose model it is taken.
        score: the sum over the tasks of what each gets in its best group.
    """

    groups: tuple[tuple[str, ...], ...]
    best: dict[str, int]
    score: float


def best_grouping(affinity: Mapping[str, Mapping[str, float]], *, groups: int) -> Grouping:
    """Return the groups that give the tasks most.

    In a group g, the task j gets the mean of Z_{i->j} over the other members i of g, and 0 if it is there alone. What
    is maximised is the sum over all tasks of what each gets in its best group, over all choices of at most ``groups``
    groups that together hold every task. Groups may overlap: a task may help in one group and be served by another.

    The search is exact. Giving every task its best group splits the tasks into disjoint blocks, one a group, and the
    group of a block is the best of the sets that contain it; so that the best split is found by dynamic programming
    over sets of tasks, in time 3^n for n tasks. Of equally good choices one with fewest groups is taken, and
    the same one every time.

    Args:
        affinity: Z_{i->j} by i, then j; what stands at Z_{i->i} is not looked at.
        groups: most groups.

    Raises:
        ValueError: there are no tasks, more than ten, or no group is allowed.

    Example:
        >>> z = {"a": {"b": 2, "c": -1}, "b": {"a": 1, "c": -1}, "c": {"a": 1, "b": -3}}
        >>> best_grouping(z, groups=2).groups
        (('a', 'b'), ('c',))
    """
    names = list(affinity)
    if not 1 <= len(names) <= MOST_TASKS or groups < 1:
        raise ValueError(f"expected 1 to {MOST_TASKS} tasks and 1 group or more, found {len(names)} and {groups}")
    worth, group_of = _blocks(_gains(affinity, names))
    blocks, score = _best_split(worth, tasks=len(names), groups=groups)
    chosen = list(dict.fromkeys(group_of[block] for block in blocks))
    chosen.sort(key=lambda group: [i for i in range(len(names)) if group >> i & 1])
    best = {name: chosen.index(group_of[block]) for block in blocks for i, name in enumerate(names) if block >> i & 1}
    return Grouping(
        groups=tuple(tuple(name for i, name in enumerate(names) if group >> i & 1) for group in chosen),
        best={name: best[name] for name in names},
        score=score,
    )


def _gains(affinity: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> np.ndarray:
    """Return what each task gets in each set of tasks, a set being the bits of its number; shape (2^n, n).

    What stands for tasks that are not in the set is never used.
    """
    size = len(names)
    z = np.array([[0.0 if i == j else affinity[i][j] for j in names] for i in names])
    members = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    others = members.sum(1, keepdims=True) - 1
    return (members @ z) / np.maximum(others, 1)


def _blocks(gains: np.ndarray) -> tuple[list[float], list[int]]:
    """Return, for every block of tasks, the most that they get in one group, and that group."""
    size = gains.shape[1]
    numbers = np.arange(2**size)
    # Smaller groups first, then in the order of the tasks: the first of equals is taken.
    order = sorted(range(2**size), key=lambda g: (g.bit_count(), [i for i in range(size) if g >> i & 1]))
    numbers, gains = numbers[order], gains[order]
    worth, group_of = [0.0], [0]
    for block in range(1, 2**size):
        rows = np.flatnonzero((numbers & block) == block)
        sums = gains[rows][:, [i for i in range(size) if block >> i & 1]].sum(1)
        first = _first_best(sums)
        worth.append(float(sums[first]))
        group_of.append(int(numbers[rows[first]]))
    return worth, group_of


def _best_split(worth: Sequence[float], *, tasks: int, groups: int) -> tuple[list[int], float]:
    """Return the disjoint blocks, at most ``groups``, that hold all tasks and are worth most, and what they are."""
    everything = 2**tasks - 1
    tables = [[0.0] + [-np.inf] * everything]
    choices: list[list[int]] = [[0] * (everything + 1)]
    for _ in range(min(groups, tasks)):
        before, table, choice = tables[-1], [0.0] * (everything + 1), [0] * (everything + 1)
        for tasks_left in range(1, everything + 1):
            lowest = tasks_left & -tasks_left
            rest = tasks_left ^ lowest
            found, block = -np.inf, 0
            part = rest
            while True:  # all subsets of the rest, the lowest task being in the block
                value = worth[part | lowest] + before[tasks_left ^ part ^ lowest]
                if value > found + TOLERANCE * abs(found if np.isfinite(found) else 0.0):
                    found, block = value, part | lowest
                if not part:
                    break
                part = (part - 1) & rest
            table[tasks_left], choice[tasks_left] = found, block
        tables.append(table)
        choices.append(choice)
    totals = np.array([table[everything] for table in tables])
    used = _first_best(totals)
    score = float(totals[used])
    blocks, tasks_left = [], everything
    for choice in reversed(choices[1 : used + 1]):
        if tasks_left:
            blocks.append(choice[tasks_left])
            tasks_left ^= blocks[-1]
    return blocks, score


TOLERANCE = 1e-12
"""Sums that differ by less than this share of them differ by rounding alone."""


def _first_best(values: np.ndarray) -> int:
    """Return the place of the first of the largest values, up to rounding."""
    most = float(values.max())
    return int(np.flatnonzero(values >= most - TOLERANCE * abs(most))[0])
