"""Batches side by side on a processor's cores.

One batch on all cores leaves them waiting for one another, between the parts of every product and while what is not
torch's runs on one of them; a batch for each core does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

MOST = 16
"""Most batches at once: what Python does around them goes one by one."""

Given = TypeVar("Given")
Found = TypeVar("Found")


def side_by_side(run: Callable[[Given], Found], given: Sequence[Given]) -> Iterator[Found]:
    """Yield what a function returns for each of some batches, in their order; several are run at a time.

    The caller's threads (``torch.get_num_threads``) are shared out among the batches that run at a time. Where there
    are too few batches to keep all busy, they are run one after the other, each on all threads.

    Args:
        run: safe to call from several threads at once.
        given: the batches; those that take longest first, so that no thread is left alone with a long one.
    """
    threads = torch.get_num_threads()
    workers = min(threads, MOST)
    if workers < 2 or len(given) < 2 * workers:  # noqa: PLR2004 - one is nothing to share
        yield from map(run, given)
        return
    ready = threading.Barrier(workers + 1)

    def begin() -> None:
        # A thread takes the number of all threads over when it is first asked, and what was set before is lost.
        torch.get_num_threads()
        torch.set_num_threads(threads // workers)
        ready.wait()

    with ThreadPoolExecutor(workers, thread_name_prefix="hiernlp", initializer=begin) as pool:
        try:
            found = pool.map(run, given)
            ready.wait()
            # Setting it in a thread also sets it for all that begin later.
            torch.set_num_threads(threads)
            yield from found
        except BaseException:
            ready.abort()  # a thread that could not be had leaves the others waiting
            pool.shutdown(wait=False, cancel_futures=True)
            raise
