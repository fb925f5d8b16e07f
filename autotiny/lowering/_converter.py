"""Models with operators that the writer does not know: TFLiteConverter, then plain int8."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.quiet import captured_stderr
from autotiny.tflite.inline import inline_constants

_log = logging.getLogger("autotiny")


def lower_by_converter(model: Any, samples: NDArray[np.float32]) -> bytes:
    """Return the quantised .tflite of any Keras model that TFLiteConverter takes.

    Args:
        model: Keras 2 or Keras 3 on TensorFlow, with one input of fixed shape and one output.
        samples: Representative data set, ``(n, *input_shape)``.

    Raises:
        InputError: If TFLite has no operator for something in the model.
    """
    return quantise_float(_convert(model, samples.shape[1:]), samples)


def _convert(model: Any, input_shape: tuple[int, ...]) -> bytes:
    """Return the float .tflite for a batch of one."""
    from autotiny.tensorflow_setup import prepare_tensorflow

    tf = prepare_tensorflow(0)
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        with contextlib.redirect_stdout(io.StringIO()), captured_stderr():
            call = tf.function(lambda x: model(x, training=False))
            traced = call.get_concrete_function(tf.TensorSpec((1, *input_shape), name="input"))
            # Frozen by hand: the converter knows Keras 2's variables, but not Keras 3's.
            frozen = convert_variables_to_constants_v2(traced)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())
            return bytes(converter.convert())
    except Exception as error:  # the converter raises whatever its passes raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"A Keras model must hold only operators that TFLite has; TFLiteConverter says: "
            f"{reason}."
        ) from error


def quantise_float(float_model: bytes, samples: NDArray[np.float32]) -> bytes:
    """Return a float .tflite with int8 weights, activations, input and output.

    Args:
        float_model: With one input of batch 1 and one output.
        samples: Representative data set, ``(n, *input_shape)``.

    Raises:
        InputError: If its activations cannot be followed.
    """
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager

    names, granularity = qtyping.TFLOperationName, qtyping.QuantGranularity
    manager = recipe_manager.RecipeManager()
    manager.add_static_config(".*", names.ALL_SUPPORTED, 8, 8, granularity.CHANNELWISE)
    # As in our own recipes: per-tensor dense layers run on every TFLM.
    manager.add_static_config(".*", names.FULLY_CONNECTED, 8, 8, granularity.TENSORWISE)
    with contextlib.redirect_stdout(io.StringIO()), _quiet(), captured_stderr():
        worker = quantizer.Quantizer(bytearray(float_model), manager.get_quantization_recipe())
        statistics = _ranges(float_model, samples)
        result = worker.quantize(statistics, enable_progress_report=False)
    quantised = inline_constants(bytes(result.quantized_model))
    if kinds := _float_operators(quantised):
        _log.info("ai-edge-quantizer has no int8 for %s: left in float", ", ".join(kinds))
    return quantised


def _activations(model: bytes) -> dict[int, str]:
    """Return index and name of every float tensor that is not a constant."""
    from ai_edge_litert import schema_py_generated as schema

    content = _read(model)
    graph = content.subgraphs[0]
    # State between inferences has no value that a range could be taken of.
    made = {i for operator in graph.operators for i in operator.outputs} | set(graph.inputs)
    return {
        index: tensor.name.decode()
        for index, tensor in enumerate(graph.tensors)
        if index in made and tensor.type == schema.TensorType.FLOAT32
    }


def _read(model: bytes) -> Any:
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(model))


def _float_operators(model: bytes) -> list[str]:
    """Return the kinds of operator that compute in float."""
    from ai_edge_litert import schema_py_generated as schema

    content = _read(model)
    graph = content.subgraphs[0]
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    kinds = set()
    for operator in graph.operators:
        types = {graph.tensors[i].type for i in (*operator.inputs[:1], *operator.outputs)}
        if types == {schema.TensorType.FLOAT32}:
            kinds.add(names[content.operatorCodes[operator.opcodeIndex].builtinCode])
    return sorted(kinds)


def _ranges(float_model: bytes, samples: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """Return the smallest and largest value of every tensor, as the quantiser takes them.

    Its own calibration averages the extremes of samples, which clips every larger one.
    """
    from ai_edge_litert import interpreter as litert

    interpreter = litert.Interpreter(
        model_content=float_model,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    floats = _activations(float_model)
    low, high = np.full(len(floats), np.inf), np.full(len(floats), -np.inf)
    for sample in samples:
        interpreter.reset_all_variables()
        interpreter.set_tensor(source, sample[None])
        interpreter.invoke()
        tensors = [interpreter.get_tensor(index) for index in floats]
        low = np.minimum(low, [tensor.min() for tensor in tensors])
        high = np.maximum(high, [tensor.max() for tensor in tensors])
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise InputError(
            "A model to quantise must give finite values on its samples; a layer's output is not: "
            "look at its weights, and at the scale of the data."
        )
    return {
        name: {
            "min": np.array([[smallest]], np.float32),
            "max": np.array([[largest]], np.float32),
        }
        for name, smallest, largest in zip(floats.values(), low, high, strict=True)
    }


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
