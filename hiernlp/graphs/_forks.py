"""Forked processes that run graphs, too: the workers of ``datasets.map(num_proc=...)`` or of a pool."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class Sessions:
    """The sessions of one folder's graphs by file, and the lock to make them under.

    A fork has none of the threads of its parent's sessions, and would wait for them for ever: there all begin anew.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_file: dict[str, InferenceSession] = {}
        _stay_usable_after_forks()
        _all.add(self)

    def begin_anew(self) -> None:
        """Forget the sessions, and the lock, which a thread of the parent may have held."""
        for session in self.by_file.values():
            # The end of a session would wait for its threads, too: in a fork it is never to end.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))
        self.lock, self.by_file = threading.Lock(), {}


_all: weakref.WeakSet[Sessions] = weakref.WeakSet()
_parent = os.getpid()


def is_fork() -> bool:
    """Tell whether this process was forked from the one that imported the library."""
    return os.getpid() != _parent


def _begin_anew() -> None:
    for sessions in _all:
        sessions.begin_anew()


@functools.cache
def _stay_usable_after_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_anew)
