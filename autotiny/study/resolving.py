"""Command-line options, a study file and ``--set`` put together to a study's configuration."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from autotiny.errors import InputError
from autotiny.problems import first_problem
from autotiny.runtimes._base import Target, checked_kernels, checked_optimise
from autotiny.study.config import StudyConfig
from autotiny.study.space import Choices, Range, SearchSpace
from autotiny.study.space_files import parse_space, read_space
from autotiny.tasks._assemble import TaskOptions
from autotiny.units import parse_seconds, parse_size
from autotiny.yaml_text import parse_yaml, read_yaml

#: What each built-in task is searched with when no space is named; others are looked at.
_DEFAULT_SPACES = {
    "digits": "cnn",
    "mnist": "cnn",
    "fashion_mnist": "cnn",
    "cifar10": "cnn",
    "tones": "ds_cnn",
}


def resolve_config(
    options: Mapping[str, Any], *, config_file: Path | None, assignments: tuple[str, ...]
) -> StudyConfig:
    """Put command-line options, a study file and ``--set`` together.

    In rising order of rank: defaults, study file, options, ``--set``. A device counts as the sizes
    and the target that it sets: one that is typed outranks the file's ``flash``, ``ram`` and
    ``kernels`` or ``optimise``, and within one source these outrank the device.

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
    if "target" in fields and isinstance(target, dict) and target.get("optimise"):
        fields["target"]["optimise"] = target["optimise"]  # no device has a form
    kernels, optimise = rest.pop("kernels", None), rest.pop("optimise", None)
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
    if optimise is not None:
        form = checked_optimise(str(optimise))
        fields["target"] = _with(fields.get("target", target), optimise=form)
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
    core = target.get("core", Target().core) if isinstance(target, dict) else Target().core
    return _with(target, kernels=checked_kernels(kernels, str(core)))


def _with(target: Any, **changes: str) -> Any:
    """Return a target with changes; one that is no mapping is left for validation."""
    if target is None:
        target = asdict(Target())
    return {**target, **changes} if isinstance(target, dict) else target


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
