"""Which Keras layers are read, and how: one row each."""

from collections.abc import Sequence
from typing import Any

from autotiny.readers import _activations
from autotiny.readers._keras_graph import is_keras, unsupported
from autotiny.readers._keras_linear import LINEAR
from autotiny.readers._keras_reader import Handler, KerasReader, KerasValue
from autotiny.readers._keras_shapes import OTHERS

#: Keras layers that do nothing at inference.
IGNORED = {
    "InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "Identity",
}  # fmt: skip
#: Layers that change samples in training only.
AUGMENTING = {
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast",
    "RandomBrightness", "RandomHeight", "RandomWidth", "RandomShear", "RandomHue",
    "RandomSaturation", "RandomSharpness", "RandomColorJitter", "RandomGrayscale",
    "RandomGaussianBlur", "RandomErasing", "RandomPosterization", "RandomInvert", "RandAugment",
    "MixUp", "CutMix", "AugMix",
}  # fmt: skip
_VIEWS = {"Flatten", "Reshape", *IGNORED}
#: Keras class to how it is read.
HANDLERS: dict[str, Handler] = LINEAR | OTHERS


def read_layer(reader: KerasReader, layer: Any, inputs: Sequence[KerasValue]) -> KerasValue:
    """Write one layer and return what it gives.

    Raises:
        UnsupportedLayerError: Naming the layer and what is wrong.
    """
    kind = type(layer).__name__
    if kind == "PruneLowMagnitude":  # tfmot's wrapper that nobody stripped
        reader.draft.notes.append(f"{layer.name}: pruning wrapper stripped")
        return read_layer(reader, layer.layer, inputs)
    if not is_keras(layer):
        raise unsupported(layer, f"{type(layer).__module__}.{kind} is not a class of Keras")
    if inputs[0].head != "linear" and kind not in _VIEWS:
        raise unsupported(layer, "a softmax comes before it and must be the last layer")
    if kind in AUGMENTING:
        reader.draft.notes.append(f"{layer.name}: {kind} dropped, which only training has")
        return inputs[0]
    if kind in IGNORED:
        return inputs[0]
    if kind not in HANDLERS:
        advice = None
        if kind.lower() in _activations.NEAREST:
            advice = f"TFLM computes it in float only: {_activations.nearest(kind.lower())}"
        raise unsupported(layer, "its class is not known", advice)
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise unsupported(layer, f"its data format is {layer.data_format}")
    try:
        return HANDLERS[kind](reader, layer, inputs)
    except ValueError as error:
        raise unsupported(layer, f"its shape is not one of ours ({error})") from None
