"""Which activation a function is, told by what it does, not by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Where functions are told apart: outside and inside every range of interest.
PROBE = np.concatenate([np.linspace(-9, 9, 73), [-1e-3, 1e-3, -0.05, 0.05]]).astype(np.float32)
#: What TFLM has that is nearest to what it lacks.
NEAREST = {
    "elu": "relu or leaky_relu", "selu": "relu or leaky_relu", "gelu": "hard_swish",
    "silu": "hard_swish", "swish": "hard_swish", "mish": "hard_swish", "softplus": "relu",
    "celu": "relu or leaky_relu", "softsign": "tanh", "hard_sigmoid": "sigmoid",
    "hard_tanh": "tanh", "exponential": "relu", "log_sigmoid": "sigmoid", "squareplus": "relu",
    "relu_n": "relu6",
}  # fmt: skip

_KNOWN: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
}


@dataclass(frozen=True)
class Function:
    """An activation.

    Attributes:
        name: ``linear``, ``softmax`` or one of ``ACTIVATION_FUNCTIONS``.
        slope: Of leaky ReLU below 0.
    """

    name: str
    slope: float = 0.0


def recognised(values: NDArray[np.float32]) -> Function | None:
    """Return the activation that gives these values for ``PROBE``; None if it is none of ours."""
    probe = PROBE.astype(np.float64)
    for name, function in _KNOWN.items():
        if np.allclose(values, function(probe), rtol=1e-5, atol=2e-6):
            return Function(name)
    slope = float(values[0] / probe[0])
    leaky = np.where(probe > 0, probe, slope * probe)
    if 0 < slope < 1 and np.allclose(values, leaky, rtol=1e-5, atol=2e-6):
        return Function("leaky_relu", float(np.float32(slope)))
    return None


def nearest(name: str) -> str:
    """Return advice for an activation that TFLM's int8 kernels lack."""
    return f"use {NEAREST.get(name, 'relu')}, which TFLM has in int8"
