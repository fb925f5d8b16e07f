"""Real targets in units of their spread, inside of training only.

The last layer's kernel and bias take up the units again afterwards, so that no operator is spent on
them and the model gives real values in the user's own units.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import WeightLayer

Reals = NDArray[np.float32]
#: What varies less than this share of its mean is constant, and learnt as such.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class OutputScale:
    """Mean and spread of each output's targets.

    Attributes:
        layer: The layer that gives the outputs; None where it cannot take them up, which leaves
            outputs as they are.
        mean: ``(outputs,)``.
        spread: ``(outputs,)``, above 0.
    """

    layer: str | None
    mean: Reals
    spread: Reals

    @classmethod
    def of(cls, network: Network, targets: Reals) -> "OutputScale":
        """Return the scale of targets ``(n, outputs)`` for a network."""
        last = network.layers[-1]
        fits = (
            isinstance(last, WeightLayer)
            and last.activation == "linear"
            and not last.batch_norm
            and network.output_shape[-1] == targets.shape[1]
        )
        mean, spread = targets.mean(axis=0), targets.std(axis=0)
        varies = (spread > _LEAST_SPREAD * np.abs(mean)) & (spread > 0)
        spread = np.where(varies, spread, 1).astype(np.float32)
        # An output that is bounded has the units of its bounds.
        return cls(last.name if fits else None, mean, spread)

    def standardised(self, values: Reals) -> Reals:
        """Return values in units of the spread, around the mean."""
        if self.layer is None:
            return values
        return np.asarray((values - self.mean) / self.spread, np.float32)

    def real(self, outputs: Reals) -> Reals:
        """Return a network's outputs, inside of training, in their own units."""
        return outputs * self.spread + self.mean if self.layer else outputs

    def removed(self, weights: Weights) -> Weights:
        """Return weights whose outputs are standardised."""
        if self.layer is None:
            return weights
        kernel, bias = (weights[f"{self.layer}/{kind}"] for kind in ("kernel", "bias"))
        return weights | {
            f"{self.layer}/kernel": np.asarray(kernel / self.spread, np.float32),
            f"{self.layer}/bias": self.standardised(bias),
        }

    def restored(self, weights: Weights) -> Weights:
        """Return weights whose outputs are in their own units again."""
        if self.layer is None:
            return weights
        kernel, bias = (weights[f"{self.layer}/{kind}"] for kind in ("kernel", "bias"))
        return weights | {
            f"{self.layer}/kernel": np.asarray(kernel * self.spread, np.float32),
            f"{self.layer}/bias": np.asarray(bias * self.spread + self.mean, np.float32),
        }
