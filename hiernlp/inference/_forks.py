"""Forked processes that analyse, too: the workers of ``datasets.map(num_proc=...)`` or of a pool."""

from __future__ import annotations

import functools
import os

import torch


@functools.cache
def stay_usable_after_forks() -> None:
    """Let processes that are forked from this one compute on one thread each.

    A fork has none of the threads on which its parent has computed, and would wait for them for ever. It is one of
    several processes at work, too, so that one thread is its share.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))
