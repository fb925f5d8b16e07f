"""How the factors of weighted sums are stored: one for all filters, 32 bits or a shift for each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autotiny.runtimes.c.program import Step

#: Bytes that a second function takes at the least, on a Cortex-M4.
_FUNCTION_BYTES = 220
#: Bytes of a factor for each filter.
_FACTOR_BYTES = 4


def choose_forms(steps: Sequence[Step]) -> list[Step]:
    """Give steps with one factor for all filters a form of their own where that is smaller."""
    single = [step for step in steps if _is_single(step)]
    spread = _FACTOR_BYTES * sum(step.arrays["bias"].size for step in single)
    if len(single) < len(steps) and spread < _FUNCTION_BYTES:
        return [_spread(step) if _is_single(step) else step for step in steps]
    return [_scalar(step) if _is_single(step) else step for step in steps]


def shifts_alone(steps: Sequence[Step]) -> list[Step]:
    """Leave multipliers out where all of them are one power of two: a byte is enough."""
    if all("multiplier" in step.arrays and _is_shift(step) for step in steps):
        return [_without_multiplier(step) for step in steps]
    return list(steps)


def compact_factors(steps: Sequence[Step]) -> list[Step]:
    """Put a multiplier and its shift into 32 bits where a layer's shifts span four values.

    The highest of a multiplier's 31 bits is always 1, which leaves two for the shift.
    """
    steps = shifts_alone(steps)
    if any("multiplier" not in step.arrays or step.reduced for step in steps):
        return steps
    return _in_one_word(steps)


def _in_one_word(steps: Sequence[Step]) -> list[Step]:
    shifts = [step.arrays["shift"] for step in steps]
    if any(int(s.max()) - int(s.min()) > 3 or int(s.min()) < 1 for s in shifts):
        return list(steps)
    made = []
    least_of_all = min(int(s.min()) for s in shifts)
    alike = max(int(s.max()) for s in shifts) - least_of_all <= 3
    for step in steps:
        arrays = dict(step.arrays)
        least = least_of_all if alike else int(arrays["shift"].min())
        rest = arrays.pop("shift").astype(np.int64) - least
        values = (arrays.pop("multiplier").astype(np.int64) - (1 << 30)) << 2 | rest
        arrays["factor"] = values.astype(np.uint32)
        made.append(replace(step, arrays=arrays, numbers={**step.numbers, "least_shift": least}))
    return made


def _is_single(step: Step) -> bool:
    return step.arrays["multiplier"].size == 1 < step.arrays["bias"].size


def _is_shift(step: Step) -> bool:
    """Whether a step's multipliers are one power of two."""
    return bool((step.arrays["multiplier"] == (1 << 14 if step.reduced else 1 << 30)).all())


def _without_multiplier(step: Step) -> Step:
    arrays = dict(step.arrays)
    multiplier = int(arrays.pop("multiplier")[0])
    return replace(step, arrays=arrays, numbers={**step.numbers, "multiplier": multiplier})


def _spread(step: Step) -> Step:
    arrays: dict[str, Any] = dict(step.arrays)
    for key in ("multiplier", "shift"):
        arrays[key] = np.repeat(arrays[key], arrays["bias"].size // arrays[key].size)
    return replace(step, arrays=arrays)


def _scalar(step: Step) -> Step:
    arrays = {k: v for k, v in step.arrays.items() if k not in ("multiplier", "shift")}
    numbers = {key: int(step.arrays[key][0]) for key in ("multiplier", "shift")}
    variant = f"{step.variant}_one".lstrip("_")
    return replace(step, arrays=arrays, numbers={**step.numbers, **numbers}, variant=variant)


def interleave_terms(steps: Sequence[Step]) -> list[Step]:
    """Put a filter's bias and factor behind one another: one pointer finds them all.

    The factor is one word, or two where shifts span more than four values.
    """
    made = []
    for step in _in_one_word([_spread(step) for step in steps]):
        arrays = dict(step.arrays)
        if "factor" in arrays:
            parts = [arrays.pop("bias"), arrays.pop("factor").astype(np.uint32).view(np.int32)]
        else:
            parts = [arrays.pop(name) for name in ("bias", "multiplier", "shift")]
            parts[2] = parts[2] - 1  # as it is used
        arrays["terms"] = np.stack([part.astype(np.int32) for part in parts], axis=-1).ravel()
        made.append(replace(step, arrays=arrays))
    return made
