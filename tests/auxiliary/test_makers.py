"""Label makers: by hand on sentences, the same each time, from training data alone; one sentence for each mistake."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.auxiliary import _words, add_hint
from hiernlp.auxiliary.discourse import Discourse, DiscourseOptions
from hiernlp.auxiliary.following import Following, FollowingOptions
from hiernlp.auxiliary.frequency import Frequency, FrequencyOptions
from hiernlp.auxiliary.marked import Marked, MarkedOptions
from hiernlp.auxiliary.shape import punctuation_class, word_shape
from hiernlp.corpora import load_corpus
from hiernlp.errors import HierNLPError
from hiernlp.registry import auxiliary, kinds
from hiernlp.settings import validate

WORDS = [["A", "Good", "idea", "isn't", "it", "?"], ["Not", "in", "New", "York", "since", "1999", "."]]


def label(maker: str, sentence: list[str], base: Path = Path(), **options: Any) -> Any:
    made = auxiliary.load(maker)
    return made(validate(made.Options, options), base=base).label({"words": sentence})


def test_by_hand() -> None:
    found = {
        "positive": [label("lexicon", words) for words in WORDS],
        "question": [label("lexicon", words, words="question") for words in WORDS],
        "number": [label("number", words) for words in WORDS],
        "negation": [label("marked", words) for words in WORDS],
        "shape": [label("shape", words) for words in WORDS],
        "case": [label("shape", words, of="case") for words in WORDS],
        "punctuation": [label("shape", words, of="punctuation") for words in WORDS],
    }
    assert found == {
        "positive": ["yes", "no"],
        "question": ["no", "no"],
        "number": ["no", "yes"],
        "negation": [["out", "out", "out", "in", "out", "out"], ["in", "out", "out", "out", "out", "out", "out"]],
        "shape": [["X", "Xx", "x", "x'x", "x", "?"], ["Xx", "x", "Xx", "Xx", "x", "d", "."]],
        "case": [
            ["capital", "capitalised", "lower", "lower", "lower", "none"],
            ["capitalised", "lower", "capitalised", "capitalised", "lower", "none", "none"],
        ],
        "punctuation": [["word"] * 5 + ["Po"], ["word"] * 6 + ["Po"]],
    }


def test_lists_hold_whole_words_whatever_their_case_and_negation_is_not_looked_at() -> None:
    assert label("lexicon", ["GOOD"]) == "yes"
    assert label("lexicon", ["goodness", "un-good"]) == "no"
    assert label("lexicon", ["not", "good"]) == "yes"
    assert label("marked", ["NOT", "knot", "nothing"]) == ["in", "out", "in"]


def test_every_maker_names_a_kind_that_there_is() -> None:
    for name in auxiliary.names():
        maker = auxiliary.load(name)
        assert maker.kind in kinds.names()
        assert maker.__doc__


def test_bundled_lists_are_clean() -> None:
    for name, text in _words.BUNDLED.items():
        words = text.split()
        assert len(words) == len(set(words)), name
        assert all(word == word.lower() for word in words)
    assert not _words.read_words("positive", base=Path()) & _words.read_words("negative", base=Path())


def test_a_gazetteer_takes_the_longest_entry(tmp_path: Path) -> None:
    (tmp_path / "places.txt").write_text("# places\nnew york\nnew\nYork city\n", encoding="utf-8-sig")
    words = ["NEW", "York", "City", "new", "city"]
    assert label("marked", words, tmp_path, words="places.txt") == ["in", "in", "out", "in", "out"]


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=3), max_size=3), st.lists(st.sampled_from("abcd")))
def test_marks_are_those_of_a_plain_search(entries: list[list[str]], words: list[str]) -> None:
    listed = frozenset(tuple(entry) for entry in entries if entry) or frozenset({("a",)})
    maker = Marked(MarkedOptions(), base=Path())
    maker.entries, maker.longest = listed, max(map(len, listed))
    expected, at = ["out"] * len(words), 0
    while at < len(words):
        found = max((len(e) for e in listed if tuple(words[at : at + len(e)]) == e), default=0)
        expected[at : at + found] = ["in"] * found
        at += found or 1
    assert maker.label({"words": words}) == expected


def test_frequency_is_that_of_training() -> None:
    maker = Frequency(FrequencyOptions(), base=Path())
    maker.fit([{"words": ["The", "cat"]}] + [{"words": ["the"]}] * 20)
    assert maker.label({"words": ["THE", "cat", "unseen"]}) == [str(int(math.log(21))), "0", "0"]


@given(st.text(max_size=30))
def test_shapes_of_any_text(word: str) -> None:
    shape = word_shape(word)
    assert word_shape(word) == shape
    assert not any(a == b for a, b in pairwise(shape))
    assert punctuation_class(word) == "word" or not any(c.isalnum() for c in word)


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Any]:
    lines = [
        "# newdoc id = a\n# s_type = decl\n1\tUs\t_\t_\t_\t_\t0\troot\t_\tEntity=(1-person)\n",
        "# s_type = q\n1\tWhen\t_\t_\t_\t_\t0\troot\t_\t_\n2\t3\t_\t_\t_\t_\t1\tdep\t_\t_\n",
        "# newdoc id = b\n1\tNever\t_\t_\t_\t_\t0\troot\t_\t_\n",
        "# s_type = imp\n1\tGo\t_\t_\t_\t_\t0\troot\t_\t_\n",
    ]
    (tmp_path / "train.conllu").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "dev.conllu").write_text(lines[1] + "\n", encoding="utf-8")
    return load_corpus(
        reader="conllu", options={}, sources={s: [f"{s}.conllu"] for s in ("train", "dev")}, base=tmp_path
    )


def hint(corpus: dict[str, Any], maker: str, base: Path = Path(), **options: Any) -> dict[str, list[Any]]:
    found = add_hint({"c": corpus}, task="made", maker=maker, options=options, base=base)["c"]
    return {split: rows["made"][:] for split, rows in found.items() if "made" in rows.column_names}


def test_columns_of_a_corpus(corpus: dict[str, Any]) -> None:
    assert hint(corpus, "number") == {"train": ["no", "yes", "no", "no"], "dev": ["yes"]}
    # What follows: not beyond the document, and nothing where the annotation is missing.
    assert hint(corpus, "following") == {"train": ["q", None, "imp", None], "dev": [None]}
    # A document and a file without names annotated have no answer.
    assert hint(corpus, "name") == {"train": ["yes", "no", None, None]}
    assert (
        hint(corpus, "suffix", length=1, min_count=2)["train"]
        == [["(rare)"]] + [["(rare)", "(rare)"]] + [["(rare)"]] * 2
    )
    assert hint(corpus, "corpus")["train"] == ["c"] * 4


OF_WORDS = {
    "frequency": {},
    "lexicon": {"words": "question"},
    "marked": {},
    "number": {},
    "replaced": {},
    "shape": {},
    "suffix": {"length": 1, "min_count": 1},
    "word": {},
}


@pytest.mark.parametrize("maker", OF_WORDS)
def test_labels_of_words_do_not_depend_on_any_annotation(corpus: dict[str, Any], maker: str) -> None:
    others = {"sentence_type": ["x", None, "y", None], "entities": [None] * 4, "document": [None] * 4}
    changed = {
        split: rows.map(lambda _, i: {name: cells[i] for name, cells in others.items()}, with_indices=True)
        for split, rows in corpus.items()
    }
    found = hint(corpus, maker, **OF_WORDS[maker])
    assert found == hint(changed, maker, **OF_WORDS[maker])
    assert any(value is not None for value in found["train"])


def test_what_is_learnt_of_words_is_learnt_from_training_data_alone(corpus: dict[str, Any]) -> None:
    """The development data's words, however frequent there, are as rare as the training data say."""
    rows = corpus["dev"]
    many = rows.add_column("copy", [0]).remove_columns("copy").select([0] * 50)
    changed = {"train": corpus["train"], "dev": many.map(lambda _: {"words": ["zebra", "never"]})}
    assert hint(changed, "frequency")["dev"] == [["0", "0"]] * 50
    assert hint(changed, "frequency")["train"] == hint(corpus, "frequency")["train"]
    rare = hint(changed, "suffix", length=1, min_count=2)["dev"]
    assert rare == [["(rare)", "(rare)"]] * 50


@given(st.lists(st.sampled_from("ab"), max_size=7), st.integers(1, 9))
def test_what_follows_is_that_of_a_plain_search(documents: list[str], distance: int) -> None:
    rows = [{"document": name, "file": "f", "kind": i} for i, name in enumerate(documents)]
    maker = Following(FollowingOptions(column="kind", distance=distance), base=Path())
    later = [*documents[distance:], *[None] * len(documents)]
    expected = [
        str(i + distance) if name == then else None
        for i, (name, then) in enumerate(zip(documents, later, strict=False))
    ]
    assert list(maker.labels(rows)) == expected


def test_labels_and_their_fingerprints_are_the_same_each_time(corpus: dict[str, Any]) -> None:
    def made(**options: Any) -> Any:
        return add_hint({"c": corpus}, task="made", maker="lexicon", options=options, base=Path())["c"]["train"]

    assert made()._fingerprint == made()._fingerprint
    assert made()._fingerprint != made(words="negative")._fingerprint


PREDICATES = """
def short(words):
    return len(words) < 2

def lengths(words):
    return ["long" if len(word) > 3 else None for word in words]

def number(words):
    return len(words)

def fails(words):
    return 1 / (len(words) - 1)
"""


@pytest.fixture
def predicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_predicates.py").write_text(PREDICATES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_predicates", raising=False)
    return "my_predicates"


def test_a_function_of_the_users(corpus: dict[str, Any], predicates: str) -> None:
    assert hint(corpus, "predicate", function=f"{predicates}:short")["train"] == ["yes", "no", "yes", "yes"]
    of_words = hint(corpus, "predicate", function=f"{predicates}:lengths", per="word")["train"]
    assert of_words == [[None], ["long", None], ["long"], [None]]


def test_mistakes_are_told_with_their_place(corpus: dict[str, Any], predicates: str, tmp_path: Path) -> None:
    (tmp_path / "twice.txt").write_text("good\nbad\nGood\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("good\ntr\u00e8s\n".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("; nothing\n", encoding="utf-8")

    def told(maker: str, **options: Any) -> str:
        with pytest.raises(HierNLPError) as error:
            hint(corpus, maker, base=tmp_path, **options)
        return str(error.value)

    assert "twice.txt, line 3: 'good' stands in line 1 already" in told("lexicon", words="twice.txt")
    assert "latin.txt, line 2: expected UTF-8" in told("lexicon", words="latin.txt")
    assert "expected a word a line, found none" in told("marked", words="empty.txt")
    assert "found 'positiv'" in told("lexicon", words="positiv")
    failed = told("predicate", function=f"{predicates}:fails")
    assert "train.conllu, line" in failed
    assert "ZeroDivisionError" in failed
    assert "found 1" in told("predicate", function=f"{predicates}:number")
    assert "expected a list of 1 answers" in told("predicate", function=f"{predicates}:short", per="word")
    assert "there is no function" in told("predicate", function=f"{predicates}:nothing")
    assert "expected module:function" in told("predicate", function="nothing")
    assert "reads 'chunks', which no corpus has" in told("name", column="chunks")
    with pytest.raises(HierNLPError, match="has an annotation 'sentence_type' already"):
        add_hint({"c": corpus}, task="sentence_type", maker="number", options={}, base=Path())


def test_a_column_as_output(corpus: dict[str, Any]) -> None:
    # Half of the documents say nothing: they cost nothing, and are no mistake.
    assert hint(corpus, "column", column="sentence_type")["train"] == ["decl", "q", None, "imp"]
    assert label_of("column", {"n": 2.5}, column="n", edges=[1.0, 2.5, 4.0]) == "2"
    assert label_of("column", {"n": -1.0}, column="n", edges=[1.0, 2.5, 4.0]) == "0"
    with pytest.raises(HierNLPError, match="expected bounds that rise"):
        label_of("column", {"n": 1.0}, column="n", edges=[2.0, 1.0])
    with pytest.raises(HierNLPError, match="f, line 3: column 'n': expected a label or a number a sentence"):
        label_of("column", {"n": ["a"], "file": "f", "line": 3}, column="n")
    with pytest.raises(HierNLPError, match="reads 'genr', which no corpus has"):
        hint(corpus, "column", column="genr")


def label_of(maker: str, row: dict[str, Any], **options: Any) -> Any:
    made = auxiliary.load(maker)
    return made(validate(made.Options, options), base=Path()).label(row)


def test_relations_to_the_next_sentence_by_hand() -> None:
    cells = [
        ["organization-heading:1->2:3:x", None, "same-unit_m:2->9:0:_"],
        ["adversative-concession:3->1:1:dm", None],  # attaches to the sentence before
        ["context-background:4->5:2:_;joint:4->1:0:_"],
        ["restatement-partial:5->9:0:_"],  # the head of the one before
        ["ROOT:6"],
        None,
        ["joint-list_m:7->6:0:_"],
    ]
    rows = [{"words": [], "discourse": c, "document": "b" if i == 6 else "a", "file": "f"} for i, c in enumerate(cells)]
    maker = Discourse(DiscourseOptions(), base=Path())
    assert list(maker.labels(rows)) == ["adversative", "none", "context", "none", None, None, None]
    fine = Discourse(DiscourseOptions(coarse=False), base=Path())
    assert next(iter(fine.labels(rows))) == "adversative-concession"
    with pytest.raises(HierNLPError, match="expected relation:unit->head, found 'x'"):
        list(maker.labels([{**rows[0], "discourse": ["x"]}, rows[1]]))
