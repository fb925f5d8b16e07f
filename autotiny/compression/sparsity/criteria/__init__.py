"""What a weight is worth: one file and one line here for each criterion."""

from autotiny.compression.sparsity._base import Criterion
from autotiny.compression.sparsity.criteria.gradient import Gradient
from autotiny.compression.sparsity.criteria.magnitude import Magnitude
from autotiny.compression.sparsity.criteria.magnitude_gradient import MagnitudeGradient
from autotiny.compression.sparsity.criteria.random import Random

#: Every criterion by its name.
CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (Magnitude(), MagnitudeGradient(), Gradient(), Random())
}

__all__ = ["CRITERIA"]
