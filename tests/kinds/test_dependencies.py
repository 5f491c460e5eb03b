"""Dependencies: losses by hand, one root always, scores as the official scorer counts them."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hiernlp.decoding._trees import are_trees
from hiernlp.errors import DataError
from hiernlp.kinds._base import IGNORE
from hiernlp.kinds.dependencies import ArcScores, Dependencies, DependenciesOptions

HIDDEN = 6
RELATIONS = ["root", "nsubj", "nsubj:pass", "punct", "det"]


def make(relations: list[str] | None = None, **options: Any) -> Dependencies:
    torch.manual_seed(0)
    kind = Dependencies(
        options=DependenciesOptions(arc_size=7, relation_size=5, **options),
        labels={"relations": relations or RELATIONS},
        hidden_size=HIDDEN,
    )
    return kind.eval()


def masks(*lengths: int) -> torch.Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def row(heads: list[int | None] | None, relations: list[str | None] | None) -> dict[str, Any]:
    size = len(heads or relations or [0])
    return {"words": ["w"] * size, "head": heads, "deprel": relations}


def test_loss_by_hand() -> None:
    kind = make(label_smoothing=0.1)
    rows = [row([2, 0, None], ["det", "root", "det"]), row([0, 1], ["root", "new"]), row(None, None)]
    targets = kind.collate([kind.targets(r) for r in rows], 3)
    assert targets.tensors["heads"].tolist() == [[2, 0, IGNORE], [0, 1, IGNORE], [IGNORE] * 3]
    assert targets.count == 4
    output = kind(torch.randn(3, 3, HIDDEN), masks(3, 2, 1))
    arcs = output.arcs.detach().double().log_softmax(-1)
    expected = -(arcs[0, 0, 2] + arcs[0, 1, 0] + arcs[1, 0, 0] + arcs[1, 1, 1])
    relations = kind.relation_scores(output, targets.tensors["heads"].clamp(min=0)).detach().double().log_softmax(-1)
    for b, n, label in [(0, 0, "det"), (0, 1, "root"), (1, 0, "root")]:  # the new relation costs nothing
        expected -= 0.9 * relations[b, n, RELATIONS.index(label)] + 0.1 * relations[b, n].mean()
    assert kind.loss(output, targets.tensors).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_biaffine_forms_by_hand() -> None:
    kind = make().double()
    words = torch.randn(1, 3, HIDDEN, dtype=torch.float64)
    output = kind(words, masks(3))
    nodes = torch.cat([kind.root.view(1, 1, -1), words], 1)
    parts = torch.nn.functional.leaky_relu(kind.project(nodes), 0.1)[0]
    dependent, relation_dependent, head, relation_head = parts.split([7, 5, 7, 5], -1)
    for i in range(3):
        for j in range(4):
            if j == i + 1:
                assert output.arcs[0, i, j] == -torch.inf
                continue
            by_hand = dependent[i + 1] @ kind.arc_weight @ head[j] + kind.arc_bias @ head[j]
            assert output.arcs[0, i, j].item() == pytest.approx(by_hand.item(), rel=1e-5, abs=1e-6)
    heads = torch.tensor([[2, 0, 1]])
    scores = kind.relation_scores(output, heads)
    for i, j in enumerate([2, 0, 1]):
        for c in range(len(RELATIONS)):
            matrix = kind.relation_weight.view(5, len(RELATIONS), 5)[:, c]
            pair = torch.cat([relation_dependent[i + 1], relation_head[j]])
            by_hand = relation_dependent[i + 1] @ matrix @ relation_head[j]
            by_hand = by_hand + kind.relation_linear.weight[c] @ pair + kind.relation_linear.bias[c]
            assert scores[0, i, c].item() == pytest.approx(by_hand.item(), rel=1e-4, abs=1e-5)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(0, 10**6))
def test_relations_to_decoded_heads_score_as_those_to_gold_heads(lengths: list[int], seed: int) -> None:
    kind = make()
    torch.manual_seed(seed)
    words = max(*lengths, 1)
    output = outputs(torch.randn(len(lengths), words, words + 1), kind)
    heads = torch.randint(0, words + 1, (len(lengths), words))
    found = kind._scores_by_head(output.dependents, output.heads, heads.numpy(), lengths)
    inside = torch.arange(words) < torch.tensor(lengths)[:, None]
    scored = inside & (heads != 0)
    torch.testing.assert_close(found[scored], kind.relation_scores(output, heads)[scored])
    assert (found[~scored] == 0).all()
    arrays = kind.arrays(output, probabilities=True)
    anywhere = kind.given({**arrays, "chosen": heads}, probabilities=True)
    here = kind.given_on_host(arrays, {"chosen": heads.numpy()}, [["w"] * n for n in lengths], probabilities=True)
    for name in ("relations", "relation_shares"):
        torch.testing.assert_close(here[name][inside], anywhere[name][inside])


def test_no_word_heads_itself_and_padding_heads_nothing() -> None:
    kind = make()
    share = kind(torch.randn(2, 4, HIDDEN), masks(4, 2)).arcs.softmax(-1)
    for i in range(4):
        assert share[0, i, i + 1] == 0
    assert (share[1, :, 3:] == 0).all()
    torch.testing.assert_close(share[0].sum(-1), torch.ones(4))


def test_missing_heads_cost_nothing() -> None:
    kind = make()
    states = torch.randn(1, 3, HIDDEN, requires_grad=True)
    for given_row in (row(None, None), row([None] * 3, ["det", "root", "det"])):
        targets = kind.collate([kind.targets(given_row)], 3)
        assert targets.count == 0
        loss = kind.loss(kind(states, masks(3)), targets.tensors)
        assert loss.item() == 0
        [gradient] = torch.autograd.grad(loss, states)
        assert (gradient == 0).all()
    heads_alone = kind.collate([kind.targets(row([2, 0, 2], None))], 3)
    assert (heads_alone.tensors["relations"] == IGNORE).all()
    assert heads_alone.count == 3


def outputs(arcs: torch.Tensor, kind: Dependencies) -> ArcScores:
    size = arcs.shape[1]
    own = torch.nn.functional.pad(torch.eye(size, dtype=torch.bool), (1, 0))
    return ArcScores(
        arcs.masked_fill(own, -torch.inf), torch.randn(len(arcs), size, 5), torch.randn(len(arcs), size + 1, 5)
    )


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(0, 10**6), st.sampled_from([0.01, 1.0, 100.0]))
def test_one_root_always_and_it_alone_is_called_so(words: int, seed: int, scale: float) -> None:
    kind = make()
    torch.manual_seed(seed)
    output = outputs(scale * torch.randn(3, words, words + 1), kind)
    lengths = [words, 1, max(1, words - 1)]
    for b, length in enumerate(lengths):
        output.arcs[b, :, length + 1 :] = -torch.inf
    for annotation, length in zip(
        kind.decode(output, [["w"] * n for n in lengths], probabilities=True), lengths, strict=True
    ):
        heads = annotation["head"]
        assert len(heads) == len(annotation["deprel"]) == length
        assert are_trees(np.array([heads]), np.array([length])).all()
        assert [r == "root" for r in annotation["deprel"]] == [h == 0 for h in heads]
        assert all(0 <= p <= 1 for name in ("head", "deprel") for p in annotation[f"{name}_probability"])


def test_greedy_heads_that_are_a_tree_are_kept() -> None:
    kind = make()
    arcs = torch.full((1, 3, 4), -5.0)
    for word, head in enumerate([2, 0, 2]):
        arcs[0, word, head] = 5.0
    [annotation] = kind.decode(outputs(arcs, kind), [["w"] * 3])
    assert annotation["head"] == [2, 0, 2]


def test_a_sentence_of_three_hundred_words() -> None:
    kind = make()
    [annotation] = kind.decode(outputs(torch.randn(1, 300, 301), kind), [["w"] * 300])
    assert are_trees(np.array([annotation["head"]]), np.array([300])).all()


def test_without_a_relation_root_any_may_stand_there() -> None:
    kind = make(["det", "punct"])
    [annotation] = kind.decode(kind(torch.randn(1, 4, HIDDEN), masks(4)), [["w"] * 4])
    assert annotation["head"].count(0) == 1
    assert set(annotation["deprel"]) <= {"det", "punct"}


def test_subtypes() -> None:
    rows = [row([0, 1, 1], ["root", "nsubj:pass", "nsubj"])]
    assert Dependencies.fit(DependenciesOptions(), rows) == {"relations": ["nsubj", "nsubj:pass", "root"]}
    without = DependenciesOptions(subtypes=False)
    assert Dependencies.fit(without, rows) == {"relations": ["nsubj", "root"]}
    kind = make(["nsubj", "root"], subtypes=False)
    assert kind.targets(rows[0])["relations"].tolist() == [1, 0, 0]  # type: ignore[index]
    scores = Dependencies.score(without, rows, [{"head": [0, 1, 1], "deprel": ["root", "nsubj", "nsubj"]}])
    assert (scores.main_value, scores.values["las_subtypes"]) == (1.0, 1.0)
    strict = Dependencies.score(
        DependenciesOptions(), rows, [{"head": [0, 1, 1], "deprel": ["root", "nsubj", "nsubj"]}]
    )
    assert (strict.main_value, strict.values["las_subtypes"]) == (1.0, pytest.approx(2 / 3))


def conllu(heads: list[int], relations: list[str]) -> str:
    lines = [f"{i}\tw{i}\t_\tX\t_\t_\t{h}\t{r}\t_\t_" for i, (h, r) in enumerate(zip(heads, relations, strict=True), 1)]
    return "\n".join(lines) + "\n\n"


def random_tree(draw: random.Random, words: int) -> list[int]:
    order = list(range(1, words + 1))
    draw.shuffle(order)
    heads = [0] * words
    for n, word in enumerate(order[1:], start=1):
        heads[word - 1] = draw.choice(order[:n])
    return heads


def test_scores_are_those_of_the_official_scorer() -> None:
    udeval = pytest.importorskip("udtools.udeval")
    draw = random.Random(1)
    gold, predicted, texts = [], [], ["", ""]
    for _ in range(40):
        words = draw.randint(1, 12)
        for n, kept in enumerate((gold, predicted)):
            heads = gold[-1]["head"] if n and draw.random() < 0.4 else random_tree(draw, words)
            names = ["nsubj", "nsubj:pass", "obl", "punct"]
            relations = ["root" if h == 0 else draw.choice(names) for h in heads]
            kept.append({"words": [f"w{i}" for i in range(1, words + 1)], "head": heads, "deprel": relations})
            texts[n] += conllu(heads, relations)
    scores = Dependencies.score(DependenciesOptions(), gold, predicted)
    loaded = [udeval.load_conllu(io.StringIO(text), "a", {}) for text in texts]
    official = udeval.evaluate(*loaded)
    assert scores.values["uas"] == pytest.approx(official["UAS"].f1)
    assert scores.values["las"] == pytest.approx(official["LAS"].f1)
    assert 0 < scores.values["las"] < scores.values["uas"] < 1


def test_scores_by_hand() -> None:
    gold = [row([2, 0, 2, 2], ["det", "root", "punct", None]), row(None, None), row([None, 0], ["det", "root"])]
    found = [
        {"head": [2, 0, 2, 1], "deprel": ["punct", "root", "punct", "det"]},
        {"head": [0], "deprel": ["root"]},
        {"head": [2, 0], "deprel": ["det", "root"]},
    ]
    scores = Dependencies.score(DependenciesOptions(), gold, found)
    assert scores.values["words"] == 5
    assert scores.values["uas"] == pytest.approx(4 / 5)
    assert scores.values["las"] == pytest.approx(3 / 5)
    assert scores.values["las_without_punct"] == pytest.approx(2 / 4)
    assert scores.confusions == [("det", "punct", 1)]
    assert scores.per_label["root"]["f1"] == 1.0


def test_feedback_is_the_relations_of_the_best_heads() -> None:
    kind = make()
    output = kind(torch.randn(2, 3, HIDDEN), masks(3, 2))
    belief = kind.feedback(output)
    assert belief.shape == (2, 3, kind.feedback_size)
    torch.testing.assert_close(belief, kind.relation_scores(output, output.arcs.argmax(-1)).softmax(-1))


def test_the_baseline_goes_by_form() -> None:
    rows = [
        {"words": ["the", "cat", "."], "head": [2, 0, 2], "deprel": ["det", "root", "punct"]},
        {"words": ["the", "dog", "."], "head": [2, 0, 2], "deprel": ["det", "root", "punct"]},
    ]
    guess = Dependencies.baseline(DependenciesOptions(), [*rows, {"words": ["odd"]}])
    assert guess({"words": ["the", "cat", "."]}) == {"head": [2, 0, 2], "deprel": ["det", "root", "punct"]}
    far = guess({"words": ["the"]})
    assert far["head"][0] in (0, 1)
    assert len(guess({"words": ["new", "words"]})["deprel"]) == 2


def test_no_relation_to_learn() -> None:
    with pytest.raises(DataError, match="no training sentence has the annotation 'deprel'"):
        Dependencies.fit(DependenciesOptions(), [row([0], None)])
