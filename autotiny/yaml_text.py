"""YAML as users write it."""

import re
from pathlib import Path
from typing import Any

import yaml

from autotiny.errors import InputError


class _Loader(yaml.SafeLoader):
    """PyYAML with one YAML 1.2 rule: ``1e-4`` is a number, not text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+\Z"),
    list("-+.0123456789"),
)


def parse_yaml(text: str) -> Any:
    """Return the content of a YAML text."""
    return yaml.load(text, _Loader)  # a SafeLoader with one more rule


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML file's mapping.

    Raises:
        InputError: If it cannot be read or is not a mapping.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join((getattr(error, "strerror", None) or str(error)).split())
        raise InputError(f"{path} must be readable YAML; {reason}.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a YAML mapping; got {type(content).__name__}.")
    return content
