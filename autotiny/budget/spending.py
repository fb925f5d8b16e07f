"""What takes a target's memory besides the models, and how much there is."""

from dataclasses import dataclass, field

from autotiny.budget.limits import Budget
from autotiny.runtimes._base import Runtime, Target


@dataclass(frozen=True)
class Spending:
    """What else takes the target's memory, and how much there is.

    Attributes:
        target: What the models will run on.
        app_flash_bytes: Flash of the user's own application.
        app_ram_bytes: RAM of the user's own application.
        arena_limit: Arena bytes that a choice of encoding must not exceed; None: no limit.
        budget: What a trained candidate must keep, if it kept it before.
    """

    target: Target
    app_flash_bytes: int = 0
    app_ram_bytes: int = 0
    arena_limit: int | None = None
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def within(
        cls,
        budget: Budget,
        target: Target,
        runtime: Runtime,
        *,
        app_flash_bytes: int = 0,
        app_ram_bytes: int = 0,
    ) -> "Spending":
        """Return what a budget leaves for models in a runtime."""
        limit = budget.arena_limit(
            overhead_ram_bytes=runtime.overhead_ram_bytes(target), app_ram_bytes=app_ram_bytes
        )
        return cls(target, app_flash_bytes, app_ram_bytes, limit, budget)
