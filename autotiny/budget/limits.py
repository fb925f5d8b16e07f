"""What the user may spend, and by how much a footprint overspends it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autotiny.units import format_bytes, format_seconds

#: Excess told of a figure that is not known, as a share of the limit: it never counts as fitting.
UNKNOWN_EXCESS = 10.0


#: The limits there are, by the names of their figures, as a person would say them.
LIMIT_NAMES = {"flash_bytes": "flash", "ram_bytes": "RAM", "latency_s": "time per inference"}


def limit_amount(name: str, value: float) -> str:
    """Return an amount of what a limit is on, with its unit."""
    return format_seconds(value) if name == "latency_s" else format_bytes(int(value))


class Spent(Protocol):
    """Anything whose flash, RAM and latency are known or said to be unknown."""

    @property
    def flash_bytes(self) -> int | None:
        """Flash in all."""
        ...

    @property
    def ram_bytes(self) -> int | None:
        """RAM in all."""
        ...

    @property
    def latency_s(self) -> float | None:
        """Seconds per inference."""
        ...


@dataclass(frozen=True)
class Budget:
    """Limits on a footprint; None means no limit.

    Attributes:
        flash_bytes: Limit on ``Footprint.flash_bytes``.
        ram_bytes: Limit on ``Footprint.ram_bytes``.
        latency_s: Limit on predicted seconds per inference.
    """

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    latency_s: float | None = None

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits that are set, by name."""
        return {n: getattr(self, n) for n in LIMIT_NAMES if getattr(self, n) is not None}

    def arena_limit(self, *, overhead_ram_bytes: int, app_ram_bytes: int) -> int | None:
        """Return what RAM leaves for the runtime's working memory; None without a limit."""
        if self.ram_bytes is None:
            return None
        return self.ram_bytes - app_ram_bytes - overhead_ram_bytes

    def excess(self, spent: Spent) -> dict[str, float]:
        """Return used minus budget for every limit that is set; all <= 0 means it fits.

        What is not known is infinitely too much: unknown is never counted as zero.
        """
        used = {name: getattr(spent, name) for name in self.limits}
        return {
            name: math.inf if used[name] is None else used[name] - limit
            for name, limit in self.limits.items()
        }

    def relative_excess(self, spent: Spent) -> dict[str, float]:
        """Return the excesses as shares of their limits, so that bytes and seconds compare."""
        return {
            name: UNKNOWN_EXCESS if math.isinf(value) else float(value / self.limits[name])
            for name, value in self.excess(spent).items()
        }

    def fits(self, spent: Spent) -> bool:
        """Whether everything that is limited is known and within its limit."""
        return all(value <= 0 for value in self.excess(spent).values())
