"""Groups of tasks: the exact search against trying everything."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.insight.grouping import MOST_TASKS, best_grouping

Table = dict[str, dict[str, float]]


def of_group(z: Table, group: tuple[str, ...], task: str) -> float:
    others = [i for i in group if i != task]
    return sum(z[i][task] for i in others) / len(others) if others else 0.0


def worth(z: Table, groups: tuple[tuple[str, ...], ...]) -> float:
    return sum(max(of_group(z, group, task) for group in groups if task in group) for task in z)


def best_by_trying(z: Table, *, groups: int) -> float:
    sets = [chosen for size in range(1, len(z) + 1) for chosen in combinations(z, size)]
    covering = (
        chosen
        for number in range(1, groups + 1)
        for chosen in combinations(sets, number)
        if {task for group in chosen for task in group} == set(z)
    )
    return max(worth(z, chosen) for chosen in covering)


@st.composite
def tables(draw: st.DrawFn, *, most: int = 4, values: st.SearchStrategy[float] | None = None) -> Table:
    names = "abcde"[: draw(st.integers(1, most))]
    values = st.floats(-1, 1, allow_subnormal=False) if values is None else values
    return {i: {j: draw(values) for j in names} for i in names}


@given(tables(), st.integers(1, 3))
def test_nothing_is_better(z: Table, groups: int) -> None:
    found = best_grouping(z, groups=groups)
    assert len(found.groups) <= groups
    assert {task for group in found.groups for task in group} == set(z)
    assert found.score == pytest.approx(worth(z, found.groups), abs=1e-9)
    assert found.score == pytest.approx(best_by_trying(z, groups=groups), abs=1e-9)
    assert all(
        of_group(z, found.groups[found.best[task]], task)
        == pytest.approx(max(of_group(z, group, task) for group in found.groups if task in group), abs=1e-9)
        for task in z
    )


@given(tables(most=5, values=st.sampled_from([-1.0, 0.0, 1.0])), st.integers(1, 4))
def test_ties_are_settled_the_same_way_and_with_fewest_groups(z: Table, groups: int) -> None:
    found = best_grouping(z, groups=groups)
    assert found == best_grouping({i: dict(row) for i, row in z.items()}, groups=groups)
    if groups > 1:
        fewer = best_grouping(z, groups=groups - 1)
        assert (len(found.groups) < groups) == (fewer.score == pytest.approx(found.score))


@given(tables(), st.integers(1, 3), st.floats(0.1, 10))
def test_more_groups_are_no_worse_and_units_do_not_matter(z: Table, groups: int, unit: float) -> None:
    found = best_grouping(z, groups=groups)
    assert best_grouping(z, groups=groups + 1).score >= found.score - 1e-9
    scaled = {i: {j: unit * value for j, value in row.items()} for i, row in z.items()}
    assert best_grouping(scaled, groups=groups).score == pytest.approx(unit * found.score, abs=1e-9)


def test_groups_overlap_where_a_task_helps_and_is_served_elsewhere() -> None:
    # b helps a and c, which hurt each other; a alone helps b.
    z = {"a": {"b": 1.0, "c": -5.0}, "b": {"a": 1.0, "c": 1.0}, "c": {"a": -5.0, "b": -5.0}}
    z = {i: row | {i: 9.0} for i, row in z.items()}
    found = best_grouping(z, groups=2)
    assert (found.groups, found.best, found.score) == ((("a", "b"), ("b", "c")), {"a": 0, "b": 0, "c": 1}, 3.0)


def test_tasks_that_hurt_each_other_stay_alone() -> None:
    z = {i: dict.fromkeys("abc", -1.0) for i in "abc"}
    assert best_grouping(z, groups=3).groups == (("a",), ("b",), ("c",))
    assert best_grouping(z, groups=1).groups == (("a", "b", "c"),)


def test_the_most_tasks() -> None:
    names = [f"t{n}" for n in range(MOST_TASKS)]
    z = {i: {j: float((3 * n + 5 * m) % 7 - 3) for m, j in enumerate(names)} for n, i in enumerate(names)}
    found = best_grouping(z, groups=3)
    assert found.score == pytest.approx(worth(z, found.groups))
    with pytest.raises(ValueError, match="found 11 and 2"):
        best_grouping({str(n): {} for n in range(11)}, groups=2)
    with pytest.raises(ValueError, match="found 10 and 0"):
        best_grouping(z, groups=0)
