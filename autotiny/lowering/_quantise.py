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

from autotiny.litert import litert_interpreter
from autotiny.lowering._float_writer import INPUT, write_float
from autotiny.network import Conv2D, Dense, DepthwiseConv2D, Network, Pool2D, Weights
from autotiny.precision import INT8, LayerPrecision, PrecisionPlan
from autotiny.quiet import captured_stderr

#: Tensor name to its smallest and largest value.
Ranges = Mapping[str, tuple[float, float]]


def unit_ranges(network: Network) -> Ranges:
    """Return a range of -1..1 for every tensor: enough to know a candidate's size."""
    return dict.fromkeys((INPUT, *(layer.name for layer in network.layers)), (-1.0, 1.0))


def activation_ranges(network: Network, weights: Weights, samples: NDArray[np.float32]) -> Ranges:
    """Return the range of the input and of every layer's output over ``samples``.

    All samples run as one batch, which is what makes calibration take milliseconds.

    Args:
        network: Layers in order.
        weights: Their arrays.
        samples: Representative data set, shape ``(n, *input_shape)``, from the training split.
    """
    model = write_float(network, weights, batch=len(samples), all_outputs=True)
    interpreter = litert_interpreter(model)
    interpreter.allocate_tensors()
    details = interpreter.get_output_details()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples)
    interpreter.invoke()
    ranges = {INPUT: (float(samples.min()), float(samples.max()))}
    for layer, detail in zip(network.layers, details, strict=True):
        values = interpreter.get_tensor(detail["index"])
        ranges[layer.name] = (float(values.min()), float(values.max()))
    return ranges


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
    return bytes(result.quantized_model)


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
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logging.disable(logging.NOTSET)
