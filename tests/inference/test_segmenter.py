"""Raw text split by a model: nothing is lost, places are exact, and what it learnt is what it does."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from udtools import udeval

from hiernlp.errors import HierNLPError
from hiernlp.experiment import Run
from hiernlp.inference import segmenter
from hiernlp.inference.analyzer import Analyzer
from hiernlp.prediction import ModelPredictor
from hiernlp.recipe.files import validate_recipe
from hiernlp.segmentation import segment
from hiernlp.server.catalogue import Choice, catalogue
from hiernlp.server.settings import ServerSettings

WORDS = ("the", "cat", "sees", "a", "big", "mary", "john")


def treebank(sentences: int, *, seed: int) -> str:
    """Return sentences without full stops, each of which ends with "dog"; "cannot" is two words, "don't" too."""
    draw = random.Random(seed)
    blocks = ["# newdoc id = d"]
    for number in range(sentences):
        lines = [f"# sent_id = {number}"]
        tokens = [*(draw.choice([*WORDS, "cannot", "don't"]) for _ in range(draw.randint(2, 5))), "dog"]
        done = 0
        for token in tokens:
            words = {"cannot": ["can", "not"], "don't": ["do", "n't"]}.get(token, [token])
            if len(words) > 1:
                lines.append(f"{done + 1}-{done + 2}\t{token}" + "\t_" * 8)
            for word in words:
                done += 1
                relation = "0\troot" if done == 1 else "1\tdep"
                lines.append(f"{done}\t{word}\t_\tX\t_\t_\t{relation}\t_\t_")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks) + "\n"


@pytest.fixture(scope="module")
def trained(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of a model that splits and tags, and the treebank that it learnt from."""
    folder = tmp_path_factory.mktemp("segmenter")
    (folder / "a.conllu").write_text(treebank(150, seed=1), encoding="utf-8")
    source = str(folder / "a.conllu")
    recipe: dict[str, Any] = {
        "encoder": {"name": str(tiny_encoder)},
        "corpora": {
            "treebank": {"reader": "conllu", "train": source, "dev": source},
            "running": {
                "reader": "running_text",
                "options": {"window": 24, "margin": 4},
                "train": source,
                "dev": source,
            },
        },
        "tasks": {
            "pieces": {"kind": "token_labels", "options": {"column": "boundary"}, "place": 1},
            "upos": {"kind": "token_labels", "options": {"column": "upos"}, "place": 2},
            "dependencies": {"kind": "dependencies", "options": {"arc_size": 8, "relation_size": 4}, "place": 3},
        },
        "training": {
            "epochs": 12,
            "batch_subwords": 256,
            "tensorboard": False,
            "head_learning_rate": 1e-2,
            "encoder_learning_rate": 3e-3,
        },
    }
    list(Run(validate_recipe(recipe), folder / "model").events())
    return {"model": folder / "model", "gold": folder / "a.conllu"}


@pytest.fixture(scope="module")
def analyzer(trained: dict[str, Path]) -> Analyzer:
    return Analyzer.load(trained["model"], device="cpu")


def test_what_it_learnt_is_what_the_official_scorer_finds(analyzer: Analyzer, trained: dict[str, Path]) -> None:
    gold = trained["gold"].read_text(encoding="utf-8")
    raw = " ".join(line.split("\t")[1] for line in _tokens(gold))
    scores = {}
    for way in (None, "rules"):
        split = Analyzer.load(trained["model"], device="cpu", segmentation=way)
        written = split(raw, tasks=["dependencies"]).to_conllu()
        system = udeval.load_conllu(io.StringIO(written), "system", {})
        scores[way] = udeval.evaluate(udeval.load_conllu(io.StringIO(gold), "gold", {}), system)
    assert scores[None]["Words"].f1 > 0.98
    assert scores[None]["Sentences"].f1 > 0.95
    assert scores["rules"]["Sentences"].f1 < 0.5
    assert scores[None]["UAS"].f1 > scores["rules"]["UAS"].f1


def _tokens(conllu: str) -> list[str]:
    """Return the lines of tokens: a multiword token's in place of those of its words."""
    lines, covered = [], 0
    for line in conllu.split("\n"):
        number, _, last = line.split("\t")[0].partition("-")
        covered = int(last) if last and not line.startswith("#") else 0 if not line else covered
        if (last and not line.startswith("#")) or (number.isdigit() and int(number) > covered):
            lines.append(line)
    return lines


def test_words_of_a_token_have_their_places(analyzer: Analyzer) -> None:
    text = "so the cat can see\n\nso mary don't"
    document = analyzer(text, tasks=["upos"])
    last = document.sentences[-1]
    assert (last.words, last.word_starts, last.word_ends) == (
        ["so", "mary", "do", "n't"],
        [20, 23, 28, 30],
        [22, 27, 30, 33],
    )
    assert last.characters(2, 4) == (28, 33)
    assert [text[token.start : token.end] for token in last.multiword] == ["don't"]
    assert last.to_dict()["multiword"] == [{"first": 2, "last": 4, "start": 28, "end": 33}]
    assert "3-4\tdon't\t" in document.to_conllu()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=50)
    | st.text(st.characters(), max_size=30)
    | st.lists(
        st.sampled_from(
            ["dog", "cannot", " ", "don't", "😀", "\u200b", "\u202e", "שלום", "\ud800", "\x00", "\n\n", "\n", "."]
        )
    ).map("".join)
)
def test_any_text_comes_back_whole(analyzer: Analyzer, text: str) -> None:
    at = 0
    for sentence in analyzer.segments(text):
        assert sentence.words
        assert not text[at : sentence.start].strip()
        at = sentence.start
        for word, start, end in zip(sentence.words, sentence.starts, sentence.ends, strict=True):
            assert text[start:end] == word
            assert not text[at:start].strip()
            at = end
        assert sentence.end == at
        assert "\n\n" not in text[sentence.start : sentence.end]
    assert not text[at:].strip()
    document = analyzer(text)
    assert all(len(s["upos"]) == len(s) for s in document)
    udeval.load_conllu(io.StringIO(document.to_conllu()), "system", {})


def test_a_long_text_goes_through_in_blocks_of_windows(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    inner = ModelPredictor.predict

    def predict(predictor: ModelPredictor, sentences: Any, words: Any, **options: Any) -> Any:
        sizes.append(sum(map(len, words)))
        return inner(predictor, sentences, words, **options)

    monkeypatch.setattr(ModelPredictor, "predict", predict)
    monkeypatch.setattr(segmenter, "BLOCK", 8)
    text = "the cat sees mary dog " * 1000 + "x" * 10_000
    found = analyzer.segments(text)
    assert max(sizes) <= 8 * segmenter.WINDOW
    assert sum(sizes) <= 2.5 * 5001
    assert len(found) > 900
    # In the middle, each sentence is split as every other: which window it lies in makes no difference.
    assert len({tuple(s.words) for s in found[5:-5]}) == 1


def test_no_layer_above_the_task_is_computed(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    depths: list[int] = []
    forward = analyzer.model.forward

    def watch(batch: Any, *, tasks: Any, **options: Any) -> Any:
        depths.append(analyzer.model.depth_of(analyzer.model.needed(tasks)))
        return forward(batch, tasks=tasks, **options)

    monkeypatch.setattr(analyzer.model, "forward", watch)
    analyzer.segments("so the cat")
    assert depths == [1]


def test_the_task_is_no_analysis_of_words(analyzer: Analyzer) -> None:
    assert "boundary" not in analyzer("so the cat").columns
    assert "boundary" not in analyzer(["so", "cat"]).columns
    with pytest.raises(HierNLPError, match="'pieces' splits raw text into sentences and words"):
        analyzer("so the cat", tasks=["pieces"])


def test_a_service_does_not_offer_the_task(analyzer: Analyzer) -> None:
    assert analyzer.segmenting == "pieces"
    rest = tuple(task for task in analyzer.tasks if task != "pieces")
    assert tuple(task.name for task in catalogue(analyzer, name="model", settings=ServerSettings()).tasks) == rest
    assert Choice(analyzer)(None, pairs=False) == rest
    assert list(analyzer("so the cat", tasks=rest).columns)


def test_rules_can_be_asked_for(trained: dict[str, Path]) -> None:
    text = "It isn't. Why?"
    by_rules = Analyzer.load(trained["model"], device="cpu", segmentation="rules")
    assert by_rules.segments(text) == segment(text)


def test_a_model_without_the_task_uses_rules(recipe_data: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    list(Run(validate_recipe(recipe_data(["upos"], epochs=1)), tmp_path / "model").events())
    assert Analyzer.load(tmp_path / "model", device="cpu").segments("Hi. You.") == segment("Hi. You.")
    with pytest.raises(HierNLPError, match=r"no task of this model \(upos\) learnt to split text"):
        Analyzer.load(tmp_path / "model", device="cpu", segmentation="learned")
    with pytest.raises(HierNLPError, match="expected rules or learned, found 'rule'; did you mean 'rules'"):
        Analyzer.load(tmp_path / "model", device="cpu", segmentation="rule")  # pyright: ignore[reportArgumentType]


def test_a_model_of_that_task_alone_gives_words(tiny_encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text(treebank(20, seed=2), encoding="utf-8")
    recipe = {
        "encoder": {"name": str(tiny_encoder)},
        "corpora": {"running": {"reader": "running_text", "train": str(tmp_path / "a.conllu")}},
        "tasks": {"cut": {"kind": "token_labels", "options": {"column": "boundary"}, "place": 1}},
        "training": {"epochs": 1, "tensorboard": False},
    }
    list(Run(validate_recipe(recipe), tmp_path / "model").events())
    analyzer = Analyzer.load(tmp_path / "model", device="cpu")
    document = analyzer("so the cat")
    assert "".join(word for sentence in document for word in sentence) == "sothecat"  # it has hardly learnt anything
    assert document.columns == []
    assert [found.to_dict() for found in analyzer.stream(["so the cat"])] == [document.to_dict()]
