"""What of a board's memories a program takes, and whether that fits."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["fits", "does not fit", "too close"]


@dataclass(frozen=True)
class Share:
    """What a program takes of one memory.

    Attributes:
        name: ``flash`` or ``RAM``.
        taken_bytes: What is taken.
        limit_bytes: What there is.
        error_bytes: By how much that may be wrong.
    """

    name: str
    taken_bytes: int
    limit_bytes: int
    error_bytes: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """Whether it fits by more than the error."""
        over = self.taken_bytes - self.limit_bytes
        if over > self.error_bytes:
            return "does not fit"
        return "fits" if over <= -self.error_bytes else "too close"

    @property
    def words(self) -> str:
        """What is taken of what there is."""
        taken = f"{self.taken_bytes:,} B of {self.limit_bytes:,} B of {self.name}"
        error = f", with an error of {self.error_bytes:,.0f} B" if self.error_bytes else ""
        return f"{taken} ({self.taken_bytes / self.limit_bytes:.1%}{error})"


def worst(shares: tuple[Share, ...]) -> Outcome:
    """Return what holds for all memories of a board together."""
    outcomes = {share.outcome for share in shares}
    order: tuple[Outcome, ...] = ("does not fit", "too close")
    return next((outcome for outcome in order if outcome in outcomes), "fits")
