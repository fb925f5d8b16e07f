"""Search spaces as files: those that come with autotiny, and the user's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autotiny.errors import InputError
from autotiny.problems import first_problem
from autotiny.resources import resource_dir
from autotiny.study.space import SearchSpace
from autotiny.yaml_text import read_yaml


def space_names() -> list[str]:
    """Return the names of the spaces that come with autotiny."""
    return sorted(path.stem for path in resource_dir("search_spaces").glob("*.yaml"))


def read_space(name_or_path: str) -> dict[str, Any]:
    """Return the YAML of a built-in space or of a file, not yet validated.

    Raises:
        InputError: If there is no such space or the file is not YAML.
    """
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise InputError(f"A search space must be an existing YAML file; {path} is not there.")
    elif name_or_path in space_names():
        path = resource_dir("search_spaces") / f"{name_or_path}.yaml"
    else:
        raise InputError(
            f"A search space must be one of {', '.join(space_names())} or a .yaml file; "
            f"got {name_or_path!r}."
        )
    return read_yaml(path)


def parse_space(content: Mapping[str, Any], source: str) -> SearchSpace:
    """Validate a search space.

    Raises:
        InputError: Naming the key, the rule and the value given.
    """
    try:
        return SearchSpace.model_validate(dict(content))
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from None
