"""What the options that several commands share mean."""

import dataclasses
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from autotiny.budget.limits import Budget
from autotiny.errors import InputError
from autotiny.files import kind_of, other_kind
from autotiny.runtimes._base import Target, checked_kernels, checked_optimise
from autotiny.units import parse_seconds, parse_size


class Application(TypedDict):
    """What an application takes besides its model, in bytes."""

    app_flash_bytes: int
    app_ram_bytes: int


FORMATS = ("table", "json", "csv")
PLOT_SUFFIXES = (".svg", ".png")
#: Far above any microcontroller; keeps a wrong path from filling the memory.
_MAX_FILE_BYTES = 2**28
#: A damaged .tflite has no mark either: what is wrong with it is for its reader to say.
_UNKNOWN_KIND = "a file of another kind"


@dataclass(frozen=True)
class Limits:
    """Options about budget and target, as typed; None is not given.

    Attributes:
        flash: ``--flash``; overrides the device's.
        ram: ``--ram``; overrides the device's.
        app_flash: ``--app-flash``.
        app_ram: ``--app-ram``.
        latency: ``--latency``.
        device: ``--device``: name or path.
        kernels: ``--kernels``; overrides the device's.
        runtime: ``--runtime``, or that of the study.
        optimise: ``--optimise``, of the c runtime; overrides the study's.
    """

    flash: str | None = None
    ram: str | None = None
    app_flash: str | None = None
    app_ram: str | None = None
    latency: str | None = None
    device: str | None = None
    kernels: str | None = None
    runtime: str = "tflm"
    optimise: str | None = None

    def budget_and_target(
        self, budget: Budget | None = None, target: Target | None = None
    ) -> tuple[Budget, Target]:
        """Return what a device and the options that override it allow.

        Args:
            budget: Limits where nothing is typed; none by default.
            target: The target without a device; the generic one by default.

        Raises:
            InputError: If an option is malformed, the device cannot run models, or a latency is
                asked for without a clock.
        """
        limits = dict(budget.limits) if budget else {}
        target = target or Target()
        if self.device is not None:
            from autotiny.devices import load_device

            device = load_device(self.device)
            form = target.optimise
            target = dataclasses.replace(device.to_target(self.runtime), optimise=form)
            limits |= {"flash_bytes": device.flash_bytes, "ram_bytes": device.ram_bytes}
        if self.kernels is not None:
            kernels = checked_kernels(self.kernels, target.core)
            target = dataclasses.replace(target, kernels=kernels)
        if self.optimise is not None:
            if self.runtime != "c":
                raise InputError(
                    "--optimise is for compiled C: the runtime must be c (search --runtime c); it "
                    f"is {self.runtime}."
                )
            target = dataclasses.replace(target, optimise=checked_optimise(self.optimise))
        if self.flash is not None:
            limits["flash_bytes"] = parse_size(self.flash, name="--flash")
        if self.ram is not None:
            limits["ram_bytes"] = parse_size(self.ram, name="--ram")
        if self.latency is not None:
            limits["latency_s"] = parse_seconds(self.latency, name="--latency")
            if target.clock_hz is None:
                raise InputError("--latency needs a device with a clock; name one with --device.")
        return Budget(**limits), target  # type: ignore[arg-type]

    def application(self) -> Application:
        """Return the application's ``app_flash_bytes`` and ``app_ram_bytes``.

        Raises:
            InputError: If an option is malformed.
        """
        return {
            "app_flash_bytes": parse_size(
                self.app_flash or "0", name="--app-flash", allow_zero=True
            ),
            "app_ram_bytes": parse_size(self.app_ram or "0", name="--app-ram", allow_zero=True),
        }


def checked_format(output: str, allowed: tuple[str, ...] = FORMATS) -> str:
    """Return the value of ``--format``.

    Raises:
        InputError: If it is not among those allowed.
    """
    if output not in allowed:
        raise InputError(f"--format must be one of {', '.join(allowed)}; got {output!r}.")
    return output


def checked_plot(path: Path | None) -> Path | None:
    """Return the value of ``--plot``, before anything takes time.

    Raises:
        InputError: If the file cannot be a picture, or its folder does not exist.
    """
    if path is None:
        return None
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(
            f"--plot must be a file that ends in {' or '.join(PLOT_SUFFIXES)}; got {str(path)!r}."
        )
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--plot must be a file in a folder that exists; got {str(path)!r}.")
    return path


def read_model_file(path: Path) -> bytes:
    """Return a model file's bytes.

    Raises:
        InputError: If it is no regular file, cannot be read or is far too large.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(other_kind("A model to analyse must be a .tflite file", path))
        if not stat.S_ISREG(status.st_mode):
            reason = "Not a regular file"
        elif status.st_size > _MAX_FILE_BYTES:
            reason = f"It has {status.st_size:,} B, and {_MAX_FILE_BYTES:,} B is the most"
        else:
            data = path.read_bytes()
            if data[4:8] != b"TFL3" and kind_of(path) not in ("a TFLite model", _UNKNOWN_KIND):
                raise InputError(other_kind("A model to analyse must be a .tflite file", path))
            return data
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
    raise InputError(f"A model must be a readable file; {path}: {reason}.")
