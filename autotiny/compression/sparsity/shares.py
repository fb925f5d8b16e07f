"""How zeros are spent over layers: the same share everywhere, or where they cost least.

Which weights of a kernel go is decided while training; how many of each kernel is decided before,
so that a candidate's footprint is known untrained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: ``uniform``: each kernel the same share; ``global``: all weights are ranked together;
#: ``sensitivity``: as much of each kernel as costs least in all, as measured.
MODES = ("uniform", "global", "sensitivity")
#: Sparsities that a kernel's sensitivity is measured at.
LEVELS = (0.5, 0.75, 0.9)
#: No kernel is emptied further.
_MOST = 0.97
#: Zeros are spent in so many steps.
_STEPS = 200


@dataclass(frozen=True)
class SparsitySensitivity:
    """What zeros in one kernel alone cost.

    Attributes:
        kernel: Its name.
        divergences: Of the outputs at each of ``LEVELS``, from those without zeros; never falling.
    """

    kernel: str
    divergences: tuple[float, ...]

    def at(self, sparsity: float) -> float:
        """Return the divergence at a sparsity: measured ones joined by straight lines."""
        levels = (0.0, *LEVELS, 1.0)
        last = self.divergences[-1]
        rise = (last - self.divergences[-2]) / (LEVELS[-1] - LEVELS[-2])
        # Beyond the last level it rises at least as it did before, and steeper than a line.
        known = (0.0, *self.divergences, last + 4 * rise * (1 - LEVELS[-1]))
        return float(np.interp(sparsity, levels, known))


def global_shares(scores: Mapping[str, NDArray[np.float32]], final: float) -> dict[str, float]:
    """Return each kernel's sparsity where all weights together are ranked by their scores.

    Args:
        scores: Kernel to what each of its weights is worth, any shape.
        final: Sparsity of all together.
    """
    every = np.concatenate([array.ravel() for array in scores.values()])
    going = min(every.size - 1, round(every.size * final))
    threshold = np.partition(every, going)[going]
    shares = {name: float((array < threshold).mean()) for name, array in scores.items()}
    return _within(shares, {name: array.size for name, array in scores.items()}, final)


def sensitivity_shares(
    sizes: Mapping[str, int], table: Sequence[SparsitySensitivity], final: float
) -> dict[str, float]:
    """Return each kernel's sparsity so that all together cost least, by measured sensitivities.

    Zeros are spent step by step, each where a weight costs least divergence.

    Args:
        sizes: Kernel to how many weights it has.
        table: Of the kernels; one that is missing gets the same share as all.
        final: Sparsity of all together.
    """
    curves = {row.kernel: row for row in table if row.kernel in sizes}
    shares = {name: 0.0 if name in curves else final for name in sizes}
    zeros = final * sum(sizes[name] for name in curves)
    step = _MOST / _STEPS
    while zeros > 0:
        prices = {
            name: (curve.at(shares[name] + step) - curve.at(shares[name])) / sizes[name]
            for name, curve in curves.items()
            if shares[name] + step <= _MOST
        }
        if not prices:
            break
        cheapest = min(prices, key=lambda name: (prices[name], name))
        shares[cheapest] += min(step, zeros / sizes[cheapest])
        zeros -= step * sizes[cheapest]
    return shares


def _within(
    shares: Mapping[str, float], sizes: Mapping[str, int], final: float
) -> dict[str, float]:
    """Return shares of which none is above the most, the others taking up what that leaves."""
    found = dict(shares)
    for _ in range(len(found)):
        over = {name for name, share in found.items() if share >= _MOST}
        missing = final * sum(sizes.values()) - sum(
            sizes[n] * min(share, _MOST) for n, share in found.items()
        )
        rest = sum(sizes[n] for n in found if n not in over)
        if missing <= 0.5 or not rest:
            break
        found = {
            n: _MOST if n in over else min(_MOST, share + missing / rest)
            for n, share in found.items()
        }
    return {name: min(share, _MOST) for name, share in found.items()}
