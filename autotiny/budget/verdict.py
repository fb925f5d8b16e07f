"""Whether an analysed file fits a budget, and the sentence that says so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from autotiny.budget.limits import LIMIT_NAMES, Budget, limit_amount
from autotiny.runtimes._analysis import Analysis
from autotiny.runtimes._base import Target, energy_mj, latency_s
from autotiny.units import format_bytes, format_seconds

#: What a verdict may be.
Outcome = Literal["fits", "does not fit", "too close", "unknown", "no budget"]


@dataclass(frozen=True)
class Verdict:
    """An analysis held against a budget.

    A model fits only if it does so by more than the error of every figure that a limit is on, and
    does not fit if one is overspent by more than its error. A figure that is not fully known counts
    with the part of it that is: that part alone may be too much, but it never shows that a model
    fits.

    Attributes:
        name: What the model is called.
        analysis: What is known about it.
        target: What it would run on.
        budget: The limits.
        app_flash_bytes: Flash of the user's own application.
        app_ram_bytes: RAM of the user's own application.
    """

    name: str
    analysis: Analysis
    target: Target
    budget: Budget
    app_flash_bytes: int = 0
    app_ram_bytes: int = 0

    @property
    def flash_bytes(self) -> int | None:
        """Model, runtime and application; None if an operator's code size is not known."""
        known = self.analysis.runtime_bytes is not None
        return int(self._least["flash_bytes"]) if known else None

    @property
    def ram_bytes(self) -> int | None:
        """Arena, statics, stack and application; None if the arena is not known."""
        known = self.analysis.arena_min_bytes is not None
        return int(self._least["ram_bytes"]) if known else None

    @property
    def latency_s(self) -> float | None:
        """Seconds of the operators whose instructions can be told; None without a clock."""
        return latency_s(self.analysis.instructions, self.target)

    @property
    def energy_mj(self) -> float | None:
        """Predicted millijoule of the same operators; None without a clock and a current."""
        return energy_mj(self.latency_s, self.target)

    @property
    def all_timed(self) -> bool:
        """Whether every operator's instructions can be told."""
        return all(layer.instructions is not None for layer in self.analysis.layers)

    @property
    def limits(self) -> Mapping[str, float]:
        """The limits that are set."""
        return self.budget.limits

    @property
    def margins(self) -> dict[str, float]:
        """By how much the figure of each limit may be wrong, in its own unit."""
        analysis, error = self.analysis, self.analysis.errors.get
        code, arena = analysis.runtime_bytes or 0, analysis.arena_min_bytes or 0
        margins = {
            "flash_bytes": float(math.ceil(code * (error("runtime_bytes") or 0.0))),
            "ram_bytes": float(math.ceil(arena * (error("arena_bytes") or 0.0))),
            "latency_s": (self.latency_s or 0.0) * (error("latency_s") or 0.0),
        }
        return {name: margins[name] for name in self.limits}

    @property
    def lacks(self) -> dict[str, float]:
        """By how much each limit is overspent, as predicted; empty if none is."""
        excess = {name: self._least[name] - limit for name, limit in self.limits.items()}
        return {name: value for name, value in excess.items() if value > 0}

    @property
    def close(self) -> dict[str, float]:
        """What is left of the limits (or lacks, if negative) that the error does not decide."""
        margins, least = self.margins, self._least
        left = {name: limit - least[name] for name, limit in self.limits.items()}
        return {name: value for name, value in left.items() if abs(value) < margins[name]}

    @property
    def outcome(self) -> Outcome:
        """What can be said."""
        if not self.limits:
            return "no budget"
        close = self.close
        if self.analysis.refusal or any(name not in close for name in self.lacks):
            return "does not fit"
        if self._unknown:
            return "unknown"
        return "too close" if close else "fits"

    @property
    def fits(self) -> bool | None:
        """Whether it fits; None if no budget was given or what is known does not decide it."""
        return {"fits": True, "does not fit": False}.get(self.outcome)

    @property
    def sentence(self) -> str:
        """The first line of a report."""
        refusal, where = self.analysis.refusal, self._where
        if self.outcome == "no budget":
            cost = f"it cannot run: {refusal}" if refusal else f"it takes {self._cost()}."
            return f"{self.name}: no budget given; on {where} {cost}"
        if refusal:
            return f"{self.name} does not fit {where}; it cannot run there: {refusal}"
        if self.outcome == "does not fit":
            least = "at least " if self._unknown else ""
            sure = {name: value for name, value in self.lacks.items() if name not in self.close}
            return f"{self.name} does not fit {where}: it lacks {least}{_listed(sure)}."
        if self.outcome == "too close":
            return (
                f"{self.name} is too close to say whether it fits {where}: {_and(self._closely())}."
            )
        if self.outcome == "unknown":
            unknown = _and([LIMIT_NAMES[name] for name in self._unknown])
            return (
                f"{self.name}: whether it fits {where} cannot be said, since not all of its "
                f"{unknown} is known."
            )
        return f"{self.name} fits {where}, by more than the error: it takes {self._cost()}."

    def _closely(self) -> list[str]:
        """Return for each limit that is too close what is left or lacks, and the error."""
        told = []
        for name, left in self.close.items():
            verb = "left" if left >= 0 else "lacking"
            told.append(
                f"{limit_amount(name, abs(left))} of {LIMIT_NAMES[name]} {verb}, with an error of "
                f"{limit_amount(name, self.margins[name])}"
            )
        return told

    @property
    def _least(self) -> dict[str, float]:
        """What is certainly taken, by the names of the limits."""
        analysis = self.analysis
        arena = analysis.arena_min_bytes or 0
        return {
            "flash_bytes": analysis.model_bytes
            + (analysis.runtime_bytes or 0)
            + self.app_flash_bytes,
            "ram_bytes": arena + analysis.overhead_ram_bytes + self.app_ram_bytes,
            "latency_s": self.latency_s or 0.0,
        }

    @property
    def _unknown(self) -> list[str]:
        """The limits whose figure is not fully known."""
        known = {
            "flash_bytes": self.flash_bytes is not None,
            "ram_bytes": self.ram_bytes is not None,
            "latency_s": self.all_timed,
        }
        return [name for name in self.limits if not known[name]]

    @property
    def _where(self) -> str:
        kernels = f"{self.target.kernels} kernels"
        if self.target.name != Target().name:
            return f"{self.target.name} ({kernels})"
        place = "the budget" if self.limits else "a generic target"
        return f"{place} ({self.target.core}, {kernels})"

    def _cost(self) -> str:
        sizes = {"flash": self.flash_bytes, "RAM": self.ram_bytes}
        told = [f"{_size(size)} of {name}" for name, size in sizes.items()]
        if self.latency_s is not None:
            least = "" if self.all_timed else "at least "
            told.append(f"{least}{format_seconds(self.latency_s)} per inference")
        return _and(told)


def _size(size: int | None) -> str:
    return "an unknown amount" if size is None else format_bytes(size)


def _listed(lacks: dict[str, float]) -> str:
    return _and(
        [f"{limit_amount(name, value)} of {LIMIT_NAMES[name]}" for name, value in lacks.items()]
    )


def _and(parts: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
