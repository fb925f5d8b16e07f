"""What of a board's memories a program takes, and whether that fits."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["fits", "does not fit", "too close", "unknown"]


@dataclass(frozen=True)
class Share:
    """What a program takes of one memory.

    Attributes:
        name: ``flash`` or ``RAM``.
        known_bytes: What is known to be taken.
        limit_bytes: What there is.
        error_bytes: By how much ``known_bytes`` may be wrong.
        is_all: Whether that is everything.
    """

    name: str
    known_bytes: int
    limit_bytes: int
    error_bytes: float = 0.0
    is_all: bool = True

    @property
    def outcome(self) -> Outcome:
        """Whether it fits by more than the error; what is not fully known never does."""
        over = self.known_bytes - self.limit_bytes
        if over > self.error_bytes:
            return "does not fit"
        if not self.is_all:
            return "unknown"
        return "fits" if over <= -self.error_bytes else "too close"

    @property
    def words(self) -> str:
        """What is taken of what there is."""
        taken = f"{self.known_bytes:,} B of {self.limit_bytes:,} B of {self.name}"
        if not self.is_all:
            return f"at least {taken}"
        error = f", with an error of {self.error_bytes:,.0f} B" if self.error_bytes else ""
        return f"{taken} ({self.known_bytes / self.limit_bytes:.1%}{error})"


def worst(shares: tuple[Share, ...]) -> Outcome:
    """Return what holds for all memories of a board together."""
    outcomes = {share.outcome for share in shares}
    order: tuple[Outcome, ...] = ("does not fit", "unknown", "too close")
    return next((outcome for outcome in order if outcome in outcomes), "fits")
