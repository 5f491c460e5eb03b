"""The hierarchy: isolation of layers, feeds that start from nothing, and results that depend on the sentence alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from hiernlp.encoder import Encoder
from hiernlp.encoding.collate import WordBatch, collate
from hiernlp.encoding.subwords import EncodingSettings, Subwords
from hiernlp.errors import HierNLPError
from hiernlp.hierarchy import Feed, Place
from hiernlp.kinds._base import Targets
from hiernlp.kinds.dependencies import Dependencies, DependenciesOptions
from hiernlp.kinds.flat_spans import FlatSpans, FlatSpansOptions
from hiernlp.kinds.sentence_labels import SentenceLabels, SentenceLabelsOptions
from hiernlp.kinds.token_labels import TokenLabels, TokenLabelsOptions
from hiernlp.model import HierarchicalModel
from hiernlp.modules import ScalarMix
from hiernlp.prediction import ModelPredictor
from hiernlp.sharing.hard import Hard, HardOptions

HIDDEN, LAYERS = 16, 4
PLACES = {"upos": 1, "chunks": 2, "dependencies": 3, "type": 4}
ROWS = [
    {"words": list("abc"), "upos": ["X", "Y", "X"], "head": [2, 0, 2], "deprel": ["det", "root", "obj"], "type": "q",
     "chunks": [{"start": 0, "end": 2, "label": "NP"}]},
    {"words": list("de"), "upos": ["Y", None], "head": [0, 1], "deprel": ["root", "obj"], "type": "d", "chunks": []},
]  # fmt: skip


class FakeTokenizer:
    """What collation needs of a subword encoder."""

    prefix, suffix, padding = [2], [3], 0

    def __init__(self, size: int = 30) -> None:
        self.size = size


def encoder(kind: str = "bert") -> Encoder:
    from transformers import BertConfig, ModernBertConfig

    sizes = {
        "vocab_size": 50,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 40,
    }
    if kind == "bert":
        return Encoder.from_config(BertConfig(**sizes))
    special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
    return Encoder.from_config(ModernBertConfig(**sizes, **special, global_attn_every_n_layers=2))


def heads() -> dict[str, Any]:
    return {
        "upos": TokenLabels(
            options=TokenLabelsOptions(column="upos"), labels={"labels": ["X", "Y"]}, hidden_size=HIDDEN
        ),
        "chunks": FlatSpans(options=FlatSpansOptions(column="chunks"), labels=FlatSpans.fit(
            FlatSpansOptions(column="chunks"), ROWS), hidden_size=HIDDEN),
        "dependencies": Dependencies(
            options=DependenciesOptions(arc_size=8, relation_size=4),
            labels={"relations": ["root", "det", "obj"]},
            hidden_size=HIDDEN,
        ),
        "type": SentenceLabels(
            options=SentenceLabelsOptions(column="type"), labels={"labels": ["q", "d"]}, hidden_size=HIDDEN
        ),
    }  # fmt: skip


def build(
    *,
    places: Mapping[str, int | tuple[int, int]] = PLACES,
    feeds: Sequence[Feed] = (),
    shortcuts: Sequence[str] = (),
    kind: str = "bert",
) -> HierarchicalModel:
    torch.manual_seed(0)
    scheme = Hard(encoder(kind), options=HardOptions(), tasks=tuple(places))
    made = heads()
    model = HierarchicalModel(
        scheme,
        heads={task: made[task] for task in places},
        places={task: Place(*(p if isinstance(p, tuple) else (p, p))) for task, p in places.items()},
        feeds=feeds,
        shortcuts=shortcuts,
    )
    return model.eval()


def batch(*, mean: bool = False, pad_to_multiple: int = 1, order: Sequence[int] = (0, 1), size: int = 30) -> WordBatch:
    sentences = [Subwords([5, 6, 7, 8, 9], [2, 1, 2]), Subwords([10, 11, 12], [1, 2])]
    return collate([sentences[i] for i in order], FakeTokenizer(size), mean=mean, pad_to_multiple=pad_to_multiple)  # type: ignore[arg-type]


def tensors(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else [v for v in vars(output).values() if isinstance(v, Tensor)]


def same(a: Any, b: Any) -> bool:
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def losses(model: HierarchicalModel, tasks: Sequence[str] = tuple(PLACES), **kinds: Any) -> dict[str, Tensor]:
    made = batch(**kinds)
    targets = {
        task: model.heads[task].collate([model.heads[task].targets(row) for row in ROWS], made.word_mask.shape[1])  # type: ignore[operator]
        for task in tasks
    }
    return model(made, tasks=tasks, targets=targets)


ALL_FEEDS = [
    Feed("upos", None, detached=False),
    Feed("upos", "dependencies", detached=True),
    Feed("chunks", None, detached=True),
    Feed("dependencies", "type", detached=False),
    Feed("dependencies", None, detached=False),
]


def test_feeds_and_shortcuts_begin_at_nothing() -> None:
    plain = build()
    fed = build(feeds=ALL_FEEDS, shortcuts=["dependencies", "type"])
    fed.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        one, other = plain(batch(), tasks=list(PLACES)), fed(batch(), tasks=list(PLACES))
    assert all(same(one[task], other[task]) for task in PLACES)
    assert all((p == 0).all() for p in fed.label_embeddings.parameters())


def test_what_is_fed_changes_what_reads_it_and_nothing_else() -> None:
    feeds = [Feed("upos", "dependencies", detached=False), Feed("chunks", None, detached=False)]
    fed = build(feeds=feeds)
    with torch.no_grad():
        before = fed(batch(), tasks=list(PLACES))
        torch.nn.init.normal_(fed.label_embeddings["upos->dependencies"])
        to_head = fed(batch(), tasks=list(PLACES))
        assert [same(before[t], to_head[t]) for t in PLACES] == [True, True, False, True]
        torch.nn.init.zeros_(fed.label_embeddings["upos->dependencies"])
        torch.nn.init.normal_(fed.label_embeddings["chunks->encoder"])
        to_encoder = fed(batch(), tasks=list(PLACES))
        assert [same(before[t], to_encoder[t]) for t in PLACES] == [True, True, False, False]


def test_the_label_embedding_is_the_expected_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """One certain label gives its row, all alike the mean row, anything else a point between the rows."""
    model = build(places={"upos": 2, "dependencies": 3}, feeds=[Feed("upos", "dependencies", detached=False)])
    rows = torch.nn.init.normal_(model.label_embeddings["upos->dependencies"]).detach()
    read: list[Tensor] = []
    head = model.heads["dependencies"]
    head.register_forward_pre_hook(lambda module, args: read.append(args[0]))
    beliefs = {"none": None, "first": [1.0, 0.0], "second": [0.0, 1.0], "uniform": [0.5, 0.5], "some": [0.3, 0.7]}
    for belief in beliefs.values():
        given = torch.zeros(2, 3, 2) if belief is None else torch.tensor(belief).expand(2, 3, 2)
        monkeypatch.setattr(model.heads["upos"], "feedback", lambda output, given=given: given)
        with torch.no_grad():
            model(batch(), tasks=["dependencies"])
    added = dict(zip(beliefs, [r - read[0] for r in read], strict=True))
    for name, expected in {
        "first": rows[0], "second": rows[1], "uniform": rows.mean(0), "some": 0.3 * rows[0] + 0.7 * rows[1]
    }.items():  # fmt: skip
        torch.testing.assert_close(added[name], expected.expand(2, 3, -1), rtol=1e-4, atol=1e-5)


def test_a_belief_fed_to_the_encoder_reaches_all_subwords_of_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(places={"upos": 1, "type": 2}, feeds=[Feed("upos", None, detached=False)])
    rows = torch.nn.init.normal_(model.label_embeddings["upos->encoder"]).detach().clone()
    belief = torch.tensor([[[1.0, 0], [0, 1], [0.5, 0.5]], [[0, 1], [1, 0], [9, 9]]])  # the last is padding
    monkeypatch.setattr(model.heads["upos"], "feedback", lambda output: belief)
    entered: list[Tensor] = []
    second = model.scheme.encoders[0].layers[1]
    second.register_forward_pre_hook(
        lambda m, a, k: entered.append(a[0] if a else k["hidden_states"]), with_kwargs=True
    )
    with torch.no_grad():
        model(batch(), tasks=["type"])
        torch.nn.init.zeros_(model.label_embeddings["upos->encoder"])
        model(batch(), tasks=["type"])
    added = entered[0] - entered[1]
    mean, none = rows.mean(0), torch.zeros(HIDDEN)
    expected = [
        [none, rows[0], rows[0], rows[1], mean, mean, none],
        [none, rows[1], rows[0], rows[0], none, none, none],
    ]
    torch.testing.assert_close(added, torch.stack([torch.stack(row) for row in expected]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", PLACES)
def test_a_loss_reaches_nothing_above_its_layer(task: str) -> None:
    model = build()
    losses(model, [task])[task].backward()
    for layer, parameters in enumerate(model.scheme.encoders[0].parameters_by_layer()):
        for parameter in parameters:
            assert (parameter.grad is not None) == (layer <= PLACES[task])
    for other, head in model.heads.items():
        assert any(p.grad is not None for p in head.parameters()) == (other == task)


def test_the_gradient_of_the_sum_is_the_sum_of_the_gradients() -> None:
    model = build()
    weights = dict(zip(PLACES, (1.0, 0.5, 2.0, 3.0), strict=True))
    found = losses(model)
    sum(weights[t] * found[t] for t in PLACES).backward()  # type: ignore[union-attr]
    joint = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    total: dict[str, Tensor] = {}
    for task in PLACES:
        model.zero_grad()
        losses(model, [task])[task].backward()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                total[name] = total.get(name, torch.zeros_like(parameter)) + weights[task] * parameter.grad
    assert set(joint) == set(total)
    for name, gradient in joint.items():
        torch.testing.assert_close(gradient, total[name], rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
@pytest.mark.parametrize("fed", [False, True])
def test_a_shallow_run_is_the_whole_run_cut_short(kind: str, fed: bool) -> None:
    model = build(kind=kind, feeds=ALL_FEEDS if fed else (), shortcuts=["dependencies"])
    for parameter in model.label_embeddings.parameters():
        torch.nn.init.normal_(parameter)
    with torch.no_grad():
        whole = model(batch(), tasks=list(PLACES))
        for task in PLACES:
            assert same(model(batch(), tasks=[task])[task], whole[task])
        layers = model.scheme.encoders[0].layers
        for layer in layers[1:]:
            for parameter in layer.parameters():
                parameter.normal_()
        assert same(model(batch(), tasks=["upos"])["upos"], whole["upos"])


@pytest.mark.parametrize("task", PLACES)
def test_results_do_not_depend_on_higher_layers(task: str) -> None:
    model = build(feeds=ALL_FEEDS)
    with torch.no_grad():
        before = model(batch(), tasks=[task])[task]
        for layer in model.scheme.encoders[0].layers[PLACES[task] :]:
            for parameter in layer.parameters():
                parameter.normal_()
        assert same(model(batch(), tasks=[task])[task], before)


def test_what_is_needed() -> None:
    model = build(feeds=[Feed("upos", "dependencies", detached=False), Feed("dependencies", "type", detached=True)])
    assert model.tasks == ("upos", "chunks", "dependencies", "type")
    assert model.needed(["upos"]) == ("upos",)
    assert model.needed(["dependencies"]) == ("upos", "dependencies")
    assert model.needed(["type"]) == ("upos", "dependencies", "type")
    assert model.needed(["type", "chunks"]) == ("upos", "chunks", "dependencies", "type")
    into = build(feeds=[Feed("chunks", None, detached=False), Feed("upos", "chunks", detached=False)])
    assert into.needed(["chunks"]) == ("upos", "chunks")
    assert into.needed(["dependencies"]) == ("upos", "chunks", "dependencies")
    assert into.needed(["upos"]) == ("upos",)
    assert [model.depth_of([t]) for t in PLACES] == [1, 2, 3, 4]
    with pytest.raises(HierNLPError, match="there is no task 'upso' in this model; did you mean 'upos'"):
        model.needed(["upso"])


def test_beliefs_that_nothing_reads_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(feeds=[Feed("upos", "type", detached=False), Feed("chunks", None, detached=False)])
    asked: list[str] = []
    for task in ("upos", "chunks"):
        head, feedback = model.heads[task], model.heads[task].feedback
        monkeypatch.setattr(head, "feedback", lambda output, t=task, f=feedback: asked.append(t) or f(output))
    with torch.no_grad():
        model(batch(), tasks=["upos", "chunks"])
        assert asked == []
        model(batch(), tasks=["upos", "dependencies"])
        assert asked == ["chunks"]
        model(batch(), tasks=["type"])
        assert asked == ["chunks", "upos", "chunks"]


def test_results_are_those_asked_for_whatever_else_is_computed() -> None:
    model = build(feeds=ALL_FEEDS)
    with torch.no_grad():
        assert list(model(batch(), tasks=["type"])) == ["type"]
    assert set(losses(model, ["dependencies", "upos"])) == {"dependencies", "upos"}


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("target", ["dependencies", None])
def test_whether_the_gradient_goes_through_a_feed(detached: bool, target: str | None) -> None:
    model = build(feeds=[Feed("upos", target, detached=detached)])
    torch.nn.init.normal_(model.label_embeddings[f"upos->{target or 'encoder'}"])
    losses(model, ["dependencies"])["dependencies"].backward()
    reached = [p.grad is not None and bool((p.grad != 0).any()) for p in model.heads["upos"].parameters()]
    assert all(reached) if not detached else not any(reached)
    assert bool((model.label_embeddings[f"upos->{target or 'encoder'}"].grad != 0).any())


def test_a_scalar_mix_is_what_its_weights_say() -> None:
    mix = ScalarMix(3)
    states = list(torch.randn(3, 2, 4, 5))
    torch.testing.assert_close(mix(states), torch.stack(states).mean(0))
    with torch.no_grad():
        mix.logits.copy_(torch.tensor([0.0, 200.0, 0.0]))
        torch.testing.assert_close(mix(states), states[1])
        mix.gamma.fill_(3.0)
        torch.testing.assert_close(mix(states), 3 * states[1])


def test_a_mix_reads_all_its_layers() -> None:
    model = build(places={"upos": (0, 2), "type": 4})
    assert model.depth_of(["upos"]) == 2
    single = {layer: build(places={"upos": layer, "type": 4}) for layer in range(3)}
    with torch.no_grad():
        for layer, other in single.items():
            other.load_state_dict(model.state_dict(), strict=False)
            model.mixes["upos"].logits.copy_(200.0 * torch.nn.functional.one_hot(torch.tensor(layer), 3))
            torch.testing.assert_close(
                model(batch(), tasks=["upos"])["upos"].scores, other(batch(), tasks=["upos"])["upos"].scores
            )


def test_heads_that_feed_one_another_in_a_circle_are_refused() -> None:
    places = {"upos": 2, "dependencies": 2, "type": 4}
    circle = [Feed("upos", "dependencies", detached=False), Feed("dependencies", "upos", detached=False)]
    with pytest.raises(HierNLPError, match="feeds: the tasks upos, dependencies feed one another in a circle"):
        build(places=places, feeds=circle)


def test_two_tasks_on_one_layer_run_in_the_order_of_their_feeds() -> None:
    places = {"dependencies": 2, "upos": 2, "type": 2}
    model = build(places=places, feeds=[Feed("upos", "dependencies", detached=False)])
    assert model.tasks.index("upos") < model.tasks.index("dependencies")
    torch.nn.init.normal_(model.label_embeddings["upos->dependencies"])
    with torch.no_grad():
        whole = model(batch(), tasks=list(places))
        assert all(same(model(batch(), tasks=[t])[t], whole[t]) for t in places)


def test_beliefs_of_several_tasks_on_one_layer_add_up_in_the_encoder() -> None:
    places = {"upos": 1, "chunks": 1, "type": 3}
    feeds = [Feed("upos", None, detached=False), Feed("chunks", None, detached=False)]
    model = build(places=places, feeds=feeds)
    entered: list[Tensor] = []
    second = model.scheme.encoders[0].layers[1]
    second.register_forward_pre_hook(
        lambda m, a, k: entered.append(a[0] if a else k["hidden_states"]), with_kwargs=True
    )
    keys = ["upos->encoder", "chunks->encoder"]
    rows = {key: torch.randn_like(model.label_embeddings[key]) for key in keys}
    with torch.no_grad():
        for chosen in ([], keys[:1], keys[1:], keys):
            for key in keys:
                model.label_embeddings[key].copy_(rows[key] if key in chosen else torch.zeros_like(rows[key]))
            model(batch(), tasks=["type"])
    torch.testing.assert_close(
        entered[3] - entered[0], (entered[1] - entered[0]) + (entered[2] - entered[0]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_neither_padding_nor_order_changes_a_result(mean: bool, kind: str) -> None:
    model = build(feeds=ALL_FEEDS, kind=kind, shortcuts=["type"])
    for parameter in model.label_embeddings.parameters():
        torch.nn.init.normal_(parameter)
    tasks = ["upos", "type"]
    with torch.no_grad():
        base = model(batch(mean=mean), tasks=tasks)
        padded = model(batch(mean=mean, pad_to_multiple=16), tasks=tasks)
        turned = model(batch(mean=mean, order=(1, 0)), tasks=tasks)
        alone = model(batch(mean=mean, order=(1,)), tasks=tasks)
        trees = model(batch(mean=mean), tasks=["dependencies"])["dependencies"]
        tree_alone = model(batch(mean=mean, order=(1,)), tasks=["dependencies"])["dependencies"]
    close = {"rtol": 1e-4, "atol": 1e-5}
    used = batch().word_mask
    torch.testing.assert_close(padded["upos"].scores[used], base["upos"].scores[used], **close)
    torch.testing.assert_close(padded["type"], base["type"], **close)
    torch.testing.assert_close(turned["type"], base["type"].flip(0), **close)
    torch.testing.assert_close(turned["upos"].scores[0, :2], base["upos"].scores[1, :2], **close)
    torch.testing.assert_close(alone["upos"].scores[0], base["upos"].scores[1, :2], **close)
    torch.testing.assert_close(alone["type"][0], base["type"][1], **close)
    torch.testing.assert_close(tree_alone.arcs[0], trees.arcs[1, :2, :3], **close)


def test_a_model_that_normalises_only_its_top_gets_norms_below() -> None:
    model = build(kind="modernbert")
    assert set(model.norms) == {"upos", "chunks", "dependencies"}
    assert not build().norms
    wide = build(kind="modernbert")
    read: list[Tensor] = []
    wide.heads["upos"].register_forward_pre_hook(lambda m, a: read.append(a[0]))
    with torch.no_grad():
        for parameter in wide.scheme.encoders[0].layers[0].parameters():
            parameter.mul_(30.0)
        wide(batch(), tasks=["upos"])
    spread = read[0][batch().word_mask].std(-1, unbiased=False)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=1e-2, atol=1e-2)


def test_long_sentences_go_through_windows_in_every_task() -> None:
    model = build(feeds=ALL_FEEDS)
    long = Subwords([5 + i % 40 for i in range(300)], [1, 2] * 100)
    encoding = EncodingSettings(subword="mean")
    found = ModelPredictor(model, encoder=FakeTokenizer(12), encoding=encoding).predict(  # type: ignore[arg-type]
        [long, Subwords([5], [1])],
        [["w"] * 200, ["w"]],
        tasks=model.tasks,
        budget=64,
        probabilities=True,
    )
    assert len(found[0]["upos"]["upos"]) == len(found[0]["dependencies"]["head"]) == 200
    assert found[0]["dependencies"]["head"].count(0) == 1
    assert len(found[1]["upos"]["upos_probability"]) == 1


@pytest.mark.parametrize("training", [True, False])
def test_prediction_restores_the_mode_and_answers_in_order(training: bool) -> None:
    model = build().train(training)
    sentences = [Subwords([5 + n] * n, [1] * n) for n in (3, 9, 1, 7, 4)]
    words = [["w"] * len(s.lengths) for s in sentences]
    predict = ModelPredictor(model, encoder=FakeTokenizer(), encoding=EncodingSettings()).predict  # type: ignore[arg-type]
    tasks = ["upos", "type"]
    found = predict(sentences, words, budget=24, tasks=tasks)
    assert model.training is training
    assert [len(annotation["upos"]["upos"]) for annotation in found] == [3, 9, 1, 7, 4]
    assert predict(sentences, words, budget=1000, tasks=tasks) == found
    assert [predict([s], [w], tasks=tasks)[0] for s, w in zip(sentences, words, strict=True)] == found
    assert predict([], [], tasks=tasks) == []


@pytest.mark.parametrize("task", ["type", "train", "forward", "keys", "items", "to", "half", "a-b", "self"])
def test_a_task_may_have_any_name(task: str) -> None:
    torch.manual_seed(0)
    scheme = Hard(encoder(), options=HardOptions(), tasks=(task, "top"))
    made = heads()
    model = HierarchicalModel(
        scheme,
        heads={task: made["upos"], "top": made["dependencies"]},
        places={task: Place(0, 2), "top": Place(3, 3)},
        feeds=[Feed(task, "top", detached=False), Feed(task, None, detached=False)],
        shortcuts=[task],
    ).eval()
    with torch.no_grad():
        assert set(model(batch(), tasks=[task, "top"])) == {task, "top"}
    model.load_state_dict(model.state_dict())
    assert any(name.startswith(f"heads.{task}.") for name in model.state_dict())
    model.train().float().eval()


def test_targets_are_summed_losses_in_float32() -> None:
    model = build()
    found = losses(model)
    assert all(loss.shape == () and loss.dtype == torch.float32 for loss in found.values())
    none = {
        task: model.heads[task].collate([None, None], 3)  # type: ignore[operator]
        for task in PLACES
    }
    assert all(isinstance(t, Targets) and t.count == 0 for t in none.values())
    assert all(loss.item() == 0 for loss in model(batch(), tasks=list(PLACES), targets=none).values())
