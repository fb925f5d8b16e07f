"""The resolved configuration of a study: everything that decides its trials."""

import json
import re
from collections.abc import Mapping
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
from autotiny.runtimes._base import Target, checked_kernels
from autotiny.study.format import FORMAT, check_format
from autotiny.study.space import Choices, Range, SearchSpace
from autotiny.study.space_files import parse_space, read_space
from autotiny.tasks._assemble import TaskOptions
from autotiny.tasks._layout import Layout
from autotiny.tasks.metrics import METRICS, Metric
from autotiny.units import parse_seconds, parse_size
from autotiny.yaml_text import parse_yaml, read_yaml

#: What a front may trade off, beside the score, which any metric's name stands for.
_COSTS = ("flash", "ram", "latency", "energy")
SamplerName = Literal["tpe", "nsga2", "random"]

#: What each built-in task is searched with when no space is named; others are looked at.
_DEFAULT_SPACES = {
    "digits": "cnn",
    "mnist": "cnn",
    "fashion_mnist": "cnn",
    "cifar10": "cnn",
    "tones": "ds_cnn",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class StudyConfig(BaseModel):
    """Configuration of one study, as stored in ``config.yaml``.

    Attributes:
        study: Name, and folder in the studies directory.
        data: What ``autotiny.tasks.load_task`` takes.
        space: The whole search space, so that a study does not change when a file does.
        model: The user's trained Keras model, which takes the place of a family.
        model_sha256: Its fingerprint.
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


def resolve_config(
    options: Mapping[str, Any], *, config_file: Path | None, assignments: tuple[str, ...]
) -> StudyConfig:
    """Put command-line options, a study file and ``--set`` together.

    In rising order of rank: defaults, study file, options, ``--set``. A device counts as the sizes
    and the target that it sets: one that is typed outranks the file's ``flash``, ``ram`` and
    ``kernels``, and within one source these outrank the device.

    Args:
        options: Options as typed, by the keys of a study file; None is not given.
        config_file: A study YAML.
        assignments: ``key=value`` texts.

    Raises:
        InputError: Naming the key, the rule and the value given.
    """
    content = read_yaml(config_file) if config_file else {}
    merged = {str(key).replace("-", "_"): value for key, value in content.items()}
    assignments = (*_assignments(merged.pop("set", None)), *assignments)
    source = f"{config_file}: " if config_file else ""
    typed = {key: value for key, value in options.items() if value is not None}
    if "device" in typed:
        merged.pop("device", None)  # need not exist
    merged = expanded(merged)
    merged |= expanded(typed, merged.get("target"))
    data = str(merged.pop("data", "digits"))
    said = (merged.get(name) for name in ("task", "metric", "class_weights", "layout"))
    known = TaskOptions(*(None if value is None else str(value) for value in said))
    space = _resolve_space(merged.pop("space", None), data, known)
    model = merged.get("model")
    if model is not None:  # it brings its layers; the parameters are what is searched
        space = {key: value for key, value in space.items() if key not in ("family", "base")}
    space = apply_assignments(space, assignments)
    fields: dict[str, Any] = {"data": data, "space": parse_space(space, "search space")}
    study = merged.pop("study", None)
    base = Path(str(model)).stem if model is not None else str(space.get("family"))
    fields["study"] = _default_name(data, base) if study is None else str(study)
    if isinstance(merged.get("objectives"), str):
        merged["objectives"] = [part.strip() for part in merged["objectives"].split(",")]
    try:
        return StudyConfig.model_validate(fields | merged)
    except ValidationError as error:
        raise InputError(f"{source}{first_problem(error)}") from None


def expanded(source: Mapping[str, Any], target: Any = None) -> dict[str, Any]:
    """Return one source with sizes and times as numbers, and its device as what that sets.

    Args:
        source: Keys of a study file.
        target: What lower sources say of the target; None is nothing.
    """
    rest = dict(source)
    fields = _of_device(rest.pop("device", None), rest.get("runtime"))
    kernels = rest.pop("kernels", None)
    sizes = {
        f"{key}_bytes": parse_size(value, name=f"--{key.replace('_', '-')}", allow_zero=zero)
        for key, zero in (("flash", False), ("ram", False), ("app_flash", True), ("app_ram", True))
        if (value := rest.pop(key, None)) is not None
    }
    times = {
        f"{key}_s": parse_seconds(value, name=f"--{key}")
        for key in ("latency", "timeout")
        if (value := rest.pop(key, None)) is not None
    }
    fields = fields | rest | sizes | times
    if kernels is not None:
        fields["target"] = _with_kernels(fields.get("target", target), str(kernels))
    return fields


def _of_device(device: Any, runtime: Any) -> dict[str, Any]:
    """Return what a device sets: target, budgets and, where only one has room, the runtime."""
    if device is None:
        return {}
    from autotiny.devices import load_device

    loaded = load_device(str(device))
    chosen = str(runtime or loaded.runtime or "tflm")
    fields: dict[str, Any] = {"runtime": chosen} if chosen != "tflm" else {}
    target = asdict(loaded.to_target(chosen))
    sizes = {"flash_bytes": loaded.flash_bytes, "ram_bytes": loaded.ram_bytes}
    return fields | {"target": target} | sizes


def _with_kernels(target: Any, kernels: str) -> Any:
    """Return a target with other kernels; one that is no mapping is left for validation."""
    if target is None:
        target = asdict(Target())
    if not isinstance(target, dict):
        return target
    core = str(target.get("core", Target().core))
    return {**target, "kernels": checked_kernels(kernels, core)}


def _resolve_space(space: Any, data: str, options: TaskOptions) -> dict[str, Any]:
    if isinstance(space, dict):
        return dict(space)
    return read_space(_default_space(data, options) if space is None else str(space))


def _default_space(data: str, options: TaskOptions) -> str:
    """Return the space for data that comes without one, by what its samples are."""
    if data in _DEFAULT_SPACES:
        return _DEFAULT_SPACES[data]
    from autotiny.tasks import load_task

    task = load_task(data, seed=0, options=options)
    if task.goal.kind.name == "anomaly":
        return "autoencoder"
    return {"vector": "mlp", "signal": "cnn1d", "image": "cnn"}[task.layout]


def _assignments(content: Any) -> list[str]:
    """Return what a study file has under ``set``, a mapping or a list, as ``key=value`` texts.

    Raises:
        InputError: If it is neither.
    """
    if content is None:
        return []
    if isinstance(content, dict):
        return [f"{key}={json.dumps(value)}" for key, value in content.items()]
    if isinstance(content, list):
        return [str(text) for text in content]
    raise InputError(
        f"set must hold a mapping or a list of key=value, such as width: 0.5; got {content!r}."
    )


def apply_assignments(space: dict[str, Any], assignments: tuple[str, ...]) -> dict[str, Any]:
    """Apply ``key=value`` texts; a key that is not a section's is a hyperparameter's.

    Raises:
        InputError: If a text is no assignment.
    """
    for text in assignments:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise InputError(f"--set takes key=value, such as width=0.5; got {text!r}.")
        try:
            parsed = parse_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"--set {key} must be given a YAML value; got {value!r}.") from None
        path = key.split(".")
        if path[0] not in SearchSpace.model_fields:
            if (
                path[0] == "bits"
                and path[1:2]
                and path[1] not in Range.model_fields | Choices.model_fields
            ):
                path = [".".join(path[:2]), *path[2:]]  # of one layer
            path = ["parameters", *path]
        node = space
        for part in path[:-1]:
            child = node.get(part) or {}
            if not isinstance(child, dict):
                raise InputError(f"--set {key}: {part} holds no keys of its own.")
            node[part] = dict(child)
            node = node[part]
        node[path[-1]] = parsed
    return space


def _default_name(data: str, family: str) -> str:
    stem = Path(data).stem if data.endswith(".npz") else data.rpartition(":")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{stem}-{family}").strip("-._")[:64]


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
