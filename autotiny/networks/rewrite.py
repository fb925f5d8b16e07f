"""Rewrites of a graph that keep its function and make it cheaper on a device.

Every reader ends in ``simplified``, so that training, cutting and lowering see one form of each
network whatever wrote it.
"""

import dataclasses
from collections.abc import Callable

from autotiny.networks.affine import resolve_affines
from autotiny.networks.graph import Network, Weights
from autotiny.networks.layers import (
    ActivatedLayer,
    Activation,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    FusedActivation,
    Layer,
    Pool2D,
    Reshape,
    ZeroPad2D,
)
from autotiny.networks.surgery import only_consumer, producer, removed, replaced

Rewrite = Callable[[Network, Weights], tuple[Network, Weights] | None]

#: What an activation that follows another leaves of both.
_COMPOSED: dict[tuple[FusedActivation, str], FusedActivation] = {
    ("linear", "relu"): "relu", ("linear", "relu6"): "relu6", ("relu", "relu"): "relu",
    ("relu", "relu6"): "relu6", ("relu6", "relu"): "relu6", ("relu6", "relu6"): "relu6",
}  # fmt: skip


def simplified(network: Network, weights: Weights) -> tuple[Network, Weights]:
    """Return the same function in its simplest form.

    Raises:
        UnresolvedAffineError: If a normalisation has no layer that could compute it.
    """
    network, weights = resolve_affines(network, weights)
    for rewrite in (_same_padding, _fused_activation, _dense_on_points, _view_of_dense):
        network, weights = _to_the_end(rewrite, network, weights)
    return network, weights


def _to_the_end(rewrite: Rewrite, network: Network, weights: Weights) -> tuple[Network, Weights]:
    while (changed := rewrite(network, weights)) is not None:
        network, weights = changed
    return network, weights


def _fused_activation(network: Network, weights: Weights) -> tuple[Network, Weights] | None:
    """Let the layer before compute ReLU and ReLU6, also past max pooling, which they pass."""
    for layer in network.layers:
        if not isinstance(layer, Activation) or layer.function not in ("relu", "relu6"):
            continue
        before = producer(network, layer.inputs[0])
        reader: Layer | None = layer
        while (
            isinstance(before, Pool2D)
            and before.kind == "max"
            and only_consumer(network, before.name) is reader
        ):
            before, reader = producer(network, before.inputs[0]), before
        if isinstance(before, ActivatedLayer) and only_consumer(network, before.name) is reader:
            fused = _COMPOSED[before.activation, layer.function]
            network = replaced(network, dataclasses.replace(before, activation=fused))
            return removed(network, weights, layer)
    return None


def _same_padding(network: Network, weights: Weights) -> tuple[Network, Weights] | None:
    """Let a window pad by itself where zeros before it are those of ``same``."""
    for layer in network.layers:
        if not isinstance(layer, ZeroPad2D):
            continue
        reader = only_consumer(network, layer.name)
        if not isinstance(reader, Conv2D | DepthwiseConv2D) or reader.padding != "valid":
            continue
        sizes = network.shapes[layer.inputs[0]][:2]
        sides = zip(sizes, reader.window, reader.stride, strict=True)
        if (layer.height, layer.width) == tuple(_around(*side) for side in sides):
            network = replaced(network, dataclasses.replace(reader, padding="same"))
            return removed(network, weights, layer)
    return None


def _around(size: int, window: int, stride: int) -> tuple[int, int]:
    """Return how many zeros ``same`` puts before and behind a side."""
    total = max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


def _view_of_dense(network: Network, weights: Weights) -> tuple[Network, Weights] | None:
    """Drop views that only dense layers read: those flatten by themselves."""
    for layer in network.layers:
        if isinstance(layer, Flatten | Reshape) and layer.name != network.output:
            readers = network.consumers[layer.name]
            if readers and all(isinstance(reader, Dense) for reader in readers):
                return removed(network, weights, layer)
    return None


def _dense_on_points(network: Network, weights: Weights) -> tuple[Network, Weights] | None:
    """Make dense layers between 1x1 planes 1x1 convolutions, which spares the view behind them.

    That is how squeeze-and-excitation is often written: pool, dense, dense, reshape, multiply.
    """
    for layer in network.layers:
        if not isinstance(layer, Reshape) or layer.shape[:-1] != (1, 1):
            continue
        path: list[Dense] = []
        name, reader = layer.inputs[0], layer.name
        while len(network.shapes[name]) == 1:
            before = producer(network, name)
            sole = only_consumer(network, name)
            if sole is None or sole.name != reader or not isinstance(before, Dense | Activation):
                break
            path += [before] if isinstance(before, Dense) else []
            name, reader = before.inputs[0], name
        if not path or network.shapes[name][:-1] != (1, 1):
            continue
        for dense in path:
            fields = {f: getattr(dense, f) for f in ("inputs", "activation", "batch_norm")}
            network = replaced(network, Conv2D(dense.name, dense.units, (1, 1), **fields))
            kernel = weights[f"{dense.name}/kernel"]
            weights = weights | {f"{dense.name}/kernel": kernel[None, None]}
        return removed(network, weights, layer)
    return None
