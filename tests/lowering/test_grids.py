"""Scales are those that were asked for, and the model computes the same everywhere."""

import dataclasses

import numpy as np
import pytest
from helpers_networks import FAMILIES, family_network, random_samples, random_weights

from autotiny.evaluation import io_quantisation
from autotiny.lowering import FREE_GRIDS, Grids, activation_ranges, lower
from autotiny.lowering.grids import power_of_two
from autotiny.lowering.kernels import rounded_kernel
from autotiny.lowering.weight_scaling import WEIGHT_SCALINGS
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.precision import INT8, LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.tflite.reader import read_model

TENSOR, SHIFTS = Grids(weight_granularity="tensor"), Grids(scale_grid="power_of_two")
W4 = LayerPrecision(weight_bits=4)


def prepared(name):
    network = family_network(name)
    network, weights = fold_batch_norm(network, random_weights(network))
    return network, weights, activation_ranges(network, weights, random_samples(network, 32))


def scales(model, suffix="/kernel"):
    return {t.name: t.scales for t in read_model(model).tensors if t.name.endswith(suffix)}


@pytest.mark.parametrize("name", WEIGHT_SCALINGS)
def test_bounds_are_magnitudes_of_each_row(name):
    rows = np.abs(np.random.default_rng(0).normal(size=(5, 300))).astype(np.float32)
    rows[2] = 0
    for bits in (8, 4):
        bounds = WEIGHT_SCALINGS[name].bounds(rows, bits)
        assert bounds.shape == (5,)
        assert (bounds <= rows.max(axis=1)).all()
        assert (bounds[[0, 1, 3, 4]] > 0).all()


@pytest.mark.parametrize("name", ["mse", "octav"])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_clipped_kernels_are_closer_to_the_weights(name, granularity):
    """In four bits, where steps are long."""
    network = family_network("cnn")
    layer = network.weight_layers[1]
    rng = np.random.default_rng(0)
    weights = {f"{layer.name}/kernel": rng.laplace(size=(3, 3, 64, 8)).astype(np.float32)}

    def error(scaling):
        grids = Grids(scaling, granularity)
        found = rounded_kernel(layer, weights, W4, grids)
        return np.square(found - weights[f"{layer.name}/kernel"]).mean()

    assert error(name) < 0.9 * error("absmax")


def test_a_convolution_may_have_one_scale():
    network, weights, ranges = prepared("ds_cnn")
    for grids, counts in ((FREE_GRIDS, {1, 8}), (TENSOR, {1})):
        found = scales(lower(network, weights, {}, ranges, grids))
        assert {len(values) for values in found.values()} == counts


def test_all_scales_are_powers_of_two():
    for name in FAMILIES:
        network, weights, ranges = prepared(name)
        for tensor in read_model(lower(network, weights, {}, ranges, SHIFTS)).tensors:
            assert (np.frexp(np.array(tensor.scales))[0] == 0.5).all()


def test_the_next_power_of_two_cuts_nothing_off():
    values = np.array([1.0, 1.5, 0.26, 2.0**-20, 3e-9], np.float32)
    found = power_of_two(values)
    assert found.tolist() == [1, 2, 0.5, 2.0**-20, 2.0**-28]
    assert found.dtype == power_of_two(np.float32(3)).dtype == np.float32


def test_given_scales_arrive():
    network, weights, ranges = prepared("cnn")
    given = {
        "conv0/kernel": np.linspace(0.01, 0.02, 6, dtype=np.float32),
        "classifier/kernel": np.array([0.03], np.float32),
    }
    grids = Grids(kernel_scales=given)
    found = scales(lower(network, weights, {}, ranges, grids))
    for name, values in given.items():
        np.testing.assert_array_equal(np.array(found[name], np.float32), values)


def test_a_rounded_kernel_has_the_values_of_the_model():
    for name in FAMILIES:
        network, weights, ranges = prepared(name)
        model = read_model(lower(network, weights, {}, ranges))
        tensors = {tensor.name: tensor for tensor in model.tensors}
        for layer in network.weight_layers:
            tensor = tensors[f"{layer.name}/kernel"]
            stored = np.frombuffer(tensor.data, np.int8)
            found = rounded_kernel(layer, weights, INT8, FREE_GRIDS)
            assert found.shape == weights[tensor.name].shape
            steps = np.array(tensor.scales)
            whole = stored.reshape(tensor.shape) * (
                steps if len(steps) == 1 or tensor.shape[0] == 1 else steps.reshape(-1, 1, 1, 1)
            )
            assert np.sort(found.ravel()) == pytest.approx(np.sort(whole.ravel()), rel=1e-6)


@pytest.mark.parametrize("runtime", ["tflm", "c"])
@pytest.mark.parametrize("name", FAMILIES)
def test_packed_models_compute_the_same(name, runtime):
    network, weights, ranges = prepared(name)
    for scaling in WEIGHT_SCALINGS:
        for grids in (TENSOR, SHIFTS):
            grids = dataclasses.replace(grids, weight_scaling=scaling)
            model = lower(network, weights, {}, ranges, grids)
            x = io_quantisation(model)[0].quantise(random_samples(network, 4))
            packed = get_runtime(runtime).pack(model, Target())
            expected = get_runtime("tflm").outputs(model, x)
            found = get_runtime(runtime).outputs(packed.image, x)
            np.testing.assert_array_equal(found, expected)
