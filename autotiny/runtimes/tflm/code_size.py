"""Flash that TFLM's code takes for the operators a model uses, from ``code_size.yaml``."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from autotiny.errors import UnsupportedModelError
from autotiny.runtimes._base import Target


@cache
def table() -> Mapping[str, Any]:
    """Return the data table; see the comments in the file."""
    import yaml

    text = files("autotiny.runtimes.tflm").joinpath("code_size.yaml").read_text("utf-8")
    data: Mapping[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return data


def runtime_bytes(operators: Iterable[str], target: Target, *, int8_only: bool = False) -> int:
    """Return the bytes of interpreter, start-up and kernels, without the model.

    Args:
        operators: Names of the operators a model uses; repeats do not matter.
        target: Its kernel set decides the table.
        int8_only: The firmware registers CMSIS-NN's kernels for int8 alone, which the model's
            operators must then all be. The reference kernels have no such form.

    Raises:
        UnsupportedModelError: If an operator's code size is not known.
    """
    kernels = table()["kernel_sets"][target.kernels]
    parts, alone = kernels["parts"], kernels["alone"]
    if int8_only and "int8" in kernels:
        parts = parts | kernels["int8"]["parts"]
        alone = alone | kernels["int8"]["alone"]
    used = sorted(set(operators))
    for name in used:
        if name not in alone:
            raise UnsupportedModelError(
                f"The code size of operator {name} is not known (known are "
                f"{', '.join(sorted(alone))})."
            )
    shared = [set(kernels["shares"].get(name, ())) for name in used]
    total: int = table()["core"] + sum(alone[name] for name in used)
    total -= sum(parts[part] for names in shared for part in names)
    once: int = sum(parts[part] for part in set[str]().union(*shared))
    return total + once
