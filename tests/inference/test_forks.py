"""Forked processes analyse, too, though their parent has computed on several threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import sys
import datasets
import torch
import hiernlp

torch.set_num_threads(2)
analyzer = hiernlp.load(sys.argv[1], device="cpu")
torch.ones(512, 512) @ torch.ones(512, 512)  # on both threads
texts = ["the cat sees mary. does john meet a dog?", "a dog?", "mary sees the cat."] * 4
expected = [document.to_json() for document in analyzer.documents(texts)]


def analysed(rows):
    return {"found": [d.to_json() for d in analyzer.documents(rows["text"])], "threads": [torch.get_num_threads()] * 4}


dataset = datasets.Dataset.from_dict({"text": texts}).map(analysed, batched=True, batch_size=4, num_proc=3)
assert dataset["found"][:] == expected
assert set(dataset["threads"]) == {1} and torch.get_num_threads() == 2
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks")
def test_map_in_several_processes(make_run: Callable[..., Any], tmp_path: Path) -> None:
    list(make_run(["upos"], output="model", epochs=1).events())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "model")],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
