"""Quantise a float .tflite layer by layer with ai-edge-quantizer."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import DivergedError
from autotiny.lowering._float_writer import INPUT, write_float
from autotiny.networks.graph import Conv2D, Dense, DepthwiseConv2D, Network, Pool2D, Weights
from autotiny.networks.precision import INT8, LayerPrecision, PrecisionPlan
from autotiny.quiet import captured_stderr
from autotiny.tflite.inline import inline_constants
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
        network: Layers in order.
        weights: Their arrays.
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


def quantise(float_model: bytes, network: Network, plan: PrecisionPlan, ranges: Ranges) -> bytes:
    """Apply a precision plan to a float .tflite and return the quantised one."""
    from ai_edge_quantizer import quantizer

    statistics = {
        name: {"min": np.array([[low]], np.float32), "max": np.array([[high]], np.float32)}
        for name, (low, high) in ranges.items()
    }
    # The quantiser reports on stdout and warns about models without names of its own.
    with contextlib.redirect_stdout(io.StringIO()), _quiet(), captured_stderr():
        worker = quantizer.Quantizer(bytearray(float_model), _recipe(network, plan))
        result = worker.quantize(statistics, enable_progress_report=False)
    return inline_constants(bytes(result.quantized_model))


def _recipe(network: Network, plan: PrecisionPlan) -> Any:
    """One entry per layer, addressed by the exact name of its output tensor."""
    from ai_edge_quantizer import qtyping, recipe_manager

    names, granularity = qtyping.TFLOperationName, qtyping.QuantGranularity
    operations = {
        Conv2D: names.CONV_2D,
        DepthwiseConv2D: names.DEPTHWISE_CONV_2D,
        Dense: names.FULLY_CONNECTED,
    }
    manager = recipe_manager.RecipeManager()
    manager.add_static_config(".*", names.INPUT, 8, 8)
    manager.add_static_config(".*", names.OUTPUT, 8, 8)
    previous = INT8
    for layer in network.layers:
        # A pool works in its input's precision.
        precision = previous if isinstance(layer, Pool2D) else plan.get(layer.name, INT8)
        if isinstance(layer, Pool2D):
            operation = {"max": names.MAX_POOL_2D, "average": names.AVERAGE_POOL_2D}[layer.kind]
        else:
            operation = operations[type(layer)]
        manager.add_static_config(
            f"(^|;){re.escape(layer.name)}(;|$)",
            operation,
            precision.activation_bits,
            _grid_bits(precision),
            # Per-tensor dense layers run on every TFLM, and save a scale and 8 B of arena a unit.
            # Clustered weights keep few integers only under one scale.
            granularity.TENSORWISE
            if isinstance(layer, Dense) or precision.clustered
            else granularity.CHANNELWISE,
        )
        previous = precision
    return manager.get_quantization_recipe()


def _grid_bits(precision: LayerPrecision) -> int:
    """Clustered weights keep the int8 grid; their few values lie on it."""
    return 8 if precision.clustered else precision.weight_bits


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        # Its progress bar goes to whatever Python has for standard error.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logging.disable(before)
