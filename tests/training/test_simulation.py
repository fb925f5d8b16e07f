"""What training simulates is what the lowered model computes, and learns to live with it."""

import dataclasses

import numpy as np
import pytest
from helpers_networks import FAMILIES, blobs, family_network, random_samples, random_weights

from autotiny.evaluation import litert_outputs
from autotiny.lowering import FREE_GRIDS, Grids, activation_ranges, lower, operator_bits
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.layers import DepthwiseConv2D
from autotiny.networks.precision import LayerPrecision
from autotiny.tensorflow_setup import prepare_tensorflow
from autotiny.tflite.reader import read_model
from autotiny.training.forward import forward, logits
from autotiny.training.loop import TrainingSettings, train
from autotiny.training.output_scale import OutputScale
from autotiny.training.simulation import Simulated, Simulation

W4, A16 = LayerPrecision(weight_bits=4), LayerPrecision(activation_bits=16)
TENSOR = Grids("octav", "tensor")
SHIFTS = Grids(scale_grid="power_of_two")


def plan_of(network, precision):
    if precision is None:
        return {}
    takes = [x for x in network.weight_layers if not isinstance(x, DepthwiseConv2D)]
    return {layer.name: precision for layer in takes}


def setup(name, precision=None, grids=FREE_GRIDS, kind="aware"):
    network = family_network(name)
    network, weights = fold_batch_norm(network, random_weights(network))
    samples = random_samples(network, 32)
    plan = plan_of(network, precision)
    ranges = activation_ranges(network, weights, samples, bits=operator_bits(network, plan))
    return network, weights, samples, Simulated(plan, ranges, grids, kind)


def simulated_outputs(network, weights, samples, settings):
    tf = prepare_tensorflow(0)
    simulation = Simulation(tf, network, settings, weights)
    arrays = {name: tf.constant(array) for name, array in weights.items()}
    arrays |= simulation.kernels(arrays)
    x = simulation.input(tf.constant(samples))
    outputs = forward(network, arrays, x, hook=simulation.hook(arrays))[0].numpy()
    return outputs, simulation.trained(weights)


def lowered(network, weights, settings, grids):
    ranges = settings.ranges if grids.ranges is None else grids.ranges
    chosen = dataclasses.replace(settings.grids, kernel_scales=grids.kernel_scales)
    return lower(network, weights, settings.plan, ranges, chosen)


@pytest.mark.parametrize("grids", [FREE_GRIDS, TENSOR, SHIFTS])
@pytest.mark.parametrize("precision", [None, W4, A16])
@pytest.mark.parametrize("name", FAMILIES)
def test_it_computes_what_the_lowered_model_computes(name, precision, grids):
    """But for kernels that round twice, which shows where steps of weights are long."""
    network, weights, samples, settings = setup(name, precision, grids)
    found, trained = simulated_outputs(network, weights, samples, settings)
    model = lowered(network, weights, settings, trained)
    real = litert_outputs(model, samples).real
    parsed = read_model(model)
    step = parsed.tensors[parsed.outputs[0]].scales[0]
    off = np.abs(found - real).mean()
    assert off <= max(0.3 * step, 0.5 * np.abs(logits(network, weights, samples) - real).mean())


def test_grids_arrive_as_they_were_trained():
    network, weights, _, settings = setup("cnn", grids=TENSOR)
    split = blobs(network.input_shape, 4, 64)
    result = train(network, weights, split, TrainingSettings(2, simulated=settings))
    scales = {
        t.name: t.scales
        for t in read_model(lowered(network, result.weights, settings, result.grids)).tensors
    }
    for name, given in result.grids.kernel_scales.items():
        np.testing.assert_array_equal(np.array(scales[name], np.float32), given)
    again = lower(network, result.weights, settings.plan, settings.ranges, TENSOR)
    start = {tensor.name: tensor.scales for tensor in read_model(again).tensors}
    for layer in network.layers:
        assert scales[layer.name] == start[layer.name]


@pytest.mark.parametrize("grids", [FREE_GRIDS, SHIFTS])
def test_learned_steps_arrive(grids):
    network, weights, _, settings = setup("ds_cnn", W4, grids, "lsq")
    split = blobs(network.input_shape, 4, 64)
    rates = TrainingSettings(4, learning_rate=0.02, simulated=settings)
    result = train(network, weights, split, rates)
    assert set(result.weights) == set(weights)
    model = lowered(network, result.weights, settings, result.grids)
    scales = {tensor.name: np.array(tensor.scales) for tensor in read_model(model).tensors}
    start = lower(network, weights, settings.plan, settings.ranges, grids)
    before = {tensor.name: np.array(tensor.scales) for tensor in read_model(start).tensors}
    for name, given in result.grids.kernel_scales.items():
        np.testing.assert_array_equal(np.array(scales[name], np.float32), given)
    moved = [
        name
        for name in scales
        if not name.endswith("/bias") and not np.allclose(scales[name], before[name], rtol=1e-4)
    ]
    if grids is FREE_GRIDS:
        assert set(result.grids.kernel_scales) <= set(moved)
        assert {layer.name for layer in network.weight_layers} <= set(moved)
    assert "input" not in moved


def test_outputs_in_other_units_are_simulated_in_the_models_own():
    """Training works on standardised targets."""
    network, weights, samples, settings = setup("mlp")
    units = OutputScale("classifier", np.float32([3, -2, 0, 9]), np.float32([0.1, 2, 30, 1]))
    tf = prepare_tensorflow(0)
    simulation = Simulation(tf, network, settings, units.removed(weights), units)
    arrays = {name: tf.constant(array) for name, array in units.removed(weights).items()}
    arrays |= simulation.kernels(arrays)
    x = simulation.input(tf.constant(samples))
    found = units.real(forward(network, arrays, x, hook=simulation.hook(arrays))[0].numpy())
    plain, _ = simulated_outputs(network, weights, samples, settings)
    step = (settings.ranges["classifier"][1] - settings.ranges["classifier"][0]) / 255
    assert np.abs(found - plain).max() <= 1.01 * step


@pytest.mark.parametrize("kind", ["aware", "lsq"])
def test_training_on_grids_beats_rounding_afterwards(kind):
    """In four bits, and with scales that are too coarse by up to a factor of two."""
    gained = []
    for seed in range(3):
        network = family_network("cnn")
        network, weights = fold_batch_norm(network, random_weights(network, seed))
        split = blobs(network.input_shape, 4, 256, spread=2.0)
        weights = train(network, weights, split, TrainingSettings(6, 0.01, seed=seed)).weights
        plan = plan_of(network, W4)
        ranges = activation_ranges(network, weights, split.x)
        simulated = Simulated(plan, ranges, SHIFTS, kind)
        settings = TrainingSettings(4, 0.003, seed=seed, simulated=simulated)
        result = train(network, weights, split, settings)
        after = lowered(network, result.weights, simulated, result.grids)
        before = lower(network, weights, plan, ranges, SHIFTS)
        loss = [_loss(litert_outputs(model, split.x).real, split.y) for model in (before, after)]
        gained.append(loss[0] - loss[1])
    assert min(gained) > 0


def _loss(outputs, y):
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(y)), y].mean()
