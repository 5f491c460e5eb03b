"""Exported models: torch's answers on any text, no deeper than asked, without torch; damage is told."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.graphs import folder as folders
from hiernlp.graphs.analyzer import OnnxAnalyzer
from hiernlp.graphs.checking import check, disagreement
from hiernlp.graphs.folder import save_graphs
from hiernlp.graphs.manifest import MANIFEST, WEIGHTS, is_exported, read_manifest, read_recipe
from hiernlp.graphs.running import GraphModel
from hiernlp.hub import Bundle
from hiernlp.inference.analyzer import Analyzer, task_infos
from hiernlp.inference.document import PROBABILITY
from tests.graphs.conftest import SINGLE, Exported

SENTENCES = [
    ["the", "cat", "sees", "a", "big", "dog", "."],
    ["?"],
    ["zebras", "unbelievably" * 9, "sees", "\u200b", "\ud800", "The", "NASA"],
    # Several windows, and more than one block of candidate spans; in no order that recurs, or windows could be equal,
    # and so could what is said of words in them, of which rounding would choose one.
    random.Random(1).choices(["Mary", "sees", "zebras", "the", "cat"], k=150),
]
READABLE = [[word for word in sentence if word != "\ud800"] for sentence in SENTENCES]
WORD = st.sampled_from(["the", "cat", "sees", "Mary", "zebras", "x" * 90, "\u200b", "\ud800", "."])


@pytest.fixture(scope="module")
def analyzer(exported: Exported) -> Analyzer:
    return Analyzer(exported.bundle, device="cpu")


@pytest.fixture(scope="module")
def onnx(exported: Exported) -> OnnxAnalyzer:
    return OnnxAnalyzer(exported.folder, threads=1)


def numbers(value: Any) -> Iterator[float]:
    """Yield all numbers of an annotation."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)


def assert_alike(ours: Any, theirs: Any, *, probabilities: bool = True) -> None:
    """Assert that two documents have the same annotations, but for rounding."""
    assert [list(s.words) for s in ours] == [list(s.words) for s in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert list(a.annotations) == list(b.annotations)
        assert any(column.endswith(PROBABILITY) for column in b.annotations) == probabilities
        for column, value in a.annotations.items():
            assert a.level(column) == b.level(column)
            if column.endswith(PROBABILITY) or isinstance(value, float):
                assert list(numbers(b.annotations[column])) == pytest.approx(list(numbers(value)), abs=1e-4)
            else:
                assert b.annotations[column] == value


def test_all_kinds_answer_as_with_torch(analyzer: Analyzer, onnx: OnnxAnalyzer) -> None:
    assert onnx.tasks == analyzer.tasks
    assert_alike(analyzer(SENTENCES, probabilities=True), onnx(SENTENCES, probabilities=True))
    assert_alike(analyzer(SENTENCES), onnx(SENTENCES), probabilities=False)
    found = onnx(SENTENCES)
    assert any(s.spans("chunks") for s in found)
    assert any(s.spans("entities") for s in found)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(WORD, min_size=1, max_size=30), min_size=1, max_size=4), st.integers(8, 400))
def test_any_number_of_sentences_and_words(
    analyzer: Analyzer, onnx: OnnxAnalyzer, sentences: list[list[str]], budget: int
) -> None:
    how: dict[str, Any] = {"probabilities": True, "batch_subwords": budget}
    assert_alike(analyzer(sentences, **how), onnx(sentences, **how))


def test_raw_text_documents_and_streams(analyzer: Analyzer, onnx: OnnxAnalyzer) -> None:
    text = "the big cat sees mary. does john meet a dog?\n\nThe nurse liked  a bird ."
    document = onnx(text)
    assert_alike(analyzer(text), document, probabilities=False)
    assert [s.start for s in document] == [s.start for s in analyzer(text)]
    assert len(onnx("")) == len(onnx("  \n")) == 0
    together = onnx.documents([text, ["a", "cat"], ""])
    assert [len(d) for d in together] == [3, 1, 0]
    assert [len(d) for d in onnx.stream([text, ["a", "cat"], ""])] == [3, 1, 0]
    assert document.to_conllu()


def test_only_the_graph_of_the_depth_is_loaded(exported: Exported, analyzer: Analyzer) -> None:
    onnx = OnnxAnalyzer(exported.folder, threads=1)
    assert not onnx.graphs._sessions.by_file
    for tasks in (["upos"], ["lemmas", "upos"], ["dependencies"]):
        assert onnx.depth(tasks) == analyzer.depth(tasks)
        assert_alike(analyzer(SENTENCES[:2], tasks=tasks), onnx(SENTENCES[:2], tasks=tasks), probabilities=False)
        assert f"depth-{onnx.depth(tasks)}.onnx" in onnx.graphs._sessions.by_file
    assert not any("depth-4" in file for file in onnx.graphs._sessions.by_file)
    shallow, deep = ((exported.folder / f"depth-{depth}.onnx").stat().st_size for depth in (1, 4))
    assert shallow < deep / 2


def test_unknown_and_empty_requests(onnx: OnnxAnalyzer) -> None:
    with pytest.raises(HierNLPError, match="there is no task 'upso' in this model; did you mean 'upos'"):
        onnx("mary.", tasks=["upso"])
    with pytest.raises(HierNLPError, match="no task of this model reads pairs"):
        onnx.pairs([("a", "b")])
    with pytest.raises(HierNLPError, match="expected words, found none"):
        onnx([["a"], []])


def test_no_torch_is_needed(exported: Exported, onnx: OnnxAnalyzer) -> None:
    code = """
import sys
sys.modules.update(dict.fromkeys(["torch", "transformers", "datasets"]))
import json, hiernlp
analyzer = hiernlp.load_exported(sys.argv[1], threads=1)
print(json.dumps([analyzer("The cat sees mary. Why?").to_dict(), len(list(analyzer.stream(["mary."])))]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(exported.folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    document, streamed = json.loads(ran.stdout)
    expected = json.loads(json.dumps(onnx("The cat sees mary. Why?").to_dict()))
    assert streamed == 1
    assert [s["annotations"]["head"] for s in document["sentences"]] == [
        s["annotations"]["head"] for s in expected["sentences"]
    ]
    assert [s["words"] for s in document["sentences"]] == [["The", "cat", "sees", "mary", "."], ["Why", "?"]]


def _cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def _garbled(file: Path) -> None:
    file.write_bytes(b"\x00" * file.stat().st_size)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (WEIGHTS, _cut_off, r"weights\.bin: expected a file of [\d,]+ bytes, found one of"),
        ("depth-2.onnx", Path.unlink, r"depth-2\.onnx: expected a file of .* found none"),
        ("depth-2.onnx", _garbled, r"depth-2\.onnx: onnxruntime cannot read the graph"),
        ("tokenizer.json", _garbled, r"tokenizer\.json: damaged"),
        (MANIFEST, _cut_off, r"manifest\.json: damaged"),
        (MANIFEST, _garbled, r"manifest\.json: damaged"),
        (MANIFEST, Path.unlink, r"expected a folder that `hiernlp export` made"),
        (MANIFEST, lambda file: file.write_text('{"model_type": "hiernlp-onnx", "format": 9}'), "expected format 2"),
        (MANIFEST, lambda file: file.write_text('{"model_type": "bert"}'), "model_type is not 'hiernlp-onnx'"),
    ],
)
def test_damage_is_told_in_a_sentence(
    exported: Exported, tmp_path: Path, name: str, damage: Callable[[Path], object], message: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported.folder, copy)
    damage(copy / name)
    with pytest.raises(ModelFolderError, match=message):
        OnnxAnalyzer(copy, threads=1)(SENTENCES[:1], tasks=["lemmas"])


def test_the_manifest_tells_what_there_is(exported: Exported) -> None:
    manifest = read_manifest(exported.folder)
    assert list(manifest.tasks) == list(exported.bundle.model.tasks)
    assert {file.name for file in exported.folder.iterdir()} == {*manifest.sizes, MANIFEST}
    assert is_exported(exported.folder)
    assert not is_exported(exported.folder.parent)
    for graph in manifest.graphs:
        assert set(graph.tasks) == {t for t in SINGLE if manifest.tasks[t].depth <= graph.depth}
    assert manifest.layers == exported.bundle.model.scheme.depth
    assert {name: task.info for name, task in manifest.tasks.items()} == task_infos(exported.bundle)
    assert read_recipe(exported.folder) == exported.bundle.recipe


def test_the_check_finds_what_differs(exported: Exported) -> None:
    graphs = GraphModel(exported.folder, threads=1)
    fine = check(exported.bundle, graphs, READABLE)
    assert disagreement(fine) is None
    assert set(fine) == set(SINGLE)
    assert fine["upos"].answers == sum(map(len, READABLE))
    assert fine["type"].answers == len(READABLE)
    assert all(found.share == 1 for found in fine.values())
    weight = next(exported.bundle.model.heads["length"].parameters())
    with torch.no_grad():
        weight.add_(1.0)
    try:
        other = check(exported.bundle, graphs, READABLE)
    finally:
        with torch.no_grad():
            weight.sub_(1.0)
    assert "'length'" in (disagreement(other) or "")
    assert other["upos"] == fine["upos"]
    with pytest.raises(HierNLPError, match="no words"):
        check(exported.bundle, graphs, [])
    with pytest.raises(HierNLPError, match="there is no task 'upso'"):
        save_graphs(exported.bundle, exported.folder, sentences=READABLE, tasks=["upso"])


def test_nothing_is_written_unless_all_is_well(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(_: Bundle, folder: Path, **__: Any) -> Any:
        shutil.copytree(exported.folder, folder, dirs_exist_ok=True)
        return read_manifest(folder)

    monkeypatch.setattr(folders, "export", copied)
    target = tmp_path / "graphs"
    save_graphs(exported.bundle, target, sentences=READABLE)
    before = {file.name: file.read_bytes() for file in target.iterdir()}
    monkeypatch.setattr(folders, "disagreement", lambda _: "they differ")
    with pytest.raises(HierNLPError, match="they differ; nothing was written"):
        save_graphs(exported.bundle, target, sentences=READABLE)
    assert {file.name: file.read_bytes() for file in target.iterdir()} == before
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelFolderError, match="found a model folder"):
        save_graphs(exported.bundle, tmp_path, sentences=READABLE)


def test_words_read_at_their_first_subword_and_a_kind_that_cannot_be_exported(
    make_bundle: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle(["upos", "xpos"])
    found = save_graphs(bundle, tmp_path / "graphs", sentences=READABLE)
    assert all(task.share == 1 for task in found.values())
    head: Any = bundle.model.heads["xpos"]
    forward = head.forward

    def by_value(words: torch.Tensor, mask: torch.Tensor) -> Any:
        return forward(words * int(words.abs().max() > 0), mask)

    monkeypatch.setattr(head, "forward", by_value)
    with pytest.raises(HierNLPError, match=r"no ONNX graph of 'xpos', of the kind token_labels .*--tasks upos"):
        save_graphs(bundle, tmp_path / "others", sentences=READABLE)
