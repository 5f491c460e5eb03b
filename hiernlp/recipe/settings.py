"""What a recipe states. Each component's own settings are nested here, none is copied."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat, StrictInt, WithJsonSchema, model_validator

from hiernlp.corpora import Split
from hiernlp.encoding.corruption import ViewSettings
from hiernlp.encoding.subwords import EncodingSettings
from hiernlp.errors import did_you_mean
from hiernlp.pairs import PairSettings
from hiernlp.probing.settings import ProbeSettings
from hiernlp.registry import Room, auxiliary, balancing, gating, kinds, readers, sharing
from hiernlp.settings import Settings
from hiernlp.training.gain import GAIN, NO_LOSS
from hiernlp.training.schedules import Reversal, WeightSchedule
from hiernlp.training.settings import SamplingSettings, TrainingSettings

Level = Literal["bottom", "low", "middle", "high", "top"]
AUTO = "auto"
"""The place of a task whose layer the probe finds."""
ENCODER = "encoder"
"""The target of a feed into the encoder's own states; no task may have this name."""
CHOICES = ("mean", GAIN, NO_LOSS)
"""What ``training.select`` may say besides a task; no task may have such a name."""


def _known(room: Room) -> AfterValidator:
    def check(name: str) -> str:
        if name not in room.names():
            raise ValueError(f"there is no {room.what} {name!r}{did_you_mean(name, room.names())}")
        return name

    return AfterValidator(check)


def _as_list(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    return [value] if isinstance(value, str) else value


_STRING: dict[str, Any] = {"type": "string"}
Strings = Annotated[
    list[str],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [_STRING, {"type": "array", "items": _STRING}]}),
]
"""One string or a list of strings."""


class EncoderSettings(Settings):
    """The pretrained encoder."""

    name: str = "minilm"
    """A hub id, a local folder, or ``minilm`` (all-MiniLM-L6-v2, from an installed package or else from the hub)."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] | None = None
    """Implementation of attention; by default the best that the encoder has."""
    gradient_checkpointing: bool = False
    """Recompute inner states in the backward pass to save memory."""
    compile: bool = False
    """Compile each layer with ``torch.compile``; set ``encoding.pad_to_multiple`` for few lengths."""
    config: dict[str, Any] = {}
    """Values to change in the encoder's configuration, such as ``hidden_dropout_prob``."""


class CorpusSettings(Settings):
    """One corpus: how to read it and where its splits are."""

    reader: Annotated[str, _known(readers)]
    """Name of a reader: ``conllu``, ``columns``, ``tables``, ``hub``."""
    options: dict[str, Any] = {}
    """The reader's own settings."""
    train: Strings = []
    """Files or patterns, from the recipe's folder; for the reader ``hub``, names of splits."""
    dev: Strings = []
    """Development data, by which checkpoints are chosen."""
    test: Strings = []
    """Test data, for ``hiernlp evaluate`` only."""
    repeat: int = Field(default=1, ge=1)
    """How many times an epoch goes through the training data: more than once for a corpus that is small beside the
    others."""
    split: Split = Split()
    """Shares to cut from the training data, and how much of the rest to train on."""
    rename: dict[str, str] = {}
    """Other names for annotation columns, by the reader's names: two corpora whose labels differ in kind (``upos`` of
    one, ``upos: old_upos`` of the other) then train two tasks, each with a label space of its own."""

    description: str = ""
    """What the corpus is, in a sentence, for the model card."""
    licence: str = ""
    """The licence of its texts and annotations, for the model card."""
    url: str = ""
    """Where it is described or to be had, for the model card."""

    @model_validator(mode="after")
    def _has_training_data(self) -> CorpusSettings:
        if not self.train:
            raise ValueError("expected training data under `train`, found none")
        return self


class Mix(Settings):
    """A learned scalar mix over a range of layers."""

    mix: tuple[StrictInt, StrictInt]
    """First and last layer."""


Fraction = Annotated[StrictFloat, Field(ge=0, le=1)]
LayerNumber = Annotated[StrictInt, Field(ge=0)]


class HintSettings(Settings):
    """Where the labels of a task come from that nobody annotated."""

    maker: Annotated[str, _known(auxiliary)]
    """Name of a label maker: ``lexicon``, ``number``, ``shape``, ``frequency``, ``predicate``, ..."""
    options: dict[str, Any] = {}
    """The maker's own settings."""


class GateSettings(Settings):
    """How much of what a helper teaches is let through, learnt while training goes on."""

    method: Annotated[str, _known(gating)]
    """Name of a gate: ``similarity`` (of gradients) or ``held_out`` (loss)."""
    options: dict[str, Any] = {}
    """The gate's own settings."""


class TaskSettings(Settings):
    """One task: its kind and its place in the hierarchy."""

    kind: Annotated[str, _known(kinds)]
    """Name of a kind: ``token_labels``, ``flat_spans``, ``nested_spans``, ``dependencies``, ``sentence_labels``, ..."""
    options: dict[str, Any] = {}
    """The kind's own settings."""
    place: LayerNumber | Fraction | Literal[Level, "auto"] | Mix = "top"
    """The layer that the task reads, counted from the embeddings (layer 0): a number, a fraction of the depth, a level
    (``bottom`` is layer 0, ``low`` a quarter of the depth, ``middle`` a half, ``high`` three quarters,
    ``top`` all), a learned mix of a range, or ``auto``: before training, the layer probe finds the smallest layer that
    suits the task (see ``probe``)."""
    weight: float = Field(default=1.0, ge=0)
    """Weight of the task's loss."""
    learning_rate: float | None = Field(default=None, ge=0)
    """Highest learning rate of the task's own parameters; by default ``training.head_learning_rate``."""
    shortcut: bool = False
    """Let the head read layer 0 besides its place."""
    pair: PairSettings | None = None
    """For a task on pairs of sentences: how they are read; by default the task reads one sentence."""
    corpora: Strings | None = None
    """The corpora that train and test this task; by default all that have its annotation."""
    auxiliary: bool = False
    """Whether the task only helps the others: it is trained and scored, but chooses no checkpoint and is not saved with
    the model, unless ``training.keep_auxiliary``. With weight 0 it is left out altogether."""
    hint: HintSettings | None = None
    """Make the task's labels from the corpus, as the annotation of the task's name; such a task is auxiliary, and takes
    its kind and column from the maker unless it has them."""
    view: ViewSettings | None = None
    """For an auxiliary task: read a changed copy of the sentences, with words hidden, in a run of the encoder of its
    own; such a task is never saved."""
    schedule: WeightSchedule | None = None
    """How the weight changes over training; by default it stays."""
    reversal: Reversal | None = None
    """Work against what the task reads (an adversary): what lies below unlearns what the head learns."""
    gate: GateSettings | None = None
    """For an auxiliary task: learn how much of its gradient reaches what it shares with the main tasks, so that a
    helper that does harm is shut out."""
    description: str = ""
    """What the task is, in a sentence."""


class FeedSettings(Settings):
    """A lower task's beliefs fed upward: its expected label embedding, zero at the start."""

    source: str = Field(alias="from")
    """The task whose beliefs are fed."""
    to: Strings = [ENCODER]
    """``encoder``: added to the words' states above the task's layer, so that all above reads it; or names of tasks
    whose heads alone read it."""
    gradient: Literal["through", "detached"] = "through"
    """Whether the fed task learns from those above through its beliefs."""


class AgreementSettings(Settings):
    """Tasks whose labels of a word go together: the model answers with a combination that training data have."""

    tasks: list[str] = Field(min_length=2)
    """The tasks, such as UPOS, XPOS and features, which a corpus annotates together."""
    unseen_cost: float = Field(default=5.0, ge=0)
    """How much more probable (a difference of log-probabilities, in nats) what each task says by itself has to be than
    every combination of the training data to be answered in place of one."""


class SharingSettings(Settings):
    """Which tasks share which layers."""

    scheme: Annotated[str, _known(sharing)] = "hard"
    """Name of a sharing scheme."""
    options: dict[str, Any] = {}
    """The scheme's own settings."""


class BalancingSettings(Settings):
    """How the tasks' losses become one."""

    method: Annotated[str, _known(balancing)] = "fixed"
    """Name of a balancing method."""
    options: dict[str, Any] = {}
    """The method's own settings."""


class Recipe(Settings):
    """Everything about one training run."""

    description: str = ""
    """What the recipe is for, in a sentence."""
    licence: str = ""
    """The licence of the trained model, as the hub names it (``apache-2.0``, ``cc-by-4.0``, ...), for its card."""
    language: str = "en"
    """Language code (ISO 639-1) of the rules that split raw text into sentences and words."""
    encoder: EncoderSettings = EncoderSettings()
    encoding: EncodingSettings = EncodingSettings()
    corpora: dict[str, CorpusSettings] = Field(min_length=1)
    tasks: dict[str, TaskSettings] = Field(min_length=1)
    feeds: list[FeedSettings] = []
    agreements: list[AgreementSettings] = []
    sharing: SharingSettings = SharingSettings()
    sampling: SamplingSettings = SamplingSettings()
    balancing: BalancingSettings = BalancingSettings()
    training: TrainingSettings = TrainingSettings()
    probe: ProbeSettings = ProbeSettings()

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        for task, settings in self.tasks.items():
            if task == ENCODER or not task.replace("_", "").replace("-", "").isalnum():
                raise ValueError(
                    f"tasks.{task}: expected a name of letters, digits, '_' and '-', other than {ENCODER!r}"
                )
            for corpus in settings.corpora or []:
                if corpus not in self.corpora:
                    raise ValueError(
                        f"tasks.{task}.corpora: there is no corpus {corpus!r}{did_you_mean(corpus, self.corpora)}"
                    )
        if self.training.successive is not None:
            if self.sampling.order != "sequential":
                raise ValueError(
                    "training.successive: holds lower tasks while a higher one has its turn; set "
                    f"`sampling.order: sequential`, found {self.sampling.order}"
                )
            if self.training.precision == "float16":
                raise ValueError("training.successive: expected precision float32 or bfloat16, found float16")
        seen = set()
        for i, feed in enumerate(self.feeds):
            for key, name in [("from", feed.source)] + [("to", target) for target in feed.to if target != ENCODER]:
                if name not in self.tasks:
                    raise ValueError(f"feeds.{i}.{key}: there is no task {name!r}{did_you_mean(name, self.tasks)}")
            for target in feed.to:
                if (feed.source, target) in seen:
                    raise ValueError(f"feeds.{i}: {feed.source!r} is fed to {target!r} twice")
                seen.add((feed.source, target))
        return self

    @property
    def saved_tasks(self) -> list[str]:
        """The tasks that are saved with a model."""
        kept = self.training.keep_auxiliary
        return [t for t, s in self.tasks.items() if not s.auxiliary or (kept and s.view is None)]

    @property
    def main_tasks(self) -> list[str]:
        """The tasks that are not auxiliary: what a model is trained for."""
        return [task for task, settings in self.tasks.items() if not settings.auxiliary]

    @model_validator(mode="after")
    def _helpers_help(self) -> Recipe:
        if not self.main_tasks:
            raise ValueError("tasks: expected at least one task that is not auxiliary, found none")
        for task, settings in self.tasks.items():
            if settings.hint is not None and not settings.auxiliary:
                raise ValueError(f"tasks.{task}.auxiliary: a hint is auxiliary; leave it out, or set it to true")
            if settings.view is not None and (not settings.auxiliary or settings.pair is not None):
                found = "a main task" if not settings.auxiliary else "one on pairs of sentences"
                raise ValueError(f"tasks.{task}.view: expected an auxiliary task on single sentences, found {found}")
            if settings.gate is not None and not settings.auxiliary:
                raise ValueError(
                    f"tasks.{task}.gate: expected an auxiliary task, found a main one; set `auxiliary: true`"
                )
            if settings.gate is not None and settings.reversal is not None:
                raise ValueError(
                    f"tasks.{task}.gate: an adversary is meant to work against the others, so that no gate can tell "
                    "whether it helps; take out `gate` or `reversal`"
                )
        if self.training.select in self.tasks and self.tasks[self.training.select].auxiliary:
            raise ValueError(f"training.select: {self.training.select!r} is auxiliary; choose by another task")
        return self

    @model_validator(mode="after")
    def _views_have_answers(self) -> Recipe:
        for task, settings in self.tasks.items():
            view = {} if settings.hint is None else auxiliary.load(settings.hint.maker).view
            of_maker = view.get("answer") == "replaced"
            if of_maker != (settings.view is not None and settings.view.answer == "replaced"):
                raise ValueError(
                    f"tasks.{task}.view.answer: 'replaced' goes with the label maker `replaced`, and with no other; "
                    "leave it out"
                )
            if of_maker and settings.place == AUTO:
                raise ValueError(
                    f"tasks.{task}.place: the probe reads sentences as they are, in which no word is replaced; give a "
                    "layer"
                )
        return self

    @model_validator(mode="after")
    def _feeds_of_helpers_fit(self) -> Recipe:
        for i, feed in enumerate(self.feeds):
            if self.tasks[feed.source].view is not None:
                raise ValueError(
                    f"feeds.{i}: {feed.source!r} reads a view of its own, so that it can feed no other task"
                )
            helper = self.tasks[feed.source].auxiliary
            main = any(target == ENCODER or not self.tasks[target].auxiliary for target in feed.to)
            if helper and main and not self.training.keep_auxiliary:
                raise ValueError(
                    f"feeds.{i}: {feed.source!r} is auxiliary and left out of the saved model, where it could feed "
                    "nothing; take out the feed, or set `training.keep_auxiliary: true`"
                )
            for target in feed.to:
                if target != ENCODER and self.tasks[target].reversal is not None:
                    raise ValueError(
                        f"feeds.{i}: {target!r} works against what it reads (`reversal`), so that it is fed nothing"
                    )
                if target != ENCODER and self.tasks[target].gate is not None:
                    raise ValueError(
                        f"feeds.{i}: the gate of {target!r} holds back what it teaches, which a feed would let "
                        "through; take out the feed or the gate"
                    )
        return self

    @model_validator(mode="after")
    def _agreements_fit(self) -> Recipe:
        seen = set[str]()
        for i, agreement in enumerate(self.agreements):
            for task in agreement.tasks:
                where = f"agreements.{i}.tasks"
                if task not in self.tasks:
                    raise ValueError(f"{where}: there is no task {task!r}{did_you_mean(task, self.tasks)}")
                if task in seen:
                    raise ValueError(f"{where}: {task!r} is named twice; each task agrees with others once")
                if self.tasks[task].auxiliary or self.tasks[task].pair is not None:
                    found = "an auxiliary one" if self.tasks[task].auxiliary else "one on pairs"
                    raise ValueError(f"{where}: expected main tasks on single sentences, found {found}, {task!r}")
                seen.add(task)
        return self

    @model_validator(mode="after")
    def _probe_fits(self) -> Recipe:
        for task in self.probe.options:
            if task not in self.tasks:
                raise ValueError(f"probe.options: there is no task {task!r}{did_you_mean(task, self.tasks)}")
        return self

    @model_validator(mode="after")
    def _choice_fits(self) -> Recipe:
        for task in self.tasks:
            if task in CHOICES:
                raise ValueError(f"tasks.{task}: expected another name, since training.select: {task} means no task")
        if self.training.select not in (*CHOICES, *self.tasks):
            raise ValueError(
                f"training.select: expected 'mean', 'gain', 'no_loss' or a task, found {self.training.select!r}"
                f"{did_you_mean(self.training.select, [*CHOICES, *self.tasks])}"
            )
        single = self.training.single_scores
        for task in single if isinstance(single, dict) else ():
            if task not in self.tasks:
                raise ValueError(f"training.single_scores: there is no task {task!r}{did_you_mean(task, self.tasks)}")
        return self

    @model_validator(mode="after")
    def _teachers_fit(self) -> Recipe:
        teachers = self.training.teachers
        for task, models in teachers.items() if isinstance(teachers, dict) else ():
            where = f"training.teachers.{task}"
            if task not in self.tasks:
                raise ValueError(f"{where}: there is no such task{did_you_mean(task, self.tasks)}")
            if not kinds.load(self.tasks[task].kind).can_be_taught:
                raise ValueError(f"{where}: a task of the kind {self.tasks[task].kind!r} cannot be taught by a model")
            if self.tasks[task].view is not None:
                raise ValueError(f"{where}: {task!r} reads a view of its own, which no teacher sees")
            if not models:
                raise ValueError(f"{where}: expected a model or several, found none; name one or leave the task out")
            if not isinstance(models, str) and len({*models}) < len(models):
                raise ValueError(f"{where}: expected different models, found {', '.join(models)}; name each once")
        return self
