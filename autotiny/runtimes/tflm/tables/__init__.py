"""Data tables of costs, with where they come from; ``README.md`` here decodes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_OTHER = "other"


@dataclass(frozen=True)
class MeasuredCore:
    """The measured core that a core is taken for.

    Attributes:
        name: Name of the measured core.
        code_error: Relative error of code sizes that taking one for the other adds.
        instructions_error: The same, of instructions.
    """

    name: str
    code_error: float = 0.0
    instructions_error: float = 0.0


@cache
def load_table(name: str) -> Mapping[str, Any]:
    """Return the table ``NAME.yaml``; its comments say what is in it."""
    import yaml

    text = files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return data


def measured_core(core: str) -> MeasuredCore:
    """Return what a core, as in ``cortex-m4``, is taken for."""
    cores = load_table("cores")
    entry = cores.get(core.lower(), cores[_OTHER])
    return MeasuredCore(
        entry["as"], entry.get("code_error", 0.0), entry.get("instructions_error", 0.0)
    )
