"""Forked processes run graphs, too, though their parent has run them on several threads; so do copies elsewhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from hiernlp.graphs.analyzer import OnnxAnalyzer
from tests.graphs.conftest import Exported

PROGRAM = """
import multiprocessing, sys
import hiernlp

analyzer = hiernlp.load_exported(sys.argv[1], threads=2)
texts = ["the cat sees mary. does john meet a dog?", "a dog?", "mary sees the cat."] * 4
expected = [document.to_json() for document in analyzer.documents(texts)]  # by sessions that have threads


def analysed(rows):
    return {"found": [document.to_json() for document in analyzer.documents(rows["text"])]}


context = multiprocessing.get_context("fork")
with context.Pool(2) as pool:
    found = pool.map_async(analysed, [{"text": texts[i : i + 4]} for i in range(0, 12, 4)]).get(60)
assert [text for part in found for text in part["found"]] == expected
child = context.Process(target=lambda: sys.exit(analysed({"text": texts})["found"] != expected))  # ends as usual
child.start()
child.join(60)
assert child.exitcode == 0, child.exitcode
import datasets

dataset = datasets.Dataset.from_dict({"text": texts}).map(analysed, batched=True, batch_size=4, num_proc=2)
assert dataset["found"][:] == expected
assert [document.to_json() for document in analyzer.documents(texts)] == expected
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks")
def test_pools_and_map_in_several_processes(exported: Exported) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(exported.folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def test_a_copy_reads_the_folder_itself(exported: Exported) -> None:
    onnx = OnnxAnalyzer(exported.folder, threads=1)
    expected = onnx(["the", "cat"]).to_json()
    copy = pickle.loads(pickle.dumps(onnx))
    assert not copy.graphs._sessions.by_file
    assert copy.predictor is copy.graphs
    assert copy(["the", "cat"]).to_json() == expected
