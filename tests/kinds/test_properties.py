"""What every kind of task promises, whatever it predicts: one table of toy tasks, one test a promise."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hiernlp.errors import DataError
from hiernlp.kinds._base import Kind, Row
from hiernlp.registry import kinds

HIDDEN = 24

ROWS: list[dict[str, Any]] = [
    {
        "words": ["The", "old", "man", "of", "Rome", "slept", "."],
        "tag": ["D", "A", "N", "P", "N", "V", "."],
        "lemma": ["the", "old", "man", "of", "Rome", "sleep", "."],
        "feats": ["PronType=Art", "Degree=Pos", "Number=Sing", "", "Number=Sing", "Mood=Ind|Number=Sing", ""],
        "bio": ["B-np", "I-np", "I-np", "O", "B-np", "B-vp", "O"],
        "flat": [
            {"start": 0, "end": 3, "label": "np"},
            {"start": 4, "end": 5, "label": "np"},
            {"start": 5, "end": 6, "label": "vp"},
        ],
        "nested": [
            {"start": 0, "end": 5, "label": "person"},
            {"start": 4, "end": 5, "label": "place"},
        ],
        "type": "decl",
        "number": 3.5,
        "topics": ["sleep", "age"],
    },
    {
        "words": ["Why", "?"],
        "tag": ["D", "."],
        "lemma": ["why", "?"],
        "feats": ["PronType=Int", ""],
        "bio": ["O", "O"],
        "flat": [],
        "nested": [],
        "type": "wh",
        "number": 1.0,
        "topics": [],
    },
    {
        "words": ["Rome"],
        "tag": ["N"],
        "lemma": ["Rome"],
        "feats": ["Number=Sing"],
        "bio": ["B-np"],
        "flat": [{"start": 0, "end": 1, "label": "np"}],
        "nested": [{"start": 0, "end": 1, "label": "place"}],
        "type": "frag",
        "number": 5.0,
        "topics": ["age"],
    },
    {
        "words": ["He", "saw", "the", "gate", "of", "the", "old", "town"],
        "tag": ["N", "V", "D", "N", "P", "D", "A", None],
        "lemma": ["he", "see", "the", "gate", "of", None, "old", "town"],
        "feats": ["Number=Sing", "Mood=Ind", "PronType=Art", "Number=Plur", "", None, "Degree=Pos", "Number=Sing"],
        "bio": ["B-np", "B-vp", None, None, "O", "B-np", "I-np", "I-np"],
        "flat": [{"start": 1, "end": 2, "label": "vp"}, {"start": 5, "end": 8, "label": "np"}],
        "nested": [
            {"start": 0, "end": 1, "label": "person"},
            {"start": 2, "end": 8, "label": "place"},
            {"start": 5, "end": 8, "label": "place"},
        ],
        "type": "decl",
        "number": 2.0,
        "topics": ["sleep"],
    },
]


@dataclass(frozen=True)
class Case:
    """One toy task: a kind, its settings, and the column it reads."""

    kind: str
    column: str
    options: dict[str, Any]

    def make(self, rows: list[dict[str, Any]] = ROWS, seed: int = 0) -> Kind[Any, Any]:
        torch.manual_seed(seed)
        kind = kinds.load(self.kind)
        options = kind.Options(column=self.column, **self.options)
        made = kind(options=options, labels=kind.fit(options, rows), hidden_size=HIDDEN)
        for parameter in made.parameters():  # so that no term of any score is zero by its initial value
            torch.nn.init.normal_(parameter, std=0.5)
        return made.eval()


CASES = {
    "token_labels": Case("token_labels", "tag", {}),
    "token_labels hidden": Case(
        "token_labels", "tag", {"hidden": 8, "label_smoothing": 0.1, "class_weights": {"N": 2.0}}
    ),
    "token_labels crf": Case("token_labels", "tag", {"crf": True}),
    "token_labels bio": Case("token_labels", "bio", {"bio": True}),
    "token_labels bio crf": Case("token_labels", "bio", {"bio": True, "crf": True}),
    "lemmas": Case("lemmas", "lemma", {"min_count": 1}),
    "lemmas hidden": Case("lemmas", "lemma", {"min_count": 1, "hidden": 8, "label_smoothing": 0.1}),
    "features": Case("features", "feats", {}),
    "features hidden": Case("features", "feats", {"hidden": 8, "label_smoothing": 0.1}),
    "flat_spans": Case("flat_spans", "flat", {}),
    "flat_spans weighted": Case(
        "flat_spans", "flat", {"hidden": 8, "label_smoothing": 0.1, "class_weights": {"vp": 3.0}}
    ),
    "flat_spans crf": Case("flat_spans", "flat", {"crf": True}),
    "nested_spans": Case("nested_spans", "nested", {"width": 10}),
    "nested_spans narrow": Case("nested_spans", "nested", {"width": 10, "max_width": 2}),
    "nested_spans weighted": Case(
        "nested_spans", "nested", {"width": 10, "label_smoothing": 0.1, "class_weights": {"place": 3.0}}
    ),
    **{f"sentence_labels {pool}": Case("sentence_labels", "type", {"pool": pool}) for pool in ("mean", "max", "first")},
    "sentence_labels attention": Case(
        "sentence_labels",
        "type",
        {"pool": "attention", "hidden": 8, "label_smoothing": 0.1, "class_weights": {"wh": 2.0}},
    ),
    "sentence_labels scale": Case("sentence_labels", "type", {"scale": ["decl", "frag", "wh"], "spread": 0.3}),
    "ordinal_labels": Case("ordinal_labels", "type", {"order": ["frag", "decl", "wh"]}),
    "sentence_scores": Case("sentence_scores", "number", {"minimum": 1, "maximum": 5}),
    "sentence_scores huber": Case("sentence_scores", "number", {"minimum": 1, "maximum": 5, "loss": "huber"}),
    "sentence_scores classes": Case("sentence_scores", "number", {"minimum": 1, "maximum": 5, "classes": 5}),
    "sentence_scores expectation": Case(
        "sentence_scores", "number", {"minimum": 1, "maximum": 5, "classes": 5, "loss": "huber"}
    ),
    "multi_labels": Case("multi_labels", "topics", {}),
    "multi_labels weighted": Case(
        "multi_labels", "topics", {"pool": "max", "label_smoothing": 0.1, "class_weights": {"age": 2.0}}
    ),
}
AGREEING = {"token_labels", "token_labels hidden", "features", "features hidden"}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def states(
    rows: list[dict[str, Any]], *, words: int | None = None, seed: int = 1
) -> tuple[Tensor, Tensor, list[list[str]]]:
    """Return states of words that depend on the sentence alone, a mask and the words; the padding is full of noise."""
    lengths = [len(row["words"]) for row in rows]
    words = words or max(lengths)
    generator = torch.Generator().manual_seed(seed)
    found = 100 * torch.randn(len(rows), words, HIDDEN, generator=generator)
    for b, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        own = torch.Generator().manual_seed(sum(map(ord, "".join(row["words"]))))
        found[b, :length] = torch.randn(length, HIDDEN, generator=own)
    return found, torch.arange(words) < torch.tensor(lengths).unsqueeze(-1), [row["words"] for row in rows]


def run(kind: Kind[Any, Any], rows: list[dict[str, Any]], *, words: int | None = None) -> tuple[Tensor, float]:
    """Return the summed loss of rows, and the count of their targets."""
    inputs, mask, _ = states(rows, words=words)
    targets = kind.collate([kind.targets(row) for row in rows], inputs.shape[1])
    return kind.loss(kind(inputs, mask), targets.tensors), targets.count


@every_case
def test_loss_of_a_batch_is_the_sum_of_its_sentences(case: Case) -> None:
    kind = case.make()
    loss, count = run(kind, ROWS, words=13)
    single = [run(kind, [row]) for row in ROWS]
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, torch.stack([value for value, _ in single]).sum(), rtol=1e-4, atol=1e-4)
    assert count == sum(number for _, number in single) > 0


@every_case
@pytest.mark.parametrize("probabilities", [False, True])
def test_decoding_does_not_depend_on_batch_or_padding(case: Case, *, probabilities: bool) -> None:
    kind = case.make()
    order = [2, 0, 3, 1]
    shuffled = [ROWS[i] for i in order]
    inputs, mask, words = states(shuffled, words=11)
    together = kind.decode(kind(inputs, mask), words, probabilities=probabilities)
    for row, annotation in zip(shuffled, together, strict=True):
        inputs, mask, words = states([row])
        [alone] = kind.decode(kind(inputs, mask), words, probabilities=probabilities)
        assert alone.keys() == annotation.keys()
        if isinstance(alone[case.column], float):
            assert alone[case.column] == pytest.approx(annotation[case.column])
        else:
            assert alone[case.column] == annotation[case.column]
        if probabilities and f"{case.column}_probability" in alone:
            assert alone[f"{case.column}_probability"] == pytest.approx(
                annotation[f"{case.column}_probability"], abs=1e-5
            )


@every_case
def test_feedback_does_not_depend_on_padding_and_is_finite(case: Case) -> None:
    kind = case.make()
    inputs, mask, _ = states(ROWS, words=11)
    weights = kind.feedback(kind(inputs, mask))
    assert weights.dtype == torch.float32
    assert weights.shape in [(len(ROWS), size, kind.feedback_size) for size in (1, 11)]
    assert weights.isfinite().all()
    assert ((weights >= 0) & (weights <= 1 + 1e-6)).all()
    for b, row in enumerate(ROWS):
        inputs, mask, sentence = states([row])
        torch.testing.assert_close(
            kind.feedback(kind(inputs, mask))[0], weights[b, : len(sentence[0])], rtol=1e-4, atol=1e-5
        )


def test_which_kinds_can_agree_with_others() -> None:
    found = {name for name, case in CASES.items() if (kind := case.make()).can_agree(kind.options)}
    assert found == AGREEING


@pytest.mark.parametrize("name", sorted(AGREEING))
def test_factors_are_the_log_probabilities_of_the_answers(name: str) -> None:
    case = CASES[name]
    kind = case.make()
    inputs, mask, words = states(ROWS)
    output = kind(inputs, mask)
    factors = kind.factors(output)
    assert factors.shape == (*mask.shape, *kind.factor_sizes)
    torch.testing.assert_close(factors.exp().sum(-1), torch.ones(factors.shape[:-1]))
    torch.testing.assert_close(kind.factors(kind.with_factors(output, factors)), factors)
    answers = [annotation[case.column] for annotation in kind.decode(output, words)]
    for found, labels in zip(factors, answers, strict=True):
        assert kind.classes_of(labels) == found[: len(labels)].argmax(-1).tolist()
    assert kind.classes_of(["Unheard=Of"]) == [None]


@every_case
def test_missing_annotation_costs_nothing_and_has_no_gradient(case: Case) -> None:
    kind = case.make()
    bare: list[dict[str, Any]] = [{"words": row["words"], case.column: None} for row in ROWS[:2]]
    bare += [{"words": row["words"]} for row in ROWS[2:]]
    inputs, mask, _ = states(bare)
    inputs.requires_grad_()
    targets = kind.collate([kind.targets(row) for row in bare], inputs.shape[1])
    loss = kind.loss(kind(inputs, mask), targets.tensors)
    loss.backward()
    assert targets.count == 0
    assert loss.item() == 0
    assert inputs.grad is not None
    assert not inputs.grad.any()
    assert all(p.grad is None or not p.grad.any() for p in kind.parameters())


@every_case
def test_a_sentence_without_annotation_leaves_the_others_as_they_are(case: Case) -> None:
    kind = case.make()
    rows = [ROWS[0], {"words": ROWS[3]["words"]}, ROWS[2]]
    loss, count = run(kind, rows)
    expected, number = run(kind, [ROWS[0], ROWS[2]])
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)
    assert count == number


@every_case
def test_every_gradient_is_finite_and_padding_has_none(case: Case) -> None:
    kind = case.make()
    inputs, mask, _ = states(ROWS, words=11)
    inputs.requires_grad_()
    targets = kind.collate([kind.targets(row) for row in ROWS], 11)
    output = kind(inputs, mask)
    (kind.loss(output, targets.tensors) + (kind.feedback(output) ** 2).sum(1)[:1].sum()).backward()
    assert inputs.grad is not None
    assert inputs.grad.isfinite().all()
    assert not inputs.grad[0, 7:].any() or kind.feedback(output).shape[1] > 1
    assert all(p.grad is not None and p.grad.isfinite().all() for p in kind.parameters())


class NoReadBack(TorchDispatchMode):
    """Fails on any operation whose result, or whose size, the host must wait for."""

    forbidden = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "equal", "_to_cpu", "item")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert not any(name == word or name.startswith(("unique", "_unique")) for word in self.forbidden), name
        if name in ("index", "index_put", "index_put_"):
            assert not any(index is not None and index.dtype == torch.bool for index in args[1]), "a mask as an index"
        return func(*args, **(kwargs or {}))


@every_case
def test_a_training_step_reads_nothing_back(case: Case) -> None:
    kind = case.make().train()
    inputs, mask, _ = states(ROWS)
    inputs.requires_grad_()
    targets = kind.collate([kind.targets(row) for row in ROWS], inputs.shape[1])
    with NoReadBack():
        output = kind(inputs, mask)
        (kind.loss(output, targets.tensors) + kind.feedback(output).sum()).backward()


def test_the_guard_itself_finds_read_backs() -> None:
    x = torch.arange(3.0)
    for wrong in (lambda: x.sum().item(), lambda: x[x > 1], x.nonzero, x.unique):
        with pytest.raises(AssertionError), NoReadBack():
            wrong()


@every_case
def test_low_precision_keeps_the_loss_in_float32(case: Case) -> None:
    kind = case.make()
    expected, _ = run(kind, ROWS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = run(kind, ROWS)
        inputs, mask, words = states(ROWS)
        output = kind(inputs.bfloat16(), mask)
        assert kind.feedback(output).dtype == torch.float32
        assert len(kind.decode(output, words, probabilities=True)) == len(ROWS)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=0.1, atol=1.0)


@every_case
def test_training_fits_the_toy_rows(case: Case) -> None:
    torch.manual_seed(0)
    cls = kinds.load(case.kind)
    options = cls.Options(column=case.column, **case.options)
    kind = cls(options=options, labels=cls.fit(options, ROWS), hidden_size=HIDDEN)
    inputs, mask, words = states(ROWS)
    targets = kind.collate([kind.targets(row) for row in ROWS], inputs.shape[1])
    optimizer = torch.optim.Adam(kind.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        (kind.loss(kind(inputs, mask), targets.tensors) / targets.count).backward()
        optimizer.step()
    kind.eval()
    scores = cls.score(options, ROWS, kind.decode(kind(inputs, mask), words))
    assert scores.main_value > (0.5 if "max_width" in case.options else 0.99)


@every_case
def test_gold_scores_best_and_what_gold_lacks_is_left_out(case: Case) -> None:
    cls = kinds.load(case.kind)
    options = cls.Options(column=case.column, **case.options)
    predicted: list[Row] = [{case.column: row[case.column]} for row in ROWS]
    scores = cls.score(options, ROWS, [dict(p) for p in predicted])
    assert scores.main_value == pytest.approx(1.0)
    assert scores.main in scores.values
    assert not scores.confusions
    bare = cls.score(options, [{"words": row["words"]} for row in ROWS], [dict(p) for p in predicted])
    assert bare.main_value == 0.0
    assert all(value == 0 for value in bare.values.values())


@every_case
def test_label_spaces_survive_json_and_rebuild_the_same_head(case: Case) -> None:
    kind = case.make()
    again = type(kind)(options=kind.options, labels=json.loads(json.dumps(kind.labels)), hidden_size=HIDDEN)
    again.load_state_dict(kind.state_dict())
    loss, _ = run(kind, ROWS)
    torch.testing.assert_close(run(again.eval(), ROWS)[0], loss)


@every_case
def test_nothing_to_learn_is_one_clear_error(case: Case) -> None:
    cls = kinds.load(case.kind)
    options = cls.Options(column=case.column, **case.options)
    with pytest.raises(DataError, match=case.column):
        cls.fit(options, [{"words": ["a"], case.column: None}, {"words": ["b"]}])


@every_case
def test_the_baseline_answers_every_row(case: Case) -> None:
    cls = kinds.load(case.kind)
    options = cls.Options(column=case.column, **case.options)
    answer = cls.baseline(options, ROWS)
    predicted = [answer({"words": row["words"]}) for row in [*ROWS, {"words": ["never", "seen"]}]]
    assert all(annotation.keys() == {case.column} for annotation in predicted)
    assert 0 <= cls.score(options, ROWS, predicted[: len(ROWS)]).main_value <= 1


@every_case
def test_columns_are_those_read_and_written(case: Case) -> None:
    kind = case.make()
    assert kind.columns(kind.options) == (case.column,)
    inputs, mask, words = states(ROWS)
    assert all(a.keys() == {case.column} for a in kind.decode(kind(inputs, mask), words))
