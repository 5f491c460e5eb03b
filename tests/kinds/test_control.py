"""Control tasks: labels that a word type keeps, drawn as training data has them, in a form that each kind can learn."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hiernlp.kinds._control import PerType
from hiernlp.registry import kinds

ROWS = [
    {
        "words": ["The", "cats", "saw", "the", "dog"],
        "upos": ["DET", "NOUN", "VERB", "DET", "NOUN"],
        "feats": ["", "Number=Plur", "Tense=Past", "", None],
        "head": [2, 3, 0, 5, 3],
        "deprel": ["det", "nsubj", "root", "det", "obj"],
    }
]
CASES: dict[str, dict[str, Any]] = {
    "token_labels": {"column": "upos"},
    "features": {"column": "feats"},
    "dependencies": {},
}


@given(st.integers(0, 9), st.text(max_size=8))
def test_a_type_has_one_label(seed: int, form: str) -> None:
    of = PerType("AABC", seed=seed)
    assert of(form) in "ABC"
    assert of(form) == PerType("CABA", seed=seed)(form) == of(form.casefold())


def test_labels_come_as_often_as_in_training_and_otherwise_with_another_seed() -> None:
    forms = [f"form{i}" for i in range(4000)]
    counts = Counter(map(PerType(["A"] * 3 + ["B"], seed=1), forms))
    assert counts["A"] / len(forms) == pytest.approx(0.75, abs=0.03)
    same = sum(PerType("AB", seed=1)(form) == PerType("AB", seed=2)(form) for form in forms)
    assert same / len(forms) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_task_that_its_kind_can_learn(name: str) -> None:
    kind = kinds.load(name)
    options = kind.Options(**CASES[name])
    labeller = kind.control(options, ROWS, seed=3)
    head = kind(options=options, labels=kind.fit(options, ROWS), hidden_size=8)
    made = [{**row, **labeller(row)} for row in ROWS]
    assert made == [{**row, **kind.control(options, ROWS, seed=3)(row)} for row in ROWS]
    targets = head.targets(made[0])
    assert targets is not None
    assert all((array >= 0).all() for array in targets.values())
    [column, *_] = kind.columns(options)
    if name != "dependencies":
        assert made[0][column][0] == made[0][column][3]  # The, the
        assert set(made[0][column]) <= {label for label in ROWS[0][column] if label is not None}
    assert kind.score(options, made, made).main_value == 1.0


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8), st.integers(0, 5))
def test_attached_to_the_ends_every_sentence_is_a_tree(words: list[str], seed: int) -> None:
    kind = kinds.load("dependencies")
    made = kind.control(kind.Options(), ROWS, seed=seed)({"words": words})
    assert made["head"][0] == 0
    assert all(head in (1, len(words)) and head != i for i, head in enumerate(made["head"][1:], start=2))
    assert len(words) == 1 or made["head"][-1] == 1
    assert [r == "root" for r in made["deprel"]] == [i == 0 for i in range(len(words))]
    inner = set(zip(words[1:-1], made["head"][1:-1], made["deprel"][1:-1], strict=True))
    assert len(inner) == len(set(words[1:-1]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("token_labels", {"column": "chunks", "bio": True}),
        ("nested_spans", {"column": "entities"}),
        ("flat_spans", {"column": "chunks"}),
        ("lemmas", {}),
        ("sentence_labels", {"column": "label"}),
        ("sentence_scores", {"column": "score", "minimum": 0, "maximum": 1}),
        ("multi_labels", {"column": "labels"}),
    ],
)
def test_kinds_without_one_say_so(name: str, options: dict[str, Any]) -> None:
    kind = kinds.load(name)
    assert kind.control(kind.Options(**options), ROWS, seed=1) is None
