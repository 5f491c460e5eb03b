"""Models of hiernlp for the Auto classes and pipelines of transformers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, Pipeline, PretrainedConfig, PreTrainedModel
from transformers.pipelines import PIPELINE_REGISTRY

from hiernlp.encoding.collate import WordBatch
from hiernlp.encoding.pairs import PairBatch
from hiernlp.errors import HierNLPError
from hiernlp.hub.folder import Bundle, load_bundle, save_bundle
from hiernlp.hub.push import push
from hiernlp.inference.analyzer import Analyzer
from hiernlp.inference.precision import precisions
from hiernlp.prediction import choose_device

MODEL_TYPE, TASK = "hiernlp", "hiernlp-analysis"
"""What ``config.json`` says, and the name of the pipeline."""

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The precisions that are number formats of all weights, and so can be asked for as transformers does, by ``dtype``."""

# What the Auto classes and pipelines hand on that means nothing here: no code lies in a folder that could be trusted.
_MEANINGLESS = {
    "_from_auto",
    "_from_pipeline",
    "trust_remote_code",
    "adapter_kwargs",
    "weights_only",
    "local_files_only",
}


class HierNLPConfig(PretrainedConfig):
    """What ``config.json`` of a model folder says: the encoder's configuration, the tasks and their places."""

    model_type = MODEL_TYPE


class HierNLPModel(PreTrainedModel):
    """A model of hiernlp as transformers knows models.

    Args:
        config: the configuration.
        bundle: the model with all that is needed to use it.

    Raises:
        HierNLPError: no model is given; a configuration alone has neither weights nor a tokenizer.

    Example:
        >>> import hiernlp
        >>> from transformers import AutoModel
        >>> hiernlp.register()
        >>> model = AutoModel.from_pretrained("my-model")  # doctest: +SKIP
        >>> model.analyzer("Birds sing.").to_dict()  # doctest: +SKIP
    """

    config_class = HierNLPConfig
    base_model_prefix = "hierarchy"
    main_input_name = "batch"

    def __init__(self, config: HierNLPConfig, *, bundle: Bundle | None = None) -> None:
        if bundle is None:
            raise HierNLPError("a model of hiernlp is made of a folder; use from_pretrained, or train by a recipe")
        super().__init__(config)
        self.bundle = bundle
        self.hierarchy = bundle.model

    @classmethod
    def from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride] - fewer ways of loading
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        config: HierNLPConfig | None = None,
        dtype: str | torch.dtype | None = None,
        device_map: str | int | torch.device | None = None,
        attn_implementation: str | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        use_safetensors: bool | None = None,
        **others: Any,  # noqa: ANN401 - what transformers hands on
    ) -> HierNLPModel:
        """Load a model from a folder or the hub, as :func:`hiernlp.load` does; see there for what is refused.

        Args:
            pretrained_model_name_or_path: a model folder or a hub id.
            config: its configuration, if that is known already.
            dtype: the precision, ``float32`` (also by ``auto``) or ``bfloat16``; :func:`hiernlp.load` has more.
            device_map: one device for all of the model, or ``auto`` for the accelerator that there is.
            attn_implementation: implementation of attention, by default the best that the encoder has.
            revision: branch, tag or commit on the hub.
            token: what opens a private model.
            use_safetensors: anything but False; no other format is read.
            others: what says nothing here, such as ``trust_remote_code``, which a model folder never needs.

        Raises:
            ModelFolderError: the folder is missing, incomplete or damaged, or has its weights in a pickle.
            HierNLPError: an option has a value that cannot be met.
        """
        if use_safetensors is False:
            raise HierNLPError("use_safetensors: expected True, found False; weights are read from safetensors alone")
        for name, value in others.items():
            if name not in _MEANINGLESS and value not in (None, False, ""):
                raise HierNLPError(f"{name}: models of hiernlp have no such option, found {value!r}; leave it out")
        name = str(pretrained_model_name_or_path)
        bundle = load_bundle(name, attention=attn_implementation, revision=revision, token=token)
        if config is None:
            config = HierNLPConfig.from_pretrained(name, revision=revision or "main", token=token)
        precisions.load(_number_format(dtype))().convert(bundle.model)
        model = cls(config, bundle=bundle)
        if device_map is not None:
            device = choose_device(None if device_map == "auto" else torch.device(device_map))
            model.to(device)  # pyright: ignore[reportArgumentType]
        return model.eval()

    @property
    def analyzer(self) -> Analyzer:
        """An analyzer of this model, on the device and in the number format that it has."""
        named = next((name for name, dtype in FORMATS.items() if dtype == self.dtype), str(self.dtype))
        return Analyzer(self.bundle, device=str(self.device), precision=named)

    def forward(self, batch: WordBatch | PairBatch, tasks: list[str] | None = None) -> dict[str, Any]:
        """Return what the tasks' heads give for a batch of the library's own (see ``hiernlp.model``)."""
        reads = isinstance(batch, PairBatch)
        fitting = [task for task in self.hierarchy.tasks if self.hierarchy.reads_pairs(task) == reads]
        return self.hierarchy(batch, tasks=fitting if tasks is None else tasks)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        save_directory: str | os.PathLike[str],
        *,
        is_main_process: bool = True,
        state_dict: Mapping[str, torch.Tensor] | None = None,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        token: str | bool | None = None,
        **others: Any,  # noqa: ANN401, ARG002 - shards and the like
    ) -> None:
        """Save a model folder, which :func:`hiernlp.load` and the Auto classes read.

        Raises:
            ModelFolderError: the disk is full or cannot be written to.
            HierNLPError: other weights than the model's own are to be saved.
        """
        if state_dict is not None:
            raise HierNLPError("state_dict: expected none, as a model folder holds the model's own weights")
        if is_main_process:
            save_bundle(self.bundle, Path(save_directory))
        if push_to_hub:
            push(Path(save_directory), repo_id or Path(save_directory).name, token=token)

    def push_to_hub(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        commit_message: str = "Upload a hiernlp model",
        **others: Any,  # noqa: ANN401, ARG002 - shards and the like
    ) -> str:
        """Upload the model with its card (see :func:`hiernlp.hub.push.push`) and return the commit's address."""
        with tempfile.TemporaryDirectory() as folder:
            self.save_pretrained(folder)
            return push(folder, repo_id, private=private, token=token, revision=revision, message=commit_message)


class HierNLPPipeline(Pipeline):
    """``pipeline("hiernlp-analysis")``: text in, the document as a dictionary out.

    Called with a string, or with the words of one sentence as a tuple, it returns what ``Document.to_dict`` gives; with
    a list, whose sentences share batches, a list of those; with any other iterable, an iterator. ``tasks``,
    ``probabilities`` and ``batch_subwords`` mean what they mean for :class:`hiernlp.inference.analyzer.Analyzer`,
    whether given here or in a call. ``batch_size`` is not needed: sentences are batched by their subwords.
    """

    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False
    _load_tokenizer = False

    def __call__(self, inputs: Any, **parameters: Any) -> Any:  # noqa: ANN401 - as transformers has it
        """Analyse one text, a list of texts, or any number of them."""
        chosen = {**self._forward_params, **self._sanitize_parameters(**parameters)[1]}
        if isinstance(inputs, str | tuple):
            return self.run_single(inputs, {}, chosen, {})
        analyzer: Analyzer = self.model.analyzer  # pyright: ignore[reportAssignmentType]
        if isinstance(inputs, list):
            return [found.to_dict() for found in analyzer.documents(map(_words_listed, inputs), **chosen)]
        budget = {"batch_tokens": chosen.pop("batch_subwords")} if "batch_subwords" in chosen else {}
        return (found.to_dict() for found in analyzer.stream(map(_words_listed, inputs), **chosen, **budget))

    def _sanitize_parameters(self, **parameters: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:  # noqa: ANN401
        forward = {k: v for k, v in parameters.items() if k in ("tasks", "probabilities", "batch_subwords")}
        unknown = set(parameters) - set(forward) - {"batch_size", "num_workers", "use_fast"}
        if unknown:
            raise HierNLPError(
                f"{min(unknown)}: the pipeline has no such option; it has tasks, probabilities and batch_subwords"
            )
        return {}, forward, {}

    def preprocess(self, input_: Any, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002
        return {"text": _words_listed(input_)}

    def _forward(self, input_tensors: dict[str, Any], **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        analyzer: Analyzer = self.model.analyzer  # pyright: ignore[reportAssignmentType]
        return {"document": analyzer(input_tensors["text"], **parameters)}

    def postprocess(self, model_outputs: dict[str, Any], **parameters: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002
        return model_outputs["document"].to_dict()

    def save_pretrained(self, save_directory: str | os.PathLike[str], **others: Any) -> None:  # noqa: ANN401
        """Save the model's folder; no code is written beside it."""
        self.model.save_pretrained(save_directory, **others)

    def push_to_hub(self, repo_id: str, **others: Any) -> str:  # noqa: ANN401
        """Upload the model (see :meth:`HierNLPModel.push_to_hub`)."""
        model: HierNLPModel = self.model  # pyright: ignore[reportAssignmentType]
        return model.push_to_hub(repo_id, **others)


def _words_listed(text: Any) -> Any:  # noqa: ANN401 - what a user gives
    """Return an input as an analyzer takes it: transformers would take a list of words for several inputs."""
    return list(text) if isinstance(text, tuple) else text


def _number_format(dtype: str | torch.dtype | None) -> str:
    named = str(dtype).removeprefix("torch.")
    if named in ("None", "auto"):
        return "float32"
    if named not in FORMATS:
        raise HierNLPError(f"dtype: expected {' or '.join(FORMATS)}, found {named!r}")
    return named


def register() -> None:
    """Make the Auto classes and ``pipeline`` know models of hiernlp; a second call changes nothing."""
    AutoConfig.register(MODEL_TYPE, HierNLPConfig, exist_ok=True)
    AutoModel.register(HierNLPConfig, HierNLPModel, exist_ok=True)
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(TASK, pipeline_class=HierNLPPipeline, pt_model=AutoModel, type="text")
