"""The smallest and largest value of every tensor, measured on samples."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import DivergedError
from autotiny.lowering._float_writer import write_float
from autotiny.networks.graph import INPUT, Network, Weights
from autotiny.tflite.litert import litert_interpreter

#: Samples that run at once: more gain no time, and every activation of the batch is in memory.
_BATCH = 64

#: Tensor name to its smallest and largest value.
Ranges = Mapping[str, tuple[float, float]]


def unit_ranges(network: Network) -> Ranges:
    """Return a range of -1..1 for every tensor: enough to know a candidate's size."""
    return dict.fromkeys((INPUT, *(layer.name for layer in network.layers)), (-1.0, 1.0))


def activation_ranges(network: Network, weights: Weights, samples: NDArray[np.float32]) -> Ranges:
    """Return the range of the input and of every layer's output over ``samples``.

    Samples run in batches, which is what makes calibration take milliseconds. A tensor that is
    always zero gets 0..1: any scale gives zero, and kernels refuse one close to zero.

    Args:
        network: The network.
        weights: Its arrays.
        samples: Representative data set, shape ``(n, *input_shape)``, from the training split.

    Raises:
        DivergedError: If a layer's output is not finite.
    """
    names = (INPUT, *(layer.name for layer in network.layers))
    lows, highs = [], []
    for start in range(0, len(samples), _BATCH):
        batch = samples[start : start + _BATCH]
        tensors = [batch, *_layer_outputs(network, weights, batch)]
        lows.append([float(values.min()) for values in tensors])
        highs.append([float(values.max()) for values in tensors])
    ranges = {}
    for name, low, high in zip(names, np.min(lows, axis=0), np.max(highs, axis=0), strict=True):
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DivergedError(f"The output of layer {name} is not finite: its weights diverged.")
        ranges[name] = (float(low), float(high)) if low < 0 or high > 0 else (0.0, 1.0)
    return ranges


def _layer_outputs(
    network: Network, weights: Weights, batch: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    model = write_float(network, weights, batch=len(batch), all_outputs=True)
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], batch)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
