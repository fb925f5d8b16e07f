"""Normalisations on their own, which readers meet and no network of a study has.

A reader adds an ``Affine`` wherever a model normalises; ``resolve_affines`` puts each into a layer
that computes it at no cost, or else makes it a 1x1 depthwise convolution.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autotiny.networks.batch_norm import EPSILON
from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import (
    ArraySpec,
    Channels,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Layer,
    Pool2D,
    Reshape,
    Shape,
    WeightLayer,
    ZeroPad2D,
)
from autotiny.networks.surgery import only_consumer, producer, removed, replaced

if TYPE_CHECKING:
    from autotiny.networks.channels import Ties

_KINDS = ("gamma", "beta", "mean", "variance")


class UnresolvedAffineError(ValueError):
    """A normalisation that no layer can compute."""

    def __init__(self, name: str, reader: str) -> None:
        super().__init__(f"{name} is followed by {reader}")
        self.name, self.reader = name, reader


@dataclass(frozen=True)
class Affine(Layer):
    """Scale and shift of each element of the last axis, as the four arrays of a batch norm.

    Attributes:
        trained: Whether training goes on adapting it: a batch norm's, not a model's input scaling.
    """

    trained: bool = True

    def output_shape(self, *inputs: Shape) -> Shape:
        """Return the input's."""
        return inputs[0]

    def arrays(self, *inputs: Shape) -> dict[str, ArraySpec]:
        """Return the four arrays of a batch norm."""
        return dict.fromkeys(_KINDS, ArraySpec(inputs[0][-1:], ("out",)))

    def channels(
        self, ties: "Ties", inputs: Sequence[Channels], shapes: Sequence[Shape]
    ) -> Channels:
        """Return the input's."""
        return inputs[0]


def scale_and_shift(
    layer: Affine, weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what an affine layer multiplies by and adds, in double precision."""
    gamma, beta, mean, variance = (
        np.asarray(weights[f"{layer.name}/{kind}"], np.float64) for kind in _KINDS
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale, beta - mean * scale


def resolve_affines(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """Return the same function without affine layers.

    Raises:
        UnresolvedAffineError: If a layer can compute one neither before nor behind it.
    """
    while True:
        # The last one first: of two in a row, each then has something else behind it.
        affine = next((x for x in reversed(network.layers) if isinstance(x, Affine)), None)
        if affine is None:
            return network, weights
        network, weights = _resolve(network, weights, affine)


def _resolve(network: Network, weights: Weights, affine: Affine) -> tuple[Network, Weights]:
    before = producer(network, affine.inputs[0])
    attaches = (
        isinstance(before, WeightLayer)
        and before.activation == "linear"
        and not before.batch_norm
        and only_consumer(network, before.name) is affine
    )
    if attaches:
        assert isinstance(before, WeightLayer)
        return _into_before(network, weights, affine, before)
    behind = _reader_that_takes(network, weights, affine)
    if behind is not None:
        return _into_behind(network, weights, affine, behind)
    if len(network.shapes[affine.name]) == 3:
        width = network.shapes[affine.name][-1]
        if not affine.trained:  # a scaling is no statistics of the data: it stays what it is
            scale, shift = scale_and_shift(affine, weights)
            plain = DepthwiseConv2D(affine.name, (1, 1), inputs=affine.inputs, activation="linear")
            arrays = {
                f"{affine.name}/kernel": _single(scale.reshape(1, 1, width, 1)),
                f"{affine.name}/bias": _single(shift),
            }
            rest = {k: v for k, v in weights.items() if k.rpartition("/")[0] != affine.name}
            return replaced(network, plain), rest | arrays
        ones = np.ones((1, 1, width, 1), np.float32)
        layer = DepthwiseConv2D(
            affine.name, (1, 1), inputs=affine.inputs, activation="linear", batch_norm=True
        )
        return replaced(network, layer), weights | {f"{affine.name}/kernel": ones}
    reader = next(iter(network.consumers[affine.name]), None)
    raise UnresolvedAffineError(affine.name, reader.name if reader else "nothing")


def _into_before(
    network: Network, weights: Weights, affine: Affine, before: WeightLayer
) -> tuple[Network, Weights]:
    """Make an affine the batch norm of the layer that it normalises, or fold it into it."""
    weights = dict(weights)
    if affine.trained:
        bias = weights.pop(f"{before.name}/bias")
        arrays = {kind: weights.pop(f"{affine.name}/{kind}") for kind in _KINDS}
        arrays["mean"] = arrays["mean"] - bias
        weights |= {f"{before.name}/{kind}": array for kind, array in arrays.items()}
        network = replaced(network, dataclasses.replace(before, batch_norm=True))
    else:
        scale, shift = scale_and_shift(affine, weights)
        kernel = weights[f"{before.name}/kernel"]
        outputs = kernel.reshape(*kernel.shape[:2], -1) if before.channel_axis == 2 else kernel
        weights[f"{before.name}/kernel"] = _single((outputs * scale).reshape(kernel.shape))
        weights[f"{before.name}/bias"] = _single(weights[f"{before.name}/bias"] * scale + shift)
    return removed(network, weights, affine)


def _reader_that_takes(network: Network, weights: Weights, affine: Affine) -> WeightLayer | None:
    """Return the layer behind, past what keeps affine maps, that can take it into its kernel."""
    scale, shift = scale_and_shift(affine, weights)
    layer: Layer = affine
    while (reader := only_consumer(network, layer.name)) is not None:
        if isinstance(reader, Dense):
            return reader
        if isinstance(reader, Conv2D) and reader.groups == 1:
            padded = reader.padding == "same" and reader.window != (1, 1)
            return None if padded and shift.any() else reader
        passes = (
            (isinstance(reader, Pool2D) and (reader.kind == "average" or (scale > 0).all()))
            or isinstance(reader, Flatten)
            or (isinstance(reader, Reshape) and reader.shape[-1] == network.shapes[layer.name][-1])
            or (isinstance(reader, ZeroPad2D) and not shift.any())
        )
        if not passes:
            return None
        layer = reader
    return None


def _into_behind(
    network: Network, weights: Weights, affine: Affine, reader: WeightLayer
) -> tuple[Network, Weights]:
    """Fold an affine into the kernel and the bias of the layer that reads it."""
    scale, shift = scale_and_shift(affine, weights)
    weights = dict(weights)
    kernel = np.asarray(weights[f"{reader.name}/kernel"], np.float64)
    inputs = kernel.shape[-2]
    repeats = inputs // len(scale)  # a dense layer reads each channel at every position
    scale, shift = np.tile(scale, repeats), np.tile(shift, repeats)
    moved = np.tensordot(shift, kernel.sum(axis=tuple(range(kernel.ndim - 2))), 1)
    weights[f"{reader.name}/kernel"] = _single(kernel * scale[:, None])
    target = "mean" if reader.batch_norm else "bias"
    sign = -1 if reader.batch_norm else 1
    weights[f"{reader.name}/{target}"] = _single(weights[f"{reader.name}/{target}"] + sign * moved)
    return removed(network, weights, affine)


def _single(array: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(array, np.float32)


def affine_arrays(name: str, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Weights:
    """Return the arrays of an affine layer that multiplies and adds."""
    ones = np.ones(len(scale))
    arrays = {"gamma": scale, "beta": shift, "mean": 0 * ones, "variance": (1 - EPSILON) * ones}
    return {f"{name}/{kind}": _single(array) for kind, array in arrays.items()}
