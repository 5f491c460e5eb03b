"""Exported tasks on pairs of sentences: torch's answers in every way of reading, fed or not, on any pairs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.graphs.analyzer import OnnxAnalyzer
from hiernlp.graphs.checking import check, disagreement
from hiernlp.graphs.exporter import export
from hiernlp.graphs.manifest import read_manifest
from hiernlp.graphs.running import GraphModel
from hiernlp.inference.analyzer import Analyzer
from hiernlp.recipe.files import validate_recipe
from tests.graphs.conftest import Exported, shaken
from tests.graphs.test_graphs import assert_alike

TASKS: dict[str, dict[str, Any]] = {
    "other": {
        "kind": "sentence_labels",
        "options": {"column": "again"},
        "pair": {"encode": "apart", "pool": "attention", "features": ["difference", "first", "second", "cosine"]},
        "place": {"mix": [1, 3]},
    },
    "type": {  # a name that torch's exporter does not take
        "kind": "ordinal_labels",
        "options": {"column": "once_more", "order": ["no", "yes"]},
        "pair": {"encode": "together", "symmetric": True, "features": ["absolute", "cosine"], "pool": "max"},
        "place": 3,
        "shortcut": True,
    },
}
FEEDS: list[dict[str, Any]] = [
    {"from": "upos"},
    {"from": "upos", "to": ["shared", "holds"]},
    {"from": "shared", "to": ["other", "type", "holds"]},
    {"from": "other", "to": "holds"},
    {"from": "type", "to": "holds"},
]
SENTENCES = [
    ["the", "cat", "sees", "a", "big", "dog", "."],
    ["?"],
    ["zebras", "unbelievably" * 3, "\u200b", "The", "\ud800"],
    ["Mary", "sees", "zebras"] * 40,  # several windows apart; together, cut off
]
PAIRS = [(first, second) for first in SENTENCES for second in SENTENCES]
WORDS = st.lists(st.sampled_from(["the", "cat", "sees", "Mary", "zebras", "x" * 40, "."]), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def paired(recipe_data: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Return a model with all ways of reading pairs, and its graphs."""
    data, folder = recipe_data(["upos", "shared", "holds"], feeds=FEEDS), tmp_path_factory.mktemp("paired")
    data["tasks"] |= TASKS
    corpus = data["corpora"]["pairs"]
    for split in ("train", "dev"):
        header, *lines = Path(corpus[split]).read_text(encoding="utf-8").splitlines()
        lines = [f"{header}\tagain\tonce_more", *("\t".join([line, *[line.split("\t")[3]] * 2]) for line in lines)]
        corpus[split] = str(folder / f"{split}.tsv")
        Path(corpus[split]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    corpus["options"]["columns"] |= {"again": "again", "once_more": "once_more"}
    data["encoding"] = {"letter_case": True}
    bundle = shaken(Run(validate_recipe(data), folder / "model").experiment.bundle)
    (folder / "graphs").mkdir()
    export(bundle, folder / "graphs")
    return Exported(bundle, folder / "graphs")


@pytest.fixture(scope="module")
def analyzer(paired: Exported) -> Analyzer:
    return Analyzer(paired.bundle, device="cpu")


@pytest.fixture(scope="module")
def onnx(paired: Exported) -> OnnxAnalyzer:
    return OnnxAnalyzer(paired.folder, threads=1)


def test_pairs_are_judged_as_with_torch(analyzer: Analyzer, onnx: OnnxAnalyzer) -> None:
    for probabilities in (True, False):
        ours, theirs = (a.pairs(PAIRS, probabilities=probabilities) for a in (analyzer, onnx))
        assert_alike(ours, theirs, probabilities=probabilities)
        assert [s.second for s in theirs] == [second for _, second in PAIRS]
    assert_alike(analyzer(SENTENCES), onnx(SENTENCES), probabilities=False)
    assert len(onnx.pairs([])) == 0


@pytest.mark.parametrize("task", ["shared", "other", "type", "holds"])
def test_each_task_alone_goes_no_deeper(analyzer: Analyzer, paired: Exported, task: str) -> None:
    onnx = OnnxAnalyzer(paired.folder, threads=1)
    assert onnx.depth([task]) == analyzer.depth([task])
    assert_alike(analyzer.pairs(PAIRS[:6], tasks=[task]), onnx.pairs(PAIRS[:6], tasks=[task]), probabilities=False)
    deepest = max(int(file.split("-")[1].split(".")[0]) for file in onnx.graphs._sessions.by_file)
    assert deepest == onnx.depth([task])


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5), st.integers(8, 200))
def test_any_number_of_pairs(
    analyzer: Analyzer, onnx: OnnxAnalyzer, pairs: list[tuple[list[str], list[str]]], budget: int
) -> None:
    how: dict[str, Any] = {"probabilities": True, "batch_subwords": budget}
    assert_alike(analyzer.pairs(pairs, **how), onnx.pairs(pairs, **how))


def test_a_symmetric_task_does_not_tell_the_sentences_apart(onnx: OnnxAnalyzer) -> None:
    turned = [(second, first) for first, second in PAIRS]
    there, back = (onnx.pairs(pairs, tasks=["type"], probabilities=True) for pairs in (PAIRS, turned))
    for ours, theirs in zip(there, back, strict=True):
        assert ours["once_more_probability"] == pytest.approx(theirs["once_more_probability"], abs=1e-5)


def test_what_reads_pairs_and_what_does_not(onnx: OnnxAnalyzer, paired: Exported, analyzer: Analyzer) -> None:
    assert [task for task in onnx.tasks if onnx.reads_pairs(task)] == list(paired.bundle.model.pair_tasks)
    assert [onnx.about(task) for task in onnx.tasks] == [analyzer.about(task) for task in analyzer.tasks]
    with pytest.raises(HierNLPError, match="'holds' reads pairs of sentences, found single ones"):
        onnx("mary.", tasks=["holds"])
    with pytest.raises(HierNLPError, match="'upos' reads one sentence, found pairs"):
        onnx.pairs([("a", "b")], tasks=["upos"])
    by_reading = {graph.reads: set(graph.tasks) for graph in read_manifest(paired.folder).graphs}
    assert by_reading["vectors"] == by_reading["judged"] == {"shared", "other"}
    assert by_reading["joined"] == {"type", "holds"}


def test_the_check_compares_pairs(paired: Exported) -> None:
    sentences = [[word for word in sentence if word != "\ud800"] for sentence in SENTENCES]
    found = check(paired.bundle, GraphModel(paired.folder, threads=1), sentences)
    assert disagreement(found) is None
    assert set(found) == set(paired.bundle.model.tasks)
    assert found["holds"].answers == found["shared"].answers == len(sentences)
