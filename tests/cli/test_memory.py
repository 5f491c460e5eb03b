"""The memory that a training process keeps: its pages are not made anew, unless something else is asked for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from hiernlp.cli._memory import freed_memory_kept

FAULTS = """
import resource, torch
from hiernlp.cli._memory import freed_memory_kept
torch.set_num_threads(1)

def faults(rounds=20, size=12_000_000):  # 46 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.zeros(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
with freed_memory_kept() as done:
    faults()  # until there are holes enough
    kept = faults()
# Larger ones, as those of this size may have a hole that is left between others.
print(int(done), given_back, kept, faults(rounds=5, size=4 * 12_000_000))
"""


def found(**environment: str) -> list[int]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=given | environment, capture_output=True, text=True, check=True
    )
    return [int(number) for number in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_pages_of_freed_tensors_are_used_again() -> None:
    done, given_back, kept, afterwards = found()
    assert done
    assert kept < given_back / 2
    assert afterwards > given_back / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_the_environment_says_of_the_allocator_holds() -> None:
    done, given_back, within, _ = found(MALLOC_ARENA_MAX="2")
    assert not done
    assert within > given_back / 2


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with freed_memory_kept() as done:
        assert not done
