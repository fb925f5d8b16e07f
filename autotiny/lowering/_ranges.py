"""The smallest and largest value of every tensor, measured on samples."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import DivergedError
from autotiny.lowering._float_writer import write_float
from autotiny.lowering.calibration import CALIBRATIONS, Seen
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.tflite.litert import litert_interpreter

#: Samples that run at once: more gain no time, and every activation of the batch is in memory.
_BATCH = 64
#: Values of a tensor that are kept for calibrations that look at them.
_MOST_VALUES = 1 << 16

#: Tensor name to its smallest and largest value.
Ranges = Mapping[str, tuple[float, float]]


def unit_ranges(network: Network) -> Ranges:
    """Return a range of -1..1 for every tensor: enough to know a candidate's size."""
    return dict.fromkeys((INPUT, *(layer.name for layer in network.layers)), (-1.0, 1.0))


def activation_ranges(
    network: Network,
    weights: Weights,
    samples: NDArray[np.float32],
    *,
    calibration: str = "minmax",
    bits: Mapping[str, int] = MappingProxyType({}),
) -> Ranges:
    """Return the range of the input and of every layer's output over ``samples``.

    Samples run in batches, which is what makes calibration take milliseconds. A tensor that is
    always zero gets 0..1: any scale gives zero, and kernels refuse one close to zero.

    Args:
        network: The network.
        weights: Its arrays.
        samples: Representative data set, shape ``(n, *input_shape)``, from the training split.
        calibration: Name of how far ranges reach.
        bits: Tensor name to the bits it is made in, from ``operator_bits``; 8 unless it says so.

    Raises:
        DivergedError: If a layer's output is not finite.
    """
    watch = _Watch((INPUT, *(layer.name for layer in network.layers)), calibration, len(samples))
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        watch.see([batch, *layer_outputs(network, weights, batch)])
    return watch.ranges(bits)


def input_range(
    samples: NDArray[np.float32], *, calibration: str = "minmax"
) -> tuple[float, float]:
    """Return the range of the input alone, as :func:`activation_ranges` finds it."""
    watch = _Watch((INPUT,), calibration, len(samples))
    for start in range(0, len(samples), _BATCH):
        watch.see([samples[start : start + _BATCH]])
    return watch.ranges({})[INPUT]


class _Watch:
    """What is seen of tensors, batch after batch: extremes, and a bounded number of values."""

    def __init__(self, names: Sequence[str], calibration: str, samples: int) -> None:
        self._names, self._calibration = names, CALIBRATIONS[calibration]
        self._quota = _MOST_VALUES // max(1, math.ceil(samples / _BATCH))
        self._rng = np.random.default_rng(0)
        self._lows: list[list[float]] = []
        self._highs: list[list[float]] = []
        self._kept: list[list[NDArray[np.float32]]] = []

    def see(self, tensors: Sequence[NDArray[np.float32]]) -> None:
        """Look at every tensor of a batch, in the order of names."""
        self._lows.append([float(values.min()) for values in tensors])
        self._highs.append([float(values.max()) for values in tensors])
        if self._calibration.needs_values:
            self._kept.append([self._drawn(values.ravel()) for values in tensors])

    def ranges(self, bits: Mapping[str, int]) -> dict[str, tuple[float, float]]:
        ranges = {}
        lows, highs = np.min(self._lows, axis=0), np.max(self._highs, axis=0)
        for place, (name, low, high) in enumerate(zip(self._names, lows, highs, strict=True)):
            if not (np.isfinite(low) and np.isfinite(high)):
                raise DivergedError(
                    f"The output of layer {name} is not finite: its weights diverged."
                )
            if low >= 0 and high <= 0:
                ranges[name] = (0.0, 1.0)
                continue
            kept = [batch[place] for batch in self._kept] or [np.zeros(0, np.float32)]
            seen = Seen(float(low), float(high), np.concatenate(kept))
            ranges[name] = self._calibration.limits(seen, bits.get(name, 8))
        return ranges

    def _drawn(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if values.size <= self._quota:
            return values
        return values[self._rng.integers(0, values.size, self._quota)]


def layer_outputs(
    network: Network, weights: Weights, batch: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Return the float outputs of every layer for a batch, in the order of layers."""
    model = write_float(network, weights, batch=len(batch), all_outputs=True)
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], batch)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
