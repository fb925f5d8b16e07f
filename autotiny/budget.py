"""What the user may spend, and by how much a footprint overspends it."""

from dataclasses import dataclass

from autotiny.runtimes._base import Footprint


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

    def excess(self, footprint: Footprint) -> dict[str, float]:
        """Return used minus budget for every limit that is set; all <= 0 means it fits."""
        limits = {
            name: getattr(self, name)
            for name in ("flash_bytes", "ram_bytes", "latency_s")
            if getattr(self, name) is not None
        }
        return {name: getattr(footprint, name) - limit for name, limit in limits.items()}

    def fits(self, footprint: Footprint) -> bool:
        """Whether the footprint is within every limit."""
        return all(value <= 0 for value in self.excess(footprint).values())
