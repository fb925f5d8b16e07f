"""Biases take up what rounding weights shifts outputs by."""

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, random_samples, random_weights

from autotiny.lowering import FREE_GRIDS, Grids, activation_ranges, lower
from autotiny.lowering._ranges import layer_outputs
from autotiny.lowering.bias_correction import corrected_biases
from autotiny.lowering.kernels import rounded_kernel
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.layers import DepthwiseConv2D
from autotiny.networks.precision import INT8, LayerPrecision

W4 = LayerPrecision(weight_bits=4)


@pytest.mark.parametrize("grids", [FREE_GRIDS, Grids("octav", "tensor")])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_mean_error_of_outputs_is_smaller(name, grids):
    network = family_network(name)
    network, weights = fold_batch_norm(network, random_weights(network))
    samples = np.abs(random_samples(network, 100))
    plan = {
        layer.name: INT8 if isinstance(layer, DepthwiseConv2D) else W4
        for layer in network.weight_layers
    }
    rounded = weights | {
        f"{layer.name}/kernel": rounded_kernel(layer, weights, plan[layer.name], grids)
        for layer in network.weight_layers
    }
    corrected = corrected_biases(network, weights, weights, plan, grids, samples)
    changed = {name for name in weights if not np.array_equal(weights[name], corrected[name])}
    assert changed == {f"{layer.name}/bias" for layer in network.weight_layers}
    biases = {name: corrected[name] for name in changed}

    def error(arrays):
        """Mean error of each output channel, over channels and samples."""
        real, found = (layer_outputs(network, w, samples)[-1] for w in (weights, arrays))
        return np.abs((found - real).mean(axis=0)).mean()

    assert error(rounded | biases) < 0.7 * error(rounded)


def test_a_layer_that_was_trained_so_is_left_alone():
    network = family_network("cnn")
    network, weights = fold_batch_norm(network, random_weights(network))
    samples = random_samples(network, 70)
    arguments = (network, weights, weights, {"conv0": W4}, FREE_GRIDS, samples)
    corrected = corrected_biases(*arguments, skipped=("conv0",))
    assert corrected["conv0/bias"] is weights["conv0/bias"]
    assert not np.array_equal(corrected["conv1/bias"], weights["conv1/bias"])


def test_it_costs_no_byte():
    network = family_network("ds_cnn")
    network, weights = fold_batch_norm(network, random_weights(network))
    samples = random_samples(network, 70)
    ranges = activation_ranges(network, weights, samples)
    corrected = corrected_biases(network, weights, weights, {}, FREE_GRIDS, samples)
    before, after = (lower(network, arrays, {}, ranges) for arrays in (weights, corrected))
    assert len(before) == len(after)
    assert before != after
