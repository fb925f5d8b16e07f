"""The resolved configuration of a study: everything that decides its trials."""

import re
from dataclasses import asdict
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from autotiny.budget.limits import Budget
from autotiny.errors import InputError
from autotiny.problems import first_problem
from autotiny.runtimes._base import Target
from autotiny.study.format import FORMAT, check_format
from autotiny.study.space import SearchSpace
from autotiny.tasks._assemble import TaskOptions
from autotiny.tasks._layout import Layout
from autotiny.tasks.metrics import METRICS, Metric
from autotiny.yaml_text import read_yaml

#: What a front may trade off, beside the score, which any metric's name stands for.
_COSTS = ("flash", "ram", "latency", "energy")
SamplerName = Literal["tpe", "nsga2", "random"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class StudyConfig(BaseModel):
    """Configuration of one study, as stored in ``config.yaml``.

    Attributes:
        study: Name, and folder in the studies directory.
        data: What ``autotiny.tasks.load_task`` takes.
        space: The whole search space, so that a study does not change when a file does.
        model: The user's trained Keras model, which takes the place of a family.
        model_sha256: Its fingerprint.
        teacher: The user's trained model that teaches in place of the base model.
        teacher_sha256: Its fingerprint.
        flash_bytes: Budget; None is no limit.
        ram_bytes: Budget; None is no limit.
        latency_s: Budget on predicted latency; None is no limit.
        app_flash_bytes: Flash of the user's own application.
        app_ram_bytes: RAM of the user's own application.
        trials: How many trials the study shall have.
        timeout_s: When to stop asking for more; None is never.
        seed: Of every random choice.
        sampler: How candidates are proposed.
        objectives: What the front trades off.
        task: Kind of the task; None is inferred, and classification in studies of 0.2 and before.
        metric: What models are scored by; None is the kind's default, likewise accuracy.
        class_weights: What samples of rare classes count in training.
        head: Whether the device computes softmax, or leaves logits, whose order is the same.
        layout: What the axes of samples mean; None is inferred, likewise image.
        input_shape: Shape that a user's model takes samples in, where it is not the data's own.
        target: What the models will run on.
        runtime: Which runtime they run in.
        fingerprint: SHA-256 of the data.
        arrays: Shape and digest of each array of the data, to say what has changed.
        version: autotiny's version when the study was made.
        format: How its records are to be read; see ``study_format``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    study: str
    data: str
    space: SearchSpace
    model: str | None = None
    model_sha256: str = ""
    teacher: str | None = None
    teacher_sha256: str = ""
    flash_bytes: int | None = Field(default=None, gt=0)
    ram_bytes: int | None = Field(default=None, gt=0)
    latency_s: float | None = Field(default=None, gt=0)
    app_flash_bytes: int = Field(default=0, ge=0)
    app_ram_bytes: int = Field(default=0, ge=0)
    trials: int = Field(default=40, ge=1)
    timeout_s: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**31)
    sampler: SamplerName = "tpe"
    objectives: tuple[str, ...] = ("score", "flash", "ram")
    task: str | None = None
    metric: str | None = None
    class_weights: Literal["balanced"] | None = None
    head: Literal["linear", "softmax"] = "linear"
    layout: Layout | None = None
    input_shape: tuple[int, ...] | None = None
    target: dict[str, Any] = Field(default_factory=lambda: asdict(Target()))
    runtime: Literal["tflm", "c"] = "tflm"
    fingerprint: str = ""
    arrays: dict[str, str] = Field(default_factory=dict)
    version: str = ""
    format: int = Field(default=FORMAT, ge=1, le=FORMAT)

    @field_validator("study")
    @classmethod
    def _folder_name(cls, value: str) -> str:
        return checked_name(value)

    @field_validator("objectives")
    @classmethod
    def _accuracy_first(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in ("score", *METRICS, *_COSTS):
                raise ValueError(f"must be among score, {', '.join(_COSTS)}; got {name!r}")
        if not {"score", *METRICS} & set(value):
            raise ValueError("must hold score; without it the smallest model always wins")
        if len(set(value)) != len(value):
            raise ValueError(f"must name each objective once; got {', '.join(value)}")
        return value

    @field_validator("target")
    @classmethod
    def _known_target(cls, value: dict[str, Any]) -> dict[str, Any]:
        known = [field.name for field in fields_of(Target)]
        if unknown := set(value) - set(known):
            raise ValueError(f"target must hold {', '.join(known)} only; got {sorted(unknown)[0]}")
        try:
            TypeAdapter(Target).validate_python(value)
        except ValidationError as error:
            raise ValueError(first_problem(error, "target")) from None
        return value

    @model_validator(mode="after")
    def _one_base_model(self) -> "StudyConfig":
        if (self.model is None) == (self.space.family is None):
            raise ValueError(
                "a study needs either a family in its search space or a model of the user's; got "
                + ("neither" if self.model is None else f"{self.space.family} and {self.model}")
            )
        return self

    @model_validator(mode="after")
    def _latency_needs_a_clock(self) -> "StudyConfig":
        timed = {"latency", "energy"} & set(self.objectives) or self.latency_s
        if timed and not self.target.get("clock_hz"):
            raise ValueError(
                "latency and energy need a device with a clock; name one with --device"
            )
        if "energy" in self.objectives and not (self.device.active_ma and self.device.supply_v):
            raise ValueError(
                f"energy needs a device whose current and voltage are known; {self.device.name} "
                "has none"
            )
        return self

    @model_validator(mode="after")
    def _forms_are_of_compiled_c(self) -> "StudyConfig":
        if self.device.optimise != "size" and self.runtime != "c":
            raise ValueError(
                f"optimise {self.device.optimise} is a form of compiled C; the runtime must be c "
                f"(--runtime c); got {self.runtime}"
            )
        return self

    @property
    def task_options(self) -> TaskOptions:
        """What is known of the task: what the user says of a new one, else what was found then."""
        if self.fingerprint and self.task is None:  # made before there was anything to say
            rank = self.arrays.get("x_train", "").split(" ")[0].count("x")
            return TaskOptions("classification", layout="vector" if rank == 1 else "image")
        return TaskOptions(self.task, self.metric, self.class_weights, self.layout)

    @property
    def score(self) -> Metric:
        """What models are scored by."""
        return METRICS[self.metric or "accuracy"]

    @property
    def named_objectives(self) -> tuple[str, ...]:
        """The objectives, the score under its metric's name."""
        return tuple(self.score.name if name == "score" else name for name in self.objectives)

    @property
    def base_name(self) -> str:
        """What the base model is: the user's file, or a family."""
        return self.model or str(self.space.family)

    @property
    def budget(self) -> Budget:
        """The limits a trial must keep."""
        return Budget(self.flash_bytes, self.ram_bytes, self.latency_s)

    @property
    def device(self) -> Target:
        """The target as the runtime takes it."""
        return Target(**self.target)


def checked_name(name: str) -> str:
    """Return a study's name if it can be a folder's.

    Raises:
        InputError: If it cannot.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            "A study's name must be 1 to 64 letters, digits, dots, dashes or underscores and start "
            f"with a letter or digit; got {name!r}."
        )
    return name


def save_config(config: StudyConfig, path: Path) -> None:
    """Write ``config.yaml``."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=100)
    path.write_text(f"# The configuration this study was started with.\n{text}", encoding="utf-8")


def load_config(path: Path) -> StudyConfig:
    """Read ``config.yaml``.

    Raises:
        InputError: If it was damaged.
    """
    content = read_yaml(path)
    check_format(content, str(path))
    try:
        return StudyConfig.model_validate({"format": 1} | content)
    except ValidationError as error:
        raise InputError(f"{path}: {first_problem(error)}") from None
