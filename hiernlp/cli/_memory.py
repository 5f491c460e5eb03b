"""What a process that trains on a processor asks of the C library's memory allocator."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of glibc's ``malloc.h``."""
DEFAULTS = {M_MMAP_MAX: 65536, M_TRIM_THRESHOLD: 128 * 1024}


@contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """Let this process keep the memory that it frees in the block; yield whether that is done.

    By default glibc gives every large block back to the system when it is freed, and takes it from there anew: the
    gradient of a table of embeddings, tens of MiB in every step, whose pages are then all made and zeroed once more.
    It is for what allocates the same again and again, as training steps do: where lasting arrays are made among passing
    ones, holes are left between them that nothing later fits into. Nothing is done with another C library, nor where
    the allocator is set by the environment (``MALLOC_...``, ``GLIBC_TUNABLES``).
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if chosen or platform.libc_ver()[0] != "glibc":
        yield False
        return
    library = ctypes.CDLL(None)
    done = library.mallopt(M_MMAP_MAX, 0) and library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield bool(done)
    finally:
        for option, value in DEFAULTS.items():
            library.mallopt(option, value)
        library.malloc_trim(0)
