"""Pairs of sentences as a way of reading: the features by hand, and results that depend on the pair alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from hiernlp.encoder import Encoder
from hiernlp.encoding.collate import collate
from hiernlp.encoding.pairs import collate_pairs
from hiernlp.encoding.subwords import EncodingSettings, JointLayout, Subwords
from hiernlp.errors import HierNLPError
from hiernlp.hierarchy import Feed, Place
from hiernlp.kinds.sentence_labels import SentenceLabels, SentenceLabelsOptions
from hiernlp.kinds.sentence_scores import SentenceScores, SentenceScoresOptions
from hiernlp.kinds.token_labels import TokenLabels, TokenLabelsOptions
from hiernlp.model import HierarchicalModel
from hiernlp.pairs import Feature, PairReading, PairSettings
from hiernlp.prediction import ModelPredictor
from hiernlp.sharing.hard import Hard, HardOptions

HIDDEN, LAYERS = 16, 4
A, B, C = Subwords([5, 6, 7], [2, 1]), Subwords([8, 9], [1, 1]), Subwords([10, 11, 12, 13], [1, 3])
PAIRS = [(A, B), (B, A), (C, A), (C, C)]
WORDS = [["w"] * (len(a.lengths) + len(b.lengths)) for a, b in PAIRS]
ENCODING = EncodingSettings(subword="mean")
FEATURES: list[Feature] = ["difference", "product"]


class FakeTokenizer:
    prefix, suffix, padding, limit, size = [2], [3], 0, 40, 38
    joint = JointLayout([2], [3], [3], ([0], 0, [0], 1, [1]))


def build(
    feeds: Sequence[Feed] = (),
    *,
    pair: Mapping[str, Any] | None = None,
    entailment: str = "apart",
    shortcut: bool = False,
    without_dropout: Sequence[str] = (),
    symmetric: Sequence[str] = (),
) -> HierarchicalModel:
    """Return tags on layer 1, relatedness of pairs on layer 3 and entailment on layer 4.

    Entailment reads pairs ``apart``, ``together``, or together and ``compared``.
    """
    from transformers import BertConfig

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
    )
    scheme = Hard(Encoder.from_config(config), options=HardOptions(), tasks=("upos", "related", "entails"))
    related = PairReading(HIDDEN, PairSettings(**(pair or {})))
    settings = PairSettings(encode="apart" if entailment == "apart" else "together", pool="max", features=FEATURES)
    entails = PairReading(HIDDEN, settings)
    compares = entailment != "together"
    model = HierarchicalModel(
        scheme,
        heads={
            "upos": TokenLabels(
                options=TokenLabelsOptions(column="upos"), labels={"labels": ["X", "Y"]}, hidden_size=HIDDEN
            ),
            "related": SentenceScores(
                options=SentenceScoresOptions(column="related", minimum=1, maximum=5, classes=5),
                labels={},
                hidden_size=related.size,
            ),
            "entails": SentenceLabels(
                options=SentenceLabelsOptions(column="entails"),
                labels={"labels": ["yes", "no"]},
                hidden_size=entails.size if compares else HIDDEN,
            ),
        },
        places={"upos": Place(1, 1), "related": Place(3, 3), "entails": Place(4, 4)},
        feeds=feeds,
        shortcuts=["related"] if shortcut else [],
        pairs={"related": related} | ({"entails": entails} if compares else {}),
        joined=() if entailment == "apart" else ("entails",),
        without_dropout=without_dropout,
        symmetric=symmetric,
    )
    return model.eval()


def stir(model: HierarchicalModel) -> HierarchicalModel:
    """Let what begins at zero say something."""
    torch.manual_seed(3)
    for embedding in model.label_embeddings.values():
        torch.nn.init.normal_(embedding)
    for linear in model.shortcuts.values():
        torch.nn.init.normal_(linear.weight)  # pyright: ignore[reportArgumentType]
    return model


def run(model: HierarchicalModel, pairs: Sequence[Any] = PAIRS) -> dict[str, Tensor]:
    batch = collate_pairs(pairs, FakeTokenizer(), apart=True, joined=True, mean=True)  # type: ignore[arg-type]
    with torch.no_grad():
        return model(batch, tasks=["related", "entails"])


def test_features_by_hand() -> None:
    names = ["absolute", "product", "difference", "first", "second", "cosine"]
    reading = PairReading(2, PairSettings(features=names))  # type: ignore[arg-type]
    first, second = torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, -3.0]])
    assert reading.size == 11
    assert reading(first, second).tolist() == [[[1, 7, 12, -12, -1, 7, 3, 4, 4, -3, 0]]]


def test_vectors_are_pooled_over_words_alone() -> None:
    words = torch.tensor([[[1.0, 5.0], [3.0, 1.0], [99.0, 99.0]]])
    mask = torch.tensor([[True, True, False]])
    assert PairReading(2, PairSettings()).vectors(words, mask).tolist() == [[2.0, 3.0]]
    assert PairReading(2, PairSettings(pool="max")).vectors(words, mask).tolist() == [[3.0, 5.0]]


def test_relatedness_is_symmetric_and_entailment_is_not() -> None:
    found = run(build())
    torch.testing.assert_close(found["related"][0], found["related"][1])
    assert not torch.allclose(found["entails"][0], found["entails"][1], atol=1e-4)
    assert PairSettings().is_symmetric
    assert not PairSettings(features=["difference"]).is_symmetric
    assert not PairSettings(encode="together").is_symmetric
    assert PairSettings(encode="together", symmetric=True).is_symmetric


FEEDS = [
    Feed("upos", None, detached=False),
    Feed("upos", "related", detached=False),
    Feed("related", "entails", detached=False),
]


def predictor(model: HierarchicalModel) -> ModelPredictor:
    return ModelPredictor(model, encoder=FakeTokenizer(), encoding=ENCODING)  # type: ignore[arg-type]


@pytest.mark.parametrize("entailment", ["apart", "together", "compared"])
@pytest.mark.parametrize("budget", [8, 1000])
def test_prediction_does_not_depend_on_the_batch(entailment: str, budget: int) -> None:
    model = stir(build(FEEDS, entailment=entailment, shortcut=True))
    together = run(model)
    for i, pair in enumerate(PAIRS):
        alone = run(model, [pair])
        for task, scores in together.items():
            torch.testing.assert_close(scores[i], alone[task][0])
    found = predictor(model).predict_pairs(
        PAIRS,
        WORDS,
        tasks=["related", "entails"],
        budget=budget,
        probabilities=True,
    )
    for annotation, related, entails in zip(found, together["related"], together["entails"], strict=True):
        expected = 1 + 4 * float(related.softmax(-1) @ torch.linspace(0, 1, 5))
        assert annotation["related"]["related"] == pytest.approx(expected, abs=1e-5)
        shares = annotation["entails"]["entails_probability"]
        assert list(shares.values()) == pytest.approx(entails.softmax(-1).tolist(), abs=1e-5)


def test_prediction_encodes_each_sentence_once() -> None:
    model = build()
    seen = 0
    encode = model.vectors

    def counting(batch: Any, **kinds: Any) -> dict[str, Tensor]:
        nonlocal seen
        seen += len(batch.lengths)
        return encode(batch, **kinds)

    model.vectors = counting  # type: ignore[method-assign]
    pairs = [(a, b) for a in (A, B, C) for b in (A, B, C)]
    words = [["w"]] * 9
    found = predictor(model).predict_pairs(pairs, words, tasks=["related"])
    assert seen == 3
    assert len(found) == 9
    assert predictor(model).predict_pairs([], [], tasks=["related"]) == []


@pytest.mark.parametrize("entailment", ["apart", "together", "compared"])
def test_feeds_begin_at_nothing_and_then_reach_the_pair(entailment: str) -> None:
    plain, fed = run(build(entailment=entailment)), run(build(FEEDS, entailment=entailment))
    for task, scores in plain.items():
        torch.testing.assert_close(scores, fed[task])
    stirred = run(stir(build(FEEDS, entailment=entailment)))
    assert not torch.allclose(stirred["related"], plain["related"])
    # By relatedness alone, relatedness itself stays.
    only = run(stir(build(FEEDS[2:], entailment=entailment)))
    torch.testing.assert_close(only["related"], plain["related"])
    assert not torch.allclose(only["entails"], plain["entails"])


@pytest.mark.parametrize("detached", [True, False])
def test_gradient_through_beliefs_on_pairs(detached: bool) -> None:
    model = stir(build([Feed("related", "entails", detached=detached)])).train()
    batch = collate_pairs(PAIRS, FakeTokenizer(), apart=True, joined=False, mean=True)  # type: ignore[arg-type]
    rows = [{"words": ["w"], "entails": "yes"} for _ in PAIRS]
    head: Any = model.heads["entails"]
    targets = head.collate([head.targets(row) for row in rows], 1)
    model(batch, tasks=["entails"], targets={"entails": targets})["entails"].backward()
    reached = [p.grad is not None and bool(p.grad.any()) for p in model.heads["related"].parameters()]
    assert any(reached) != detached


def test_a_pair_read_together_sees_both_sentences() -> None:
    found = run(build(entailment="together"))
    assert not torch.allclose(found["entails"][0], found["entails"][1], atol=1e-5)
    # The same first sentence beside another second one is another pair of states.
    assert not torch.allclose(found["entails"][2], found["entails"][3], atol=1e-5)


def test_pairs_and_sentences_are_told_apart() -> None:
    model = build()
    sentences = collate([A, B], FakeTokenizer())  # type: ignore[arg-type]
    with pytest.raises(HierNLPError, match="'related' reads pairs of sentences, found single sentences"):
        model(sentences, tasks=["upos", "related"])
    batch = collate_pairs(PAIRS, FakeTokenizer(), apart=True, joined=False)  # type: ignore[arg-type]
    with pytest.raises(HierNLPError, match="'upos' reads one sentence, found pairs"):
        model(batch, tasks=["upos"])
    assert model.pair_tasks == ("related", "entails")


@pytest.mark.parametrize(
    ("feed", "entailment", "told"),
    [
        (Feed("related", None, detached=False), "apart", "not the encoder"),
        (Feed("entails", None, detached=False), "together", "not the encoder"),
        (Feed("related", "upos", detached=False), "apart", "not 'upos'"),
        (Feed("entails", "related", detached=False), "together", "is computed after 'related'"),
    ],
)
def test_beliefs_on_pairs_go_to_pairs(feed: Feed, entailment: str, told: str) -> None:
    with pytest.raises(HierNLPError, match=told):
        build([feed], entailment=entailment)


def test_sentences_read_together_are_compared_within_the_row() -> None:
    model = build(entailment="compared")
    states: list[Tensor] = []
    model.pairs["entails"].pooling.register_forward_pre_hook(lambda _, given: states.extend(given))  # pyright: ignore[reportAttributeAccessIssue]
    seen: list[Tensor] = []
    model.heads["entails"].register_forward_pre_hook(lambda _, given: seen.extend(given))
    run(model, [(A, C)])
    words, first, same, second = states
    assert first.tolist() == [[True, True, False, False]]
    assert second.tolist() == [[False, False, True, True]]
    torch.testing.assert_close(words, same)
    a, b = words[0, :2].amax(0), words[0, 2:].amax(0)
    torch.testing.assert_close(seen[0], torch.cat([a - b, a * b])[None, None])
    # Compared, but not apart: the same two sentences beside others have other states.
    found = run(model)
    assert not torch.allclose(found["entails"][0], -found["entails"][1], atol=1e-5)


def test_beliefs_of_pairs_read_together_reach_what_is_compared() -> None:
    def built(feeds: Sequence[Feed]) -> HierarchicalModel:
        model = build(entailment="compared")
        settings = PairSettings(encode="together", features=["absolute"])
        torch.manual_seed(1)
        pairs = {"related": PairReading(HIDDEN, settings), "entails": model.pairs["entails"]}
        options = SentenceScoresOptions(column="related", minimum=1, maximum=5, classes=5)
        related = SentenceScores(options=options, labels={}, hidden_size=HIDDEN)
        heads = dict(model.heads.items()) | {"related": related}
        found = HierarchicalModel(
            model.scheme,
            heads=heads,  # pyright: ignore[reportArgumentType]
            places=model.places,
            feeds=feeds,
            pairs=pairs,  # pyright: ignore[reportArgumentType]
            joined=["related", "entails"],
        )
        return found.eval()

    feeds = [Feed("related", "entails", detached=False)]
    plain, begun, stirred = run(built([])), run(built(feeds)), run(stir(built(feeds)))
    torch.testing.assert_close(plain["entails"], begun["entails"])
    torch.testing.assert_close(plain["related"], stirred["related"])
    assert not torch.allclose(plain["entails"], stirred["entails"], atol=1e-4)


@pytest.mark.parametrize("entailment", ["together", "compared"])
def test_pairs_read_in_both_orders_are_judged_by_the_mean(entailment: str) -> None:
    feeds = [FEEDS[0], FEEDS[2]]
    plain = run(stir(build(feeds, entailment=entailment)))
    model = stir(build(feeds, entailment=entailment, symmetric=["related", "entails"]))
    batch = collate_pairs(PAIRS, FakeTokenizer(), apart=True, joined=True, both_orders=True, mean=True)  # type: ignore[arg-type]
    with torch.no_grad():
        found = model(batch, tasks=["related", "entails"])
    torch.testing.assert_close(found["related"], plain["related"])
    assert len(found["entails"]) == len(PAIRS)
    # The first two pairs are one pair in both orders.
    torch.testing.assert_close(found["entails"][0], found["entails"][1])
    torch.testing.assert_close(found["entails"][0], (plain["entails"][0] + plain["entails"][1]) / 2)
    predicted = predictor(model).predict_pairs(
        PAIRS,
        WORDS,
        tasks=["entails"],
        budget=40,
        probabilities=True,
    )
    for annotation, scores in zip(predicted, found["entails"], strict=True):
        shares = annotation["entails"]["entails_probability"]
        assert list(shares.values()) == pytest.approx(scores.softmax(-1).tolist(), abs=1e-5)


def test_what_is_read_in_one_order_goes_on_beside_what_is_read_in_both() -> None:
    plain = run(build(entailment="together"))
    batch = collate_pairs(PAIRS, FakeTokenizer(), apart=True, joined=True, both_orders=True, mean=True)  # type: ignore[arg-type]
    with torch.no_grad():
        found = build(entailment="together")(batch, tasks=["related", "entails"])
    for task, scores in plain.items():
        torch.testing.assert_close(found[task], scores)


def test_a_task_that_tells_sentences_apart_feeds_none_that_must_not() -> None:
    feed = Feed("related", "entails", detached=False)
    with pytest.raises(HierNLPError, match="'entails' must not tell the two sentences apart, but 'related'"):
        build([feed], entailment="together", pair={"features": ["difference"]}, symmetric=["entails"])


def test_options_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(ValidationError, match="`symmetric` is for `encode: together`"):
        PairSettings(symmetric=True)
    with pytest.raises(ValidationError, match="add `features`, or leave `pool` out"):
        PairSettings(encode="together", pool="max")
    assert PairSettings(encode="together", pool="max", features=["product"]).compares
    assert not PairSettings(encode="together").compares


@pytest.mark.parametrize("entailment", ["together", "compared"])
def test_nothing_drops_out_of_the_reading_that_says_so(entailment: str) -> None:
    model = build(entailment=entailment, without_dropout=["related"])
    still = run(model)
    model.scheme.train()
    dropped, again = run(model), run(model)
    torch.testing.assert_close(dropped["related"], still["related"])
    assert not torch.equal(dropped["entails"], again["entails"]), "the other reading drops out as ever"
    assert all(module.training for module in model.scheme.modules())


def test_gradients_flow_where_nothing_drops_out() -> None:
    model = build(without_dropout=["related", "entails"]).train()
    batch = collate_pairs(PAIRS, FakeTokenizer(), apart=True, joined=True, mean=True)  # type: ignore[arg-type]
    model(batch, tasks=["related"])["related"].sum().backward()
    assert all(p.grad is not None for p in model.scheme.encoders[0].parameters_by_layer()[1])


def test_tasks_of_one_reading_agree_on_dropout() -> None:
    with pytest.raises(HierNLPError, match=r"pair.dropout: 'related' and 'entails' read pairs in one run"):
        build(without_dropout=["related"])
