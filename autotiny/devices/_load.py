"""From a device's name or YAML file to a checked :class:`Device`."""

import difflib
import os
import re
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from autotiny.devices._device import Device
from autotiny.errors import InputError
from autotiny.runtimes._base import checked_kernels
from autotiny.units import parse_size

_FOLDER = Path(__file__).parent
_SIZES = ("flash_bytes", "ram_bytes")
#: What a file may say; the name is the file's own.
_KEYS = tuple(f.name for f in fields(Device) if f.name != "name")
Values = dict[str, Any]


def device_names() -> list[str]:
    """Return the names of the devices that come with autotiny, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("[!_]*.yaml"))


def load_device(name_or_path: str) -> Device:
    """Return a device by its name or from a YAML file of the user's own.

    Args:
        name_or_path: One of :func:`device_names`, or a path that ends in ``.yaml`` or ``.yml``.

    Raises:
        InputError: If there is no such device or file, or the file breaks a rule.
    """
    if _is_path(name_or_path):
        return _load(Path(name_or_path))
    names = device_names()
    if name_or_path not in names:
        close = difflib.get_close_matches(name_or_path.lower(), names, 3, 0.5)
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        raise InputError(
            f"A device must be one of {', '.join(names)} or the path of a .yaml file; "
            f"got {name_or_path!r}{hint}."
        )
    return _load(_FOLDER / f"{name_or_path}.yaml")


def _is_path(text: str) -> bool:
    return text.lower().endswith((".yaml", ".yml"))


def _load(path: Path) -> Device:
    values = _inherited(path, ())
    for key in _SIZES:
        if key in values:
            values[key] = parse_size(values[key], name=f"{path}: {key}")
    device = _validated(path, {**values, "name": path.stem})
    _check_consistency(path, device)
    return device


def _inherited(path: Path, descendants: tuple[Path, ...]) -> Values:
    """Return the file's keys over those of the files that it inherits from."""
    path = _resolved(path)
    if path in descendants:
        chain = " -> ".join(p.name for p in (*descendants, path))
        raise InputError(f"{path}: inheritance must end somewhere; got the circle {chain}.")
    values = _read(path)
    parent = values.get("inherits")
    if parent is None:
        return values
    if not isinstance(parent, str):
        raise InputError(f"{path}: inherits must be a name or a path; got {parent!r}.")
    base = _inherited(_parent_path(path, parent), (*descendants, path))
    return base | values | {"notes": _merged_notes(base, values)}


def _resolved(path: Path) -> Path:
    """Return one spelling per file, so that a circle is seen whatever way it is written."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise InputError(f"A device file must be readable; got {str(path)!r}: {error}.") from error


def _merged_notes(base: Values, values: Values) -> Any:
    """Return the file's notes and those inherited ones whose figure the file does not replace."""
    inherited, own = base.get("notes", {}), values.get("notes", {})
    if not isinstance(inherited, dict) or not isinstance(own, dict):
        return own  # validation says what is wrong with it
    return {key: note for key, note in inherited.items() if key not in values} | own


def _parent_path(path: Path, parent: str) -> Path:
    if _is_path(parent):
        return path.parent / parent
    built_in = _FOLDER / f"{parent}.yaml"
    if Path(parent).name == parent and built_in.is_file():
        return built_in
    known = ", ".join(sorted(p.stem for p in _FOLDER.glob("*.yaml")))
    raise InputError(f"{path}: inherits must be a .yaml file or one of {known}; got {parent!r}.")


def _read(path: Path) -> Values:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"A device file must be readable; got {str(path)!r}: {error.strerror}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: the file must be YAML; got {reason}.") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: the file must hold keys and values; got {values!r:.80}.")
    for key in values:
        if key not in _KEYS:
            _refuse_key(path, key)
    return values


def _refuse_key(path: Path, key: object) -> None:
    if key == "name":
        raise InputError(f"{path}: a device must be named by its file; got the key 'name'.")
    close = difflib.get_close_matches(str(key), _KEYS, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise InputError(f"{path}: keys must be among {', '.join(_KEYS)}; got {key!r}{hint}.")


@cache
def _model() -> Any:
    """Return a pydantic model with the fields of :class:`Device`, that takes no other type."""
    from pydantic import ConfigDict, create_model  # 0.1 s that naming devices should not take

    hints = get_type_hints(Device, include_extras=True)
    columns: Any = {
        f.name: (hints[f.name], ... if f.default is f.default_factory is MISSING else None)
        for f in fields(Device)
    }
    config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    return create_model("Device", __config__=config, **columns)


def _validated(path: Path, values: Values) -> Device:
    from pydantic import ValidationError

    try:
        given = _model()(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise InputError(f"{path}: key {place} must be present.") from error
        rule = re.sub(r"^(Input|String) should", "must", first["msg"])
        raise InputError(f"{path}: {place} {rule}; got {first['input']!r:.80}.") from error
    return Device(**given.model_dump(exclude_unset=True))


def _check_consistency(path: Path, device: Device) -> None:
    unknown = sorted(set(device.notes) - set(_KEYS))
    if unknown:
        raise InputError(f"{path}: notes must be on keys of the file; got {unknown[0]!r}.")
    if (device.runtime != "tflm") != (device.refusal is not None):
        raise InputError(
            f"{path}: a refusal must be given if and only if runtime is null or c; "
            f"got runtime {device.runtime!r} and refusal {device.refusal!r}."
        )
    checked_kernels(device.kernels, device.core, name=f"{path}: kernels")
    _check_version(path, device)
    if (device.active_ma is None) != (device.supply_v is None):
        raise InputError(
            f"{path}: active_ma and supply_v must be given together; "
            f"got {device.active_ma!r} and {device.supply_v!r}."
        )


def _check_version(path: Path, device: Device) -> None:
    from autotiny.runtimes.tflm.versions import version_names

    if device.tflm_version not in version_names():
        raise InputError(
            f"{path}: tflm_version must be one of {', '.join(version_names())}; "
            f"got {device.tflm_version!r}."
        )
