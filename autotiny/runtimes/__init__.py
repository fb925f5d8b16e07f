"""Runtimes for microcontrollers, by name; TFLM is the first."""

from importlib import import_module

from autotiny.errors import InputError
from autotiny.runtimes._base import Flavour, Footprint, KernelSet, Packed, Runtime, Target

__all__ = [
    "RUNTIMES",
    "Flavour",
    "Footprint",
    "KernelSet",
    "Packed",
    "Runtime",
    "Target",
    "get_runtime",
]

#: Every runtime: its module, which is imported when it is asked for, and its class.
RUNTIMES: dict[str, tuple[str, str]] = {
    "tflm": ("autotiny.runtimes.tflm.runtime", "TflmRuntime"),
    "c": ("autotiny.runtimes.c.runtime", "CRuntime"),
}


def get_runtime(name: str = "tflm", *, trusted: bool = True) -> Runtime:
    """Return a runtime by name.

    Args:
        name: Name of the runtime.
        trusted: Its models come from autotiny; others are run where they cannot crash us.

    Raises:
        InputError: If there is no runtime of that name.
    """
    if name not in RUNTIMES:
        raise InputError(f"--runtime must be {' or '.join(RUNTIMES)}; got {name!r}.")
    module, runtime = RUNTIMES[name]
    made: Runtime = getattr(import_module(module), runtime)(trusted=trusted)
    return made
