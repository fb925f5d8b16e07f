"""Any network, cut anyhow, goes the whole road: trained, lowered, packed, the same bits in TFLM."""

import numpy as np
import pytest
from helpers_networks import blobs, networks, random_samples, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.compression.sparsity import magnitude_mask
from autotiny.compression.width import cut
from autotiny.evaluation import io_quantisation
from autotiny.lowering import activation_ranges, lower, stand_in
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.families import build_network
from autotiny.networks.graph import INPUT
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.training.loop import TrainingSettings, train

RUNTIME = get_runtime("tflm")
PRECISIONS = (
    None, LayerPrecision(weight_bits=4), LayerPrecision(activation_bits=16),
    LayerPrecision(weight_bits=3, clustered=True), LayerPrecision(weight_bits=1, clustered=True),
)  # fmt: skip
#: Flash that equal vectors of a trained network may save less than those of its stand-in: a few
#: fields of the flatbuffer, aligned.
SLACK_BYTES = 32


def legal(network, target, layer, precision):
    """Return the plan that gives one layer a precision, if the target has that."""
    allowed = RUNTIME.precision_costs(network, target).options[layer]
    return {layer: precision} if precision in allowed else {}


@settings(max_examples=60, deadline=None)
@given(
    networks(min_channels=2, max_layers=5), st.floats(0.3, 1), st.sampled_from(PRECISIONS),
    st.integers(0, 9), st.sampled_from(["reference", "cmsis-nn"]),
)  # fmt: skip
def test_any_cut_network_packs_to_the_same_bits_within_its_bound(
    network, width, precision, place, kernels
):
    target = Target(core="cortex-m4", kernels=kernels)
    student, weights = fold_batch_norm(*cut(network, random_weights(network), width))
    layer = student.weight_layers[place % len(student.weight_layers)].name
    plan = legal(student, target, layer, precision)
    ranges = activation_ranges(student, weights, random_samples(student, 16))
    weights = snap_clustered(weights, plan_levels(student, weights, plan, seed=0))
    model = lower(student, weights, plan, ranges)
    packed = RUNTIME.pack(model, target)
    x = io_quantisation(model)[0].quantise(random_samples(student, 4))
    np.testing.assert_array_equal(RUNTIME.outputs(packed.image, x), RUNTIME.outputs(model, x))

    stood, limits = stand_in(student, plan, ranges[INPUT], {})
    stood = snap_clustered(stood, plan_levels(student, stood, plan, seed=0))
    bound = RUNTIME.pack(lower(student, stood, plan, limits), target, any_values=True)
    real = RUNTIME.pack(model, target, encodings=bound.encodings)
    least, most = (RUNTIME.footprint(p.image, target) for p in (real, bound))
    assert least.flash_bytes <= most.flash_bytes + SLACK_BYTES
    assert least.ram_bytes <= most.ram_bytes


@settings(max_examples=40, deadline=None)
@given(
    networks(min_channels=2, max_layers=5), st.floats(0.3, 1), st.sampled_from(PRECISIONS),
    st.integers(0, 9), st.sampled_from([0, 0.5, 0.8]), st.sampled_from(["cortex-m4", "avr"]),
    st.sampled_from(["size", "speed"]),
)  # fmt: skip
def test_any_network_takes_no_more_as_c_than_its_bound(
    network, width, precision, place, sparsity, core, optimise
):
    runtime, target = get_runtime("c"), Target(core=core, optimise=optimise)
    student, weights = fold_batch_norm(*cut(network, random_weights(network), width))
    zeros = {}
    for name in [f"{layer.name}/kernel" for layer in student.weight_layers]:
        if sparsity and weights[name].size >= 20:
            weights[name] = weights[name] * magnitude_mask(weights[name], sparsity)
            zeros[name] = int((weights[name] == 0).sum())
    layer = student.weight_layers[place % len(student.weight_layers)].name
    allowed = runtime.precision_costs(student, target).options[layer]
    plan = {layer: precision} if precision in allowed else {}
    ranges = activation_ranges(student, weights, random_samples(student, 16))
    weights = snap_clustered(weights, plan_levels(student, weights, plan, seed=0))
    stood, limits = stand_in(student, plan, ranges[INPUT], zeros)
    stood = snap_clustered(stood, plan_levels(student, stood, plan, seed=0))
    real = runtime.footprint(lower(student, weights, plan, ranges), target)
    bound = runtime.footprint(lower(student, stood, plan, limits), target, any_values=True)
    assert real.flash_bytes <= bound.flash_bytes
    assert real.ram_bytes <= bound.ram_bytes


@settings(max_examples=4, deadline=None)
@given(networks(min_channels=2, max_layers=4), st.floats(0.3, 0.9))
def test_any_cut_network_trains(network, width):
    student, weights = cut(network, random_weights(network), width)
    split = blobs(student.input_shape, student.output_shape[0], 64)
    result = train(student, weights, split, TrainingSettings(epochs=2, batch_size=16))
    folded, trained = fold_batch_norm(student, result.weights)
    model = lower(folded, trained, {}, activation_ranges(folded, trained, split.x))
    x = io_quantisation(model)[0].quantise(split.x[:4])
    image = RUNTIME.pack(model, Target()).image
    np.testing.assert_array_equal(RUNTIME.outputs(image, x), RUNTIME.outputs(model, x))


@pytest.mark.parametrize(
    ("family", "shape", "outputs", "published_bytes"),
    [
        ("ds_cnn", (49, 10, 1), 12, 53_936),
        ("resnet", (32, 32, 3), 10, 98_496),
        ("mobilenet_v1", (96, 96, 3), 2, 333_288),
        ("autoencoder", (640,), 640, 276_976),
    ],
)
def test_mlperf_tinys_networks_are_no_larger_than_the_published_files(
    family, shape, outputs, published_bytes
):
    network = build_network(family, {}, shape, outputs)
    weights, target = random_weights(network), Target()
    sizes = []
    for width in (1.0, 0.5):
        student, thin = fold_batch_norm(*cut(network, weights, width))
        samples = random_samples(student, 4)
        model = lower(student, thin, {}, activation_ranges(student, thin, samples))
        packed = RUNTIME.pack(model, target)
        x = io_quantisation(model)[0].quantise(samples[:1])
        np.testing.assert_array_equal(RUNTIME.outputs(packed.image, x), RUNTIME.outputs(model, x))
        footprint = RUNTIME.footprint(packed.image, target)
        assert footprint.ram_bytes > 0
        sizes.append(len(packed.image))
    assert sizes[1] < 0.6 * sizes[0]
    assert sizes[0] <= published_bytes
