"""Sensitivities are measured on quantised flatbuffers, one layer at a time."""

import numpy as np
from helpers_networks import blobs, family_network

from autotiny.compression.sensitivity import measure_sensitivity
from autotiny.lowering import activation_ranges
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.initial import initial_weights
from autotiny.networks.precision import LayerPrecision
from autotiny.training.forward import logits
from autotiny.training.loop import TrainingSettings, train

A16 = LayerPrecision(activation_bits=16)
BITS = {bits: LayerPrecision(weight_bits=bits, clustered=True) for bits in (4, 3, 2, 1)}


def test_fewer_bits_cost_more():
    network = family_network("cnn")
    split, validation = (
        blobs((8, 7, 2), 4, 256, spread=2.0),
        blobs((8, 7, 2), 4, 128, seed=1, spread=2.0),
    )
    start = initial_weights(network, 0)
    weights = train(network, start, split, TrainingSettings(6, batch_size=16)).weights
    reference = logits(network, weights, validation.x)
    network, weights = fold_batch_norm(network, weights)
    ranges = activation_ranges(network, weights, split.x)
    options = {layer.name: [A16, *BITS.values()] for layer in network.weight_layers}
    steps = []
    before = {name: array.copy() for name, array in weights.items()}
    rows = measure_sensitivity(
        network, weights, ranges, options, validation, reference, seed=0,
        on_step=lambda: steps.append(1),
    )  # fmt: skip
    assert [(row.layer, row.precision) for row in rows] == [
        (layer, precision) for layer, precisions in options.items() for precision in precisions
    ]
    assert len(steps) == len(rows)
    for name, array in before.items():
        np.testing.assert_array_equal(weights[name], array)
    table = {(row.layer, row.precision): row.divergence for row in rows}
    for layer in options:
        assert table[layer, BITS[1]] > table[layer, BITS[4]]
        assert table[layer, BITS[1]] > abs(table[layer, A16])
    again = measure_sensitivity(network, weights, ranges, options, validation, reference, seed=0)
    assert again == rows
