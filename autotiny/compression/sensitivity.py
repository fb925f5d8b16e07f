"""What lowering one layer's precision alone costs.

Measured once per study on the base model: each layer in turn is lowered to each other precision
while everything else stays int8, and the quantised flatbuffer is scored on validation data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.evaluation import litert_outputs
from autotiny.lowering import Ranges, lower
from autotiny.networks.graph import Network, Weights
from autotiny.networks.precision import LayerPrecision
from autotiny.tasks._base import CLASSIFY, Goal, Split


@dataclass(frozen=True)
class Sensitivity:
    """Cost of one layer at one precision.

    Attributes:
        layer: Layer name.
        precision: What that layer alone was lowered to.
        score_loss: By how much the validation score is worse than that of int8 throughout.
        divergence: Of this model's outputs from the float model's, minus that of int8 throughout,
            in the unit of the task's kind; smoother than the score, and below 0 where the layer
            gained.
    """

    layer: str
    precision: LayerPrecision
    score_loss: float
    divergence: float


def measure_sensitivity(
    network: Network,
    weights: Weights,
    ranges: Ranges,
    options: Mapping[str, Sequence[LayerPrecision]],
    validation: Split,
    float_outputs: NDArray[np.float32],
    *,
    goal: Goal = CLASSIFY,
    seed: int,
    on_step: Callable[[], None] | None = None,
) -> tuple[Sensitivity, ...]:
    """Return the sensitivity of every layer to every option.

    Args:
        network: The base model without batch norm.
        weights: Its trained weights.
        ranges: Its activation ranges.
        options: Precisions to try for each layer, int8 left out.
        validation: What scores are measured on.
        float_outputs: The float base model's outputs on ``validation``, ``(n, outputs)``.
        goal: What outputs mean and are scored by.
        seed: Of the clustering behind look-up tables.
        on_step: Called after each measurement.
    """

    def measure(plan: Mapping[str, LayerPrecision]) -> tuple[float, float]:
        snapped = snap_clustered(weights, plan_levels(network, weights, plan, seed=seed))
        lowered = lower(network, snapped, plan, ranges)
        outputs = litert_outputs(lowered, validation.x)
        quality = goal.metric.quality(goal.score(outputs.real, validation))
        return quality, goal.kind.divergence(float_outputs, outputs.real)

    base_quality, base_divergence = measure({})
    rows = []
    for layer, precisions in options.items():
        for precision in precisions:
            quality, divergence = measure({layer: precision})
            lost = base_quality - quality
            rows.append(Sensitivity(layer, precision, lost, divergence - base_divergence))
            if on_step:
                on_step()
    return tuple(rows)
