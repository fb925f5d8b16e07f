"""Random programs for the C runtime: of autotiny's families and of any graph, in every encoding."""

from dataclasses import replace

import numpy as np
from random_parts import layers, operator
from random_styles import network

from autotiny.compression.width import cut
from autotiny.errors import UnsupportedModelError
from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.families import build_network
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import DepthwiseConv2D
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.reading import program_of, read_program

_WIDE = LayerPrecision(activation_bits=16)
#: Share of layers of 16-bit activations whose sums get 64 bits, as those of many inputs do.
LONG = 0.3
#: What programs are of: whole networks, or so little that it shows what each part takes.
SOURCES = {"networks": network, "operators": operator, "layers": layers}
KINDS = {"int8": range(-127, 128), "int4": range(-7, 8), "table": (-90, -40, 0, 13, 60)}
#: What is drawn from them, or in a way of its own.
NAMES = (*KINDS, "pruned", "blocks", "huffman")
#: Share of programs that are networks of autotiny's own families.
_OWN = 0.4
#: Multiply-accumulates that are emulated in a second or two.
_MOST_MACS = 500_000


def random_model(rng, weight_bits=8):
    """Return a model of a random network of a random family.

    With 4 bits for weights, all layers have them that can.
    """

    def pick(*values):
        return values[rng.integers(len(values))]

    image = (int(pick(6, 8, 10, 12)), int(pick(6, 8, 9)), int(pick(1, 2, 3)))
    signal = (int(pick(20, 32, 47)), 1, int(pick(1, 3, 6)))
    filters = [int(n) for n in rng.integers(3, 17, rng.integers(1, 5))]
    family, shape, options = pick(
        ("mlp", (int(rng.integers(4, 60)),), {"units": tuple(filters)}),
        ("cnn", image, {"filters": tuple(filters), "strides": tuple(pick(1, 2) for _ in filters)}),
        ("cnn", image, {"filters": (filters[0],), "strides": (1,), "head": "flatten"}),
        ("ds_cnn", image, {"filters": filters[0], "blocks": int(pick(1, 2, 4))}),
        ("resnet", image, {}), ("squeeze", image, {}), ("mobilenet_v2", image, {}),
        ("cnn1d", signal, {}), ("tcn", signal, {}), ("autoencoder", (filters[0] + 9,), {}),
    )  # fmt: skip
    outputs = shape[0] if family == "autoencoder" else int(rng.integers(2, 12))
    network = build_network(family, options, shape, outputs)
    weights = initial_weights(network, int(rng.integers(1 << 30)))
    if family in ("resnet", "squeeze", "mobilenet_v2", "cnn1d", "tcn", "autoencoder"):
        network, weights = cut(network, weights, float(rng.uniform(0.1, 0.5)))
    network, weights = fold_batch_norm(network, weights)
    x = rng.normal(size=(16, *shape)).astype(np.float32)
    share = pick(0, 0, 0, 0, 0.5)  # of layers with 16-bit activations
    plan = {layer.name: _WIDE for layer in network.weight_layers if rng.random() < share}
    if weight_bits == 4:
        layers = [x for x in network.weight_layers if not isinstance(x, DepthwiseConv2D)]
        plan = {layer.name: LayerPrecision(weight_bits=4) for layer in layers}
    return lower(network, weights, plan, activation_ranges(network, weights, x))


def random_program(rng, dense=0.4, source="networks"):
    """Return a random program, its weights in one or in several encodings.

    Args:
        rng: What it is drawn from.
        dense: Share of programs whose weights are all bytes.
        source: One of ``SOURCES``.
    """
    program = _drawn(rng, source)
    names = ["int8"] if rng.random() < dense else list(rng.choice(NAMES, 2))
    if names != ["int8"] and rng.random() < 0.3:
        names[0] = "int8"
    return _stored(rng, program, names)


def random_program_of(rng, encoding, source="networks"):
    """Return a random program with weights in an encoding, in some of them among others."""
    while True:
        program = _drawn(rng, source)
        names = [encoding] if rng.random() < 0.6 else [encoding, str(rng.choice(NAMES))]
        program = _stored(rng, program, names)
        if encoding in encodings_of(program).values():
            return program


def _stored(rng, program, names):
    """Return a program with its weights drawn for encodings, and stored so."""
    wanted, steps = {}, list(program.steps)
    for place in encodings_of(program):
        name = str(rng.choice(names))
        weights = np.asarray(steps[place].arrays["weights"])
        drawn = rng.choice(KINDS.get(name, KINDS["int8"]), weights.shape)
        if name == "huffman":
            drawn = np.rint(rng.normal(0, rng.uniform(2, 30), weights.shape)).clip(-127, 127)
        if name == "pruned":
            drawn = np.where(rng.random(weights.shape) < rng.uniform(0.3, 0.9), 0, drawn)
        if name == "blocks":
            empty = rng.random(-(-drawn.size // 4)) < rng.uniform(0.2, 0.95)
            empty[rng.integers(len(empty))] = True  # there must be one
            drawn = np.where(np.repeat(empty, 4)[: drawn.size].reshape(drawn.shape), 0, drawn)
        arrays = {**steps[place].arrays, "weights": drawn.astype(np.int8)}
        steps[place] = replace(steps[place], arrays=arrays)
        if steps[place].reduced and rng.random() < LONG:
            steps[place] = replace(steps[place], largest=1 << 31)
        wanted[place] = name
    return encode_weights(replace(program, steps=tuple(steps)), wanted)


def _drawn(rng, source):
    """Return a program that is small enough to be emulated."""
    while True:
        try:
            if source == "networks" and rng.random() < _OWN:
                program = read_program(random_model(rng))
            else:
                program = program_of(SOURCES[source](rng).model())
        except UnsupportedModelError:  # of a scale that an operator cannot have
            continue
        if program.steps and program.macs <= _MOST_MACS:
            return program
