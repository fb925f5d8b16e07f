"""``autotiny check``."""

from pathlib import Path

from autotiny.budget import Budget
from autotiny.errors import InputError
from autotiny.report.console import console
from autotiny.report.tables import footprint_table
from autotiny.runtimes import Target, get_runtime
from autotiny.units import parse_seconds, parse_size


def check_model(
    path: Path,
    flash: str | None,
    ram: str | None,
    app_flash: str | None,
    app_ram: str | None,
    latency: str | None,
    device: str | None,
) -> int:
    """Print whether a model fits and its breakdown; return the exit code."""
    budget, target = budget_and_target(flash, ram, latency, device)
    footprint = get_runtime(trusted=False).footprint(
        read_file(path),
        target,
        app_flash_bytes=parse_size(app_flash or "0", name="--app-flash", allow_zero=True),
        app_ram_bytes=parse_size(app_ram or "0", name="--app-ram", allow_zero=True),
    )
    fits = budget.fits(footprint)
    out = console()
    out.print(verdict(path, fits, target), style="bold")
    out.print(footprint_table(footprint, budget))
    return 0 if fits else 3


def read_file(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"A model must be a readable file; {path}: {error.strerror}.") from None


def verdict(path: Path, fits: bool, target: Target) -> str:
    """Return the first line of a check."""
    result = "fits" if fits else "does not fit"
    return f"{path.name} {result} ({target.name}, {target.kernels} kernels)"


def budget_and_target(
    flash: str | None, ram: str | None, latency: str | None, device: str | None
) -> tuple[Budget, Target]:
    """Return what a device and the options that override it allow.

    Raises:
        InputError: If an option is malformed, or a latency is asked for without a clock.
    """
    limits: dict[str, int] = {}
    target = Target()
    if device is not None:
        from autotiny.devices import load_device

        loaded = load_device(device)
        target = loaded.to_target()
        limits = {"flash_bytes": loaded.flash_bytes, "ram_bytes": loaded.ram_bytes}
    if flash is not None:
        limits["flash_bytes"] = parse_size(flash, name="--flash")
    if ram is not None:
        limits["ram_bytes"] = parse_size(ram, name="--ram")
    latency_s = None if latency is None else parse_seconds(latency, name="--latency")
    if latency_s is not None and target.clock_hz is None:
        raise InputError("--latency needs a device with a clock; name one with --device.")
    return Budget(**limits, latency_s=latency_s), target
