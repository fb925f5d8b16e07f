"""Scales of weights: one file and one line here for each way to find them."""

from autotiny.lowering.weight_scaling._base import WeightScaling
from autotiny.lowering.weight_scaling.absmax import AbsMax
from autotiny.lowering.weight_scaling.mse import LeastError
from autotiny.lowering.weight_scaling.octav import Octav

#: Every weight scaling by its name.
WEIGHT_SCALINGS: dict[str, WeightScaling] = {
    scaling.name: scaling for scaling in (AbsMax(), LeastError(), Octav())
}

__all__ = ["WEIGHT_SCALINGS", "WeightScaling"]
