"""A trained model as a folder that loads with no recipe, no task files and no pickle.

- ``config.json``: the encoder's configuration, the tasks with their label spaces and places, the feeds;
- ``model.safetensors``: all weights;
- the tokenizer's files;
- ``recipe.yaml``: the resolved recipe, for the record; ``scores.json``: what the model scored;
- ``README.md``: the card, with ``layers.png``, its picture.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from hiernlp.agreement import Agreement
from hiernlp.encoder import Encoder
from hiernlp.encoding.subwords import EncodingSettings, SubwordEncoder
from hiernlp.errors import HierNLPError, ModelFolderError
from hiernlp.files import replaced_files
from hiernlp.hierarchy import Feed, Place
from hiernlp.hub.card import LAYERS, model_card
from hiernlp.hub.layers import draw_layers
from hiernlp.kinds._base import Labels
from hiernlp.model import HierarchicalModel
from hiernlp.pairs import PairReading, PairSettings
from hiernlp.registry import kinds, sharing
from hiernlp.settings import validate
from hiernlp.version import library_version

CONFIG, WEIGHTS, RECIPE, SCORES, CARD = "config.json", "model.safetensors", "recipe.yaml", "scores.json", "README.md"
TOKENIZER = "tokenizer.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
"""Names of files that may be pickles; none is ever read."""
FORMAT = 1
"""Version of the folder's layout."""


@dataclass(frozen=True)
class TaskRecord:
    """What a model folder keeps of one task."""

    kind: str
    options: dict[str, Any]
    labels: Labels
    place: Place
    shortcut: bool = False
    description: str = ""
    pair: dict[str, Any] | None = None


@dataclass(frozen=True)
class Bundle:
    """A model with all that is needed to use it.

    Attributes:
        model: the model.
        encoder: its subword encoder.
        encoding: how words are read.
        tasks: by name.
        sharing: name and options of the sharing scheme.
        language: language code of the rules that split raw text.
        recipe: the resolved recipe that it was trained by.
        scores: what it scored, as in ``scores.json``.
    """

    model: HierarchicalModel
    encoder: SubwordEncoder
    encoding: EncodingSettings
    tasks: dict[str, TaskRecord]
    sharing: tuple[str, dict[str, Any]] = ("hard", {})
    language: str = "en"
    recipe: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)


def build_model(
    encoder: Encoder,
    *,
    tasks: Mapping[str, TaskRecord],
    feeds: list[Feed],
    sharing_scheme: tuple[str, Mapping[str, Any]],
    letter_case: bool = False,
    agreements: Sequence[Agreement] = (),
    reversed_tasks: Collection[str] = (),
) -> HierarchicalModel:
    """Put heads on an encoder: the one way in which models are built, for training and from a folder."""
    scheme_class = sharing.load(sharing_scheme[0])
    scheme = scheme_class(encoder, options=validate(scheme_class.Options, sharing_scheme[1]), tasks=tuple(tasks))
    heads = {}
    pairs: dict[str, PairReading] = {}
    joined: list[str] = []
    without_dropout: list[str] = []
    symmetric: list[str] = []
    for name, task in tasks.items():
        kind = kinds.load(task.kind)
        options = validate(kind.Options, task.options, path=f"tasks.{name}.options")
        size = scheme.hidden_size
        if task.pair is not None:
            settings = validate(PairSettings, task.pair, path=f"tasks.{name}.pair")
            if settings.encode == "together":
                joined.append(name)
            if not settings.dropout:
                without_dropout.append(name)
            if settings.is_symmetric:
                symmetric.append(name)
            if settings.compares:
                pairs[name] = PairReading(size, settings)
                size = pairs[name].size
        heads[name] = kind(options=options, labels=task.labels, hidden_size=size)
    return HierarchicalModel(
        scheme,
        heads=heads,
        places={name: task.place for name, task in tasks.items()},
        feeds=feeds,
        shortcuts=[name for name, task in tasks.items() if task.shortcut],
        pairs=pairs,
        joined=joined,
        without_dropout=without_dropout,
        symmetric=symmetric,
        letter_case=letter_case,
        agreements=agreements,
        reversed_tasks=reversed_tasks,
    )


def restricted(bundle: Bundle, tasks: Collection[str]) -> Bundle:
    """Return a bundle of some of the tasks, whose model shares its parameters with the given one.

    Raises:
        HierNLPError: one of the tasks is fed by another that is to be left out.
    """
    return replace(
        bundle,
        model=bundle.model.restricted(tasks),
        tasks={task: record for task, record in bundle.tasks.items() if task in tasks},
    )


def save_bundle(bundle: Bundle, folder: Path) -> None:
    """Save a model folder; what lay there before stays until all is written, other files stay for good.

    Raises:
        ModelFolderError: the disk is full or cannot be written to.
    """
    with _replaced(folder, what="model") as new:
        write_bundle(bundle, new)


@contextmanager
def _replaced(folder: Path, *, what: str) -> Iterator[Path]:
    """Give an empty folder whose files take the places of those of ``folder``, if all goes well."""
    try:
        with replaced_files(folder) as new:
            yield new
    except (OSError, SafetensorError) as error:
        kept = f"; the model that was in {folder} is intact" if (folder / CONFIG).exists() else ""
        raise ModelFolderError(f"{folder}: the {what} cannot be saved ({error}){kept}") from error


def write_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a model folder's files into an existing folder."""
    (encoder,) = bundle.model.scheme.encoders[:1]
    config = {
        "model_type": "hiernlp",
        "format": FORMAT,
        "hiernlp_version": library_version(),
        "language": bundle.language,
        "encoder": json.loads(encoder.config.to_json_string(use_diff=False)),
        "encoding": bundle.encoding.model_dump() | {"limit": bundle.encoder.limit},
        "sharing": {"scheme": bundle.sharing[0], "options": dict(bundle.sharing[1])},
        "tasks": {name: asdict(task) for name, task in bundle.tasks.items()},
        "feeds": [asdict(feed) for feed in bundle.model.feeds],
        "agreements": [asdict(agreement) for agreement in bundle.model.agreements],
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
    state = {name: tensor.contiguous() for name, tensor in bundle.model.state_dict().items()}
    save_file(state, str(folder / WEIGHTS), metadata={"format": "pt"})
    bundle.encoder.tokenizer.save_pretrained(str(folder))
    if bundle.recipe:
        text = yaml.safe_dump(bundle.recipe, sort_keys=False, allow_unicode=True, width=120)
        (folder / RECIPE).write_text(text, encoding="utf-8")
    _write_scores(bundle, folder)
    write_card(bundle, folder)


def write_card(bundle: Bundle, folder: Path) -> None:
    """Write a model's card and its picture into an existing folder."""
    (folder / CARD).write_text(model_card(bundle), encoding="utf-8")
    (folder / LAYERS).write_bytes(draw_layers(bundle))


def rewrite_card(bundle: Bundle, folder: Path) -> None:
    """Write the card, its picture and the scores of a saved model anew.

    Raises:
        ModelFolderError: the disk is full or cannot be written to.
    """
    with _replaced(folder, what="card") as new:
        write_card(bundle, new)
        _write_scores(bundle, new)


def _write_scores(bundle: Bundle, folder: Path) -> None:
    if bundle.scores:
        (folder / SCORES).write_text(json.dumps(bundle.scores, indent=1, ensure_ascii=False), encoding="utf-8")


def load_bundle(
    folder: str | Path, *, attention: str | None = None, revision: str | None = None, token: str | bool | None = None
) -> Bundle:
    """Load a model from a folder, or from the hub by id; no code that lies there is run, and no pickle is read.

    Args:
        folder: a folder that training made, or a hub id.
        attention: implementation of attention, by default the best that the encoder has.
        revision: branch, tag or commit on the hub.
        token: what opens a private model on the hub; by default what the hub's own library knows.

    Raises:
        ModelFolderError: the folder is missing, incomplete or damaged.
    """
    path = _local(folder, revision=revision, token=token)
    config = _read_json(path / CONFIG)
    if config.get("model_type") != "hiernlp":
        raise ModelFolderError(
            f"{path / CONFIG}: expected a hiernlp model (model_type 'hiernlp'), found {config.get('model_type')!r}; "
            "give the folder that `hiernlp train --output` made"
        )
    if config.get("format") != FORMAT:
        raise ModelFolderError(
            f"{path / CONFIG}: expected format {FORMAT}, found {config.get('format')!r}; it was saved by hiernlp "
            f"{config.get('hiernlp_version')}, this is {library_version()}"
        )
    with _damage_in(path / CONFIG):
        tasks = {
            name: TaskRecord(**{**record, "place": Place(**record["place"])})
            for name, record in config["tasks"].items()
        }
        feeds = [Feed(**feed) for feed in config["feeds"]]
        agreements = [
            Agreement(tuple(a["tasks"]), tuple(map(tuple, a["combinations"])), a["unseen_cost"])
            for a in config.get("agreements", ())
        ]
        encoding = dict(config["encoding"])
        limit = int(encoding.pop("limit"))
        settings = validate(EncodingSettings, encoding, path="encoding")
        scheme = (config["sharing"]["scheme"], config["sharing"]["options"])
        encoder = Encoder.from_config(_encoder_config(config["encoder"]), attention=attention)
        model = build_model(
            encoder,
            tasks=tasks,
            feeds=feeds,
            sharing_scheme=scheme,
            letter_case=settings.letter_case,
            agreements=agreements,
        )
        for name, place in model.places.items():
            if not 0 <= place.low <= place.high <= model.scheme.depth:
                raise ValueError(f"tasks.{name}.place: not in an encoder of {model.scheme.depth} layers")
    _load_weights(model, path / WEIGHTS)
    if not (path / TOKENIZER).is_file():
        # Without its file a tokenizer of the encoder's type would be made that knows no subword.
        raise ModelFolderError(f"{path / TOKENIZER}: there is no tokenizer; save or copy the model again")
    with _damage_in(path / TOKENIZER):
        subwords = SubwordEncoder.from_pretrained(
            path, limit=limit, config=encoder.config, letter_case=settings.letter_case
        )
    return Bundle(
        model=model.eval(),
        encoder=subwords,
        encoding=settings,
        tasks=tasks,
        sharing=scheme,
        language=config.get("language", "en"),
        recipe=_read_yaml(path / RECIPE) if (path / RECIPE).exists() else {},
        scores=_read_json(path / SCORES) if (path / SCORES).exists() else {},
    )


@contextmanager
def _damage_in(file: Path) -> Iterator[None]:
    """Tell whatever a file's content makes go wrong in the block as one sentence on that file."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OSError, NotImplementedError) as error:
        first = next(iter(str(error).splitlines()), "")
        what = first if isinstance(error, HierNLPError) else f"{type(error).__name__}: {first[:300]}"
        raise ModelFolderError(f"{file}: damaged ({what}); save or copy the model again") from error


def _encoder_config(data: Mapping[str, Any]) -> Any:  # noqa: ANN401
    from transformers import AutoConfig  # noqa: PLC0415 - heavy

    rest = {key: value for key, value in data.items() if key not in ("model_type", "transformers_version")}
    rest.pop("auto_map", None)  # names of classes in files beside it, which are never run
    return AutoConfig.for_model(data["model_type"], **rest)


def _load_weights(model: HierarchicalModel, file: Path) -> None:
    pickles = sorted(found.name for pattern in PICKLES for found in file.parent.glob(pattern))
    if pickles and not file.exists():
        raise ModelFolderError(
            f"{file}: expected weights in safetensors, found {pickles[0]}, which can hold code that runs when it is "
            "read; save the model again with hiernlp"
        )
    try:
        state = load_file(str(file))
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(f"{file}: the weights cannot be read ({error}); save or copy the model again") from error
    expected = model.state_dict()
    missing, surplus = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    wrong = [name for name in expected if name in state and state[name].shape != expected[name].shape]
    if missing or surplus or wrong:
        name = (missing or surplus or wrong)[0]
        what = "lacks" if missing else "has, beyond what config.json says," if surplus else "has in another shape"
        raise ModelFolderError(f"{file}: does not fit config.json: it {what} {name!r}; save or copy the model again")
    model.load_state_dict(state)


def _local(folder: str | Path, *, revision: str | None, token: str | bool | None) -> Path:
    path = Path(folder).expanduser()
    if path.is_dir():
        return path
    if path.exists() or len(str(folder).split("/")) > 2 or str(folder).startswith((".", "/", "~")):  # noqa: PLR2004
        raise ModelFolderError(f"{folder}: expected a model folder, found {'a file' if path.exists() else 'nothing'}")
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for hub ids
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    try:
        return Path(
            snapshot_download(
                str(folder),
                revision=revision,
                token=token,
                allow_patterns=["*.json", "*.safetensors", "*.yaml", "*.txt", "*.md", "*.model"],
            )
        )
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelFolderError(f"{folder}: neither a folder here nor a model that the hub gives ({first})") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise ModelFolderError(f"{path}: not valid YAML ({first}); delete it or copy the model again") from error
    return found if isinstance(found, dict) else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFolderError(
            f"{path}: cannot be read ({error.strerror}); expected a model folder with this file"
        ) from error
    except ValueError as error:
        raise ModelFolderError(f"{path}: not valid JSON ({error}); save or copy the model again") from error
    if not isinstance(found, dict):
        raise ModelFolderError(f"{path}: expected a mapping, found {type(found).__name__}")
    return found
