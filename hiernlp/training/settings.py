"""Settings of sampling and training, as a recipe gives them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hiernlp.settings import Settings


class SamplingSettings(Settings):
    """Which corpus, and which of its tasks, the next batch trains."""

    order: Literal["mixed", "random", "sequential"] = "mixed"
    """``mixed``: a batch trains all tasks that its corpus annotates. ``random``: a batch trains one task, whichever is
    drawn; every batch of a corpus comes once for each of its tasks. ``sequential``: the same task by task, bottom-up:
    all batches of the lowest, then all of the next, in every epoch (Hashimoto et al. 2017, section 3.2)."""
    scheme: Literal["proportional", "sqrt", "temperature", "annealed", "uniform", "sequential"] = "proportional"
    """With n batches a corpus: ``proportional`` to n, to its square root, to n^(1/temperature); ``annealed``: from
    proportional at first to n^0.2 in the last epoch; ``uniform``; ``sequential``: all of the first corpus, then all of
    the second."""
    temperature: float = Field(default=2.0, gt=0)
    """For ``temperature``: 1 is proportional, large is nearly uniform."""
    batches_per_epoch: int | None = Field(default=None, ge=1)
    """Length of an epoch; by default as many batches as all corpora have (for each of their tasks, unless mixed)."""

    @model_validator(mode="after")
    def _length_is_known(self) -> Self:
        if self.order == "sequential" and self.batches_per_epoch is not None:
            raise ValueError(
                "batches_per_epoch: does not say how many batches each task gets; leave it out with "
                "`order: sequential`, in which every task sees all its batches"
            )
        return self


class SuccessiveSettings(Settings):
    """Successive regularisation (Hashimoto et al. 2017, section 3.2).

    While a task is trained, what the tasks below it use is held near the values that it had when their turn ended;
    while the lowest is trained, the embeddings are held near theirs at the end of the epoch before.
    """

    delta: float = Field(default=1e-3, ge=0)
    """Weight of the squared distance of the encoder's parameters."""
    head_delta: float = Field(default=1e-2, ge=0)
    """Weight of the squared distance of the lower tasks' own parameters and label embeddings."""


class TrainingSettings(Settings):
    """How long, how fast and how carefully to train."""

    seed: int = Field(default=1, ge=0)
    """Seed of initial weights, order of batches and dropout."""
    epochs: int = Field(default=5, ge=1)
    """Number of epochs."""
    batch_subwords: int = Field(default=1024, ge=8)
    """Most subwords a batch and process, padding included."""
    accumulation: int = Field(default=1, ge=1)
    """Batches a step; a loss is the mean over the whole step."""
    encoder_learning_rate: float = Field(default=2e-4, ge=0)
    """Highest learning rate of the encoder's top layer."""
    head_learning_rate: float = Field(default=1e-3, ge=0)
    """Highest learning rate of everything else."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Each lower layer learns this much slower than the one above it."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Decoupled weight decay of matrices; biases, norms and embeddings of labels have none."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of AdamW's moments."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """Learning rates after the warm-up: down to zero in a line or a half cosine, or as they are."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rates rise from zero."""
    clip: float | None = Field(default=1.0, gt=0)
    """Largest norm of the gradient; longer ones are scaled down."""
    adversarial_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Adversarial training (Miyato et al. 2017): add the gradient of a second pass over the batch in which the subword
    embeddings are moved by so much, a Euclidean length, along their gradient. Doubles the time of a step."""
    average: float | None = Field(default=None, ge=0, lt=1)
    """Score and save an exponential moving average of the weights over the steps, which keeps so much of itself in each
    step: 0.999 looks back about a thousand. By default the last step's weights."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the layers' products; losses and parameters stay in float32."""
    frozen_layers: int = Field(default=0, ge=0)
    """Keep the embeddings and this many layers as they are; 0 trains everything."""
    unfreeze_epochs: float = Field(default=0.0, ge=0)
    """Gradual unfreezing (Howard and Ruder 2018): begin with the heads alone, add the next layer from the top every so
    many epochs, the embeddings last; 0 for none."""
    evaluate_every: Literal["epoch"] | int = "epoch"
    """Evaluate on development data each epoch or every so many steps."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many evaluations without a better one."""
    select: str = "mean"
    """Choose the checkpoint by the ``mean`` of all tasks' relative scores, or by the task of this name. A relative
    score is (score - baseline) / (1 - baseline), the baseline being the majority's. With ``single_scores`` also by
    ``gain``, the mean over the tasks of (score - single) / |single|, or by ``no_loss``: by that gain among checkpoints
    where no task is below its single-task score, and before there is one, by the task that lost most."""
    single_scores: dict[str, Annotated[float, Field(allow_inf_nan=False)]] | str | None = None
    """What each task scores on the development data when trained alone: its main figure as a share of one by task, or
    a folder: one that ``hiernlp compare`` made, or ``training/single`` of a model trained with ``--single-tasks``."""
    teachers: dict[str, str | list[str]] | str | None = None
    """Models from which tasks learn beside the annotation (knowledge distillation, Hinton et al. 2015; by single-task
    models, Clark et al. 2019): by task a model folder or hub id, or several, which teach the mean of what they say; or
    ``alone``: with ``hiernlp compare``, each task's own model, trained alone first; or a folder: one that ``hiernlp
    compare`` made, or ``training/single`` of a model trained with ``--single-tasks``."""
    teaching: Literal["annealed"] | Annotated[float, Field(ge=0, le=1)] = "annealed"
    """Share of a target that the teacher gives, the rest being the annotation's: ``annealed`` from 1 at first down to 0
    at the end in a line (Clark et al. 2019), or a constant."""
    teaching_corpora: Literal["annotated", "all"] = "annotated"
    """Of which corpora teachers speak: of those that annotate the task, or of ``all`` whose rows, single sentences or
    pairs of them, the task reads. Where a corpus lacks the annotation, the teacher's is the whole target."""
    keep_auxiliary: bool = False
    """Save auxiliary tasks with the model, too."""
    best_per_task: bool = False
    """Besides the best model, keep the one of each task's own best evaluation, in ``training/best/<task>``."""
    converged_after: int | None = Field(default=None, ge=1)
    """A task counts as converged after so many evaluations without a better score, and wakes up when its score falls;
    by default no task does. ``patience`` looks at the figure that chooses checkpoints and ends training, this at each
    task alone; whichever comes first takes effect."""
    converged_margin: float = Field(default=0.0, ge=0)
    """How much a score must change to count as better, or as fallen."""
    converged: Literal["slow", "stop"] = "slow"
    """A converged task's loss is left out of all batches (``stop``) or of all but one in ``converged_every``
    (``slow``); a batch all of whose tasks are left out is not trained on. If with ``stop`` no task is left, training
    ends."""
    converged_every: int = Field(default=4, ge=2)
    """For ``slow``: the first of every so many batches of each corpus trains all its tasks."""

    successive: SuccessiveSettings | None = None
    """Hold the parameters of lower tasks while a higher one is trained; needs ``sampling.order: sequential``."""
    checkpoint_every: int | None = Field(default=None, ge=1)
    """Save a state to go on from every so many steps, besides after each evaluation."""
    log_every: int = Field(default=20, ge=1)
    """Steps between two lines of the log; only then are losses read back from the device."""
    tensorboard: bool | Literal["auto"] = "auto"
    """Write logs for TensorBoard too; ``auto``: if its package is installed."""
    evaluation_subwords: int = Field(default=4096, ge=8)
    """Most subwords a batch in evaluation, padding included."""
    workers: int = Field(default=0, ge=0)
    """Processes that prepare batches; 0 prepares them in the training process."""

    @model_validator(mode="after")
    def _embeddings_learn(self) -> Self:
        if self.adversarial_norm is not None and self.frozen_layers:
            raise ValueError("adversarial_norm: needs a gradient of the embeddings; leave `frozen_layers` out")
        return self

    @model_validator(mode="after")
    def _teaching_has_teachers(self) -> Self:
        for name in ("teaching", "teaching_corpora"):
            if self.teachers is None and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name}: has no effect without teachers; set `teachers`, too")
        return self

    @model_validator(mode="after")
    def _care_begins(self) -> Self:
        given = {"converged_margin", "converged", "converged_every"} & self.model_fields_set
        changed = [name for name in sorted(given) if getattr(self, name) != type(self).model_fields[name].default]
        if changed and self.converged_after is None:
            raise ValueError(f"{changed[0]}: has no effect before a task converges; set `converged_after`, too")
        return self
