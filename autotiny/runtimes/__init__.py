"""Runtimes for microcontrollers, by name; TFLM is the first."""

from autotiny.errors import InputError
from autotiny.runtimes._base import Flavour, Footprint, KernelSet, Packed, Runtime, Target

__all__ = ["Flavour", "Footprint", "KernelSet", "Packed", "Runtime", "Target", "get_runtime"]


def get_runtime(name: str = "tflm", *, trusted: bool = True) -> Runtime:
    """Return a runtime by name.

    Args:
        name: Name of the runtime.
        trusted: Its models come from autotiny; others are run where they cannot crash us.

    Raises:
        InputError: If there is no runtime of that name.
    """
    if name == "tflm":
        from autotiny.runtimes.tflm.runtime import TflmRuntime

        return TflmRuntime(trusted=trusted)
    if name == "c":
        from autotiny.runtimes.c.runtime import CRuntime

        return CRuntime(trusted=trusted)
    raise InputError(f"--runtime must be tflm or c; got {name!r}.")
