"""Batches side by side: the same results in the same order, on the caller's threads shared out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from hiernlp.threads import side_by_side


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_order_and_threads() -> None:
    meeting = threading.Barrier(4)

    def run(number: int) -> tuple[int, int, str]:
        meeting.wait(timeout=60)  # passed only if four are run at a time
        return number, torch.get_num_threads(), threading.current_thread().name

    found = list(side_by_side(run, range(8)))
    assert [number for number, _, _ in found] == list(range(8))
    assert {threads for _, threads, _ in found} == {1}
    assert len({name for _, _, name in found}) == 4
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_a_thread_that_begins_later_has_all_threads() -> None:
    def threads_of_another() -> int:
        seen: list[int] = []
        other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        other.start()
        other.join()
        return seen[0]

    met = threading.Barrier(4)

    def run(_: int) -> int:
        met.wait(timeout=60)
        return torch.get_num_threads()

    running = side_by_side(run, range(8))
    assert next(running) == 1
    assert threads_of_another() == 4
    list(running)
    assert threads_of_another() == 4


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("batches", [0, 1, 7])
def test_too_few_batches_run_one_after_the_other_on_all_threads(batches: int) -> None:
    here = threading.current_thread()
    found = list(side_by_side(lambda _: (threading.current_thread(), torch.get_num_threads()), range(batches)))
    assert found == [(here, 4)] * batches


def test_one_thread_is_not_shared() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        here = threading.current_thread()
        assert set(side_by_side(lambda _: threading.current_thread(), range(9))) == {here}
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_an_error_reaches_the_caller_and_ends_the_rest() -> None:
    done: list[int] = []

    def run(number: int) -> int:
        if number == 1:
            raise MemoryError("no memory for batch 1")
        time.sleep(0.001)  # long enough for the caller to hear of it before all are done
        done.append(number)
        return number

    with pytest.raises(MemoryError, match="batch 1"):
        list(side_by_side(run, range(10_000)))
    assert len(done) < 9_999
    assert torch.get_num_threads() == 4
    assert not any(thread.name.startswith("hiernlp") and thread.is_alive() for thread in _after_a_moment())


def _after_a_moment() -> list[threading.Thread]:
    for thread in threading.enumerate():
        if thread.name.startswith("hiernlp"):
            thread.join(timeout=60)
    return threading.enumerate()


@pytest.mark.usefixtures("four_threads")
def test_whoever_wants_no_more_leaves_no_threads() -> None:
    running = side_by_side(lambda number: number, range(10_000))
    assert next(running) == 0
    running.close()  # pyright: ignore[reportAttributeAccessIssue] - a generator
    assert not any(thread.name.startswith("hiernlp") for thread in _after_a_moment())
