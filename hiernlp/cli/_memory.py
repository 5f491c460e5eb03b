"""What a process that trains on a processor asks of the C library's memory allocator."""

from __future__ import annotations

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of glibc's ``malloc.h``."""


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, until it ends; tell whether that was done.

    By default glibc gives every large block back to the system when it is freed, and takes it from there anew: the
    gradient of a table of embeddings, tens of MiB in every step, whose pages are then all made and zeroed once more.
    Nothing is done with another C library, nor where the allocator is set by the environment (``MALLOC_...``,
    ``GLIBC_TUNABLES``).
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if chosen or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
