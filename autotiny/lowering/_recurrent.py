"""Models with LSTM layers, through TFLiteConverter's own integer quantisation.

TFLM runs an LSTM as one operator. TFLiteConverter makes it only from Keras 2, whose layer is marked
for it, and ai-edge-quantizer does not quantise it; so a Keras 3 model is rebuilt layer by layer in
Keras 2, with the same weights, and the converter quantises it.
"""

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotiny.errors import InputError
from autotiny.quiet import captured_stderr

#: Outputs of the rebuilt model may differ from the original's by no more.
_TOLERANCE = 1e-4
#: Recurrent layers for which TFLM has no operator.
_WITHOUT = ("GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "Bidirectional", "RNN")


def recurrent_layers(model: Any) -> list[Any]:
    """Return the recurrent layers of a Keras model, nested models included."""
    kinds = ("LSTM", *_WITHOUT)
    return [layer for layer in _layers(model) if type(layer).__name__ in kinds]


def lower_recurrent(model: Any, samples: NDArray[np.float32]) -> bytes:
    """Return the int8 .tflite of a Keras model with LSTM layers.

    Args:
        model: A chain of layers, Keras 2 or Keras 3.
        samples: Representative data set, ``(n, *input_shape)``.

    Raises:
        InputError: If TFLM has no operator for a recurrent layer, or the model is no chain.
    """
    for layer in recurrent_layers(model):
        if type(layer).__name__ in _WITHOUT:
            raise InputError(
                f"Recurrent layers must be LSTM, the only kind that TFLM has an operator for; got "
                f"{layer.name!r} ({type(layer).__name__}): use LSTM or convolutions over time."
            )
    from autotiny.tensorflow_setup import prepare_tensorflow

    tf = prepare_tensorflow(0)
    rebuilt = _rebuilt(tf, model, samples)
    try:
        with contextlib.redirect_stdout(io.StringIO()), captured_stderr(), _silent():
            return bytes(_converter(tf, rebuilt, samples).convert())
    except Exception as error:  # the converter raises whatever its passes raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"TFLiteConverter must take the model; it says: {reason}.") from error


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _converter(tf: Any, model: Any, samples: NDArray[np.float32]) -> Any:
    call = tf.function(lambda x: model(x, training=False))
    traced = call.get_concrete_function(tf.TensorSpec((1, *samples.shape[1:]), name="input"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    # As in our own recipes: per-tensor dense layers run on every TFLM.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter


def _rebuilt(tf: Any, model: Any, samples: NDArray[np.float32]) -> Any:
    """Return the same model in Keras 2, its outputs checked against the original's."""
    import tf_keras

    if type(model).__module__.partition(".")[0] == "tf_keras":
        return model
    try:
        layers = list(_chain(model))
    except InputError as error:
        layer, _, rest = str(error).partition(" must be one that a search can cut, but ")
        raise InputError(
            f"A Keras 3 model with LSTM layers must be one chain of layers to be rebuilt; {layer}: "
            f"{rest.partition(';')[0]}: save the model from Keras 2 (tf_keras) instead."
        ) from None
    copy = tf_keras.Sequential([tf_keras.layers.Input(samples.shape[1:])])
    for layer in layers:
        copy.add(_keras2(tf_keras, layer))
    copy.set_weights(model.get_weights())
    some = tf.constant(samples[:8])
    gap = float(np.abs(np.asarray(copy(some)) - np.asarray(model(some))).max())
    if not gap <= _TOLERANCE:
        raise InputError(
            f"A model with LSTM layers must give the same outputs when rebuilt; {model.name!r} "
            f"differs by {gap:g}: save it from Keras 2 (tf_keras) instead."
        )
    return copy


def _keras2(tf_keras: Any, layer: Any) -> Any:
    kind = getattr(tf_keras.layers, type(layer).__name__, None)
    if kind is None or not type(layer).__module__.startswith("keras."):
        raise InputError(
            f"A model with LSTM layers must hold layers that Keras 2 has; {layer.name!r} "
            f"({type(layer).__name__}) is none."
        )
    # How weights begin and are held is of no use any more, and is told in Keras 3's words.
    dropped = ("dtype", "module", "_initializer", "_regularizer", "_constraint")
    given = {k: v for k, v in layer.get_config().items() if not k.endswith(dropped)}
    try:
        known = set(kind(**_required(given)).get_config())
        return kind.from_config({k: v for k, v in given.items() if k in known})
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Layer {layer.name!r} ({type(layer).__name__}) must be one that Keras 2 can build; "
            f"{' '.join(str(error).split())[:150]}."
        ) from error


def _required(config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments without which layers cannot be built."""
    names = ("units", "filters", "kernel_size", "rate", "target_shape", "dims", "n", "activation")
    return {name: config[name] for name in names if name in config}


def _chain(model: Any) -> Iterator[Any]:
    from autotiny.readers._keras_graph import chain

    for layer in chain(model):
        if type(layer).__name__ != "InputLayer":
            yield layer


def _layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "layers", None):
            yield from _layers(layer)
        else:
            yield layer
