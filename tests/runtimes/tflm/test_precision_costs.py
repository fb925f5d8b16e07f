"""Predicted costs of precisions against the images that they lead to."""

import pytest
from helpers_networks import random_samples, random_weights

from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.compression.precision import choose_plan
from autotiny.compression.sensitivity import Sensitivity
from autotiny.compression.sparsity import prune
from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.families import build_network
from autotiny.networks.graph import chain
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.networks.precision import INT8, LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.code_size import runtime_bytes
from autotiny.runtimes.tflm.legality import allowed_precisions
from autotiny.runtimes.tflm.precision_costs import precision_costs
from autotiny.runtimes.tflm.versions import has_feature

W4, A16 = LayerPrecision(weight_bits=4), LayerPrecision(activation_bits=16)
CLUSTERED = [LayerPrecision(weight_bits=bits, clustered=True) for bits in (4, 3, 2, 1)]
OPERATORS = {
    Conv2D: "CONV_2D",
    DepthwiseConv2D: "DEPTHWISE_CONV_2D",
    Dense: "FULLY_CONNECTED",
}
TARGETS = [
    Target(),
    Target(kernels="cmsis-nn"),
    Target(kernels="cmsis-nn", core="cortex-m55"),
    Target(has_decode=False, has_int4=False, has_per_channel_fc=False),
    Target(kernels="cmsis-nn", has_decode=False),
]


@pytest.fixture(scope="module")
def network():
    return build_network("ds_cnn", {"filters": 64, "blocks": 1, "batch_norm": False}, (20, 8, 1), 5)


def image_of(network, plan, target):
    folded, weights = fold_batch_norm(network, random_weights(network))
    weights = snap_clustered(weights, plan_levels(folded, weights, plan, seed=0))
    ranges = activation_ranges(folded, weights, random_samples(network, 8))
    return get_runtime("tflm").pack(lower(folded, weights, plan, ranges), target)


def sizes(network, target):
    """Return the bytes of a layer at a precision, nothing but its own parts linked."""
    costs = precision_costs(network, target)
    return lambda layer, precision: costs.layer_bytes(layer, precision, frozenset())


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_options_are_those_that_the_kernels_take(network, target):
    options = precision_costs(network, target).options
    for layer in network.weight_layers:
        granularity = "tensor" if isinstance(layer, Dense) else "channel"
        legal = {
            bits[:2]
            for bits in allowed_precisions(OPERATORS[type(layer)], target)
            if bits[2] == granularity
        }
        given = options[layer.name]
        assert INT8 not in given
        assert {(p.weight_bits, p.activation_bits) for p in given if not p.clustered} <= legal
        assert (W4 in given) == (
            has_feature(target, "int4") and not isinstance(layer, DepthwiseConv2D)
        )
        helium = target.core == "cortex-m55" and isinstance(layer, Dense)
        decoded = has_feature(target, "decode") and not helium
        assert [p for p in given if p.clustered] == (CLUSTERED if decoded else [])


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_option_gives_an_image_that_the_target_runs(network, target):
    runtime = get_runtime("tflm")
    for layer, precisions in precision_costs(network, target).options.items():
        for precision in precisions:
            packed = image_of(network, {layer: precision}, target)
            assert runtime.footprint(packed.image, target).flash_bytes > 0


def test_bytes_saved_are_near_those_of_the_image(network):
    """Only what the image itself takes: DECODE's code is left out, as `code_bytes` counts it."""
    target = Target(has_decode=False)
    size = sizes(network, target)
    dense = len(image_of(network, {}, target).image)
    for layer, precision in [("pointwise0", W4), ("stem", W4), ("classifier", W4), ("stem", A16),
                             ("pointwise0", A16), ("classifier", A16)]:  # fmt: skip
        saved = size(layer, INT8) - size(layer, precision)
        really = dense - len(image_of(network, {layer: precision}, target).image)
        assert saved == pytest.approx(really, abs=64), (layer, precision)


def test_bits_are_what_weights_cost():
    network = chain(
        (8, 8, 20),
        (Conv2D("one", 1, (3, 3)), Conv2D("c", 6, (1, 1)), DepthwiseConv2D("d", (3, 3)),
         Pool2D("p", "max"), Dense("out", 3)),
    )  # fmt: skip
    size = sizes(network, Target())
    assert size("one", INT8) == 180 + 4  # one scale, though 20 channels come in
    assert size("c", INT8) == 6 + 24
    assert size("c", W4) == 3 + 24
    assert size("d", INT8) == 54 + 24
    assert size("out", INT8) == 18 + 4
    clustered = [size("one", precision) for precision in CLUSTERED]
    assert sorted(clustered, reverse=True) == clustered


def test_code_is_what_the_data_table_says(network):
    used = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    for target in TARGETS:
        costs = precision_costs(network, target)
        assert ("DECODE" in costs.code_bytes) == has_feature(target, "decode")
        if has_feature(target, "decode"):
            extra = runtime_bytes({*used, "TFLM_DECODE"}, target) - runtime_bytes(used, target)
            assert costs.code_bytes["DECODE"] == extra > 15_000
        assert costs.needs(CLUSTERED[0]) == {"DECODE"}
        assert costs.needs(A16) == {"QUANTIZE"}
        assert costs.needs(W4) == costs.needs(INT8) == frozenset()


def test_with_decode_a_pruned_layer_takes_its_mask_and_values():
    wide = chain((640,), (Dense("first", 256, activation="relu"), Dense("second", 256)))
    zeros = {"first/kernel": int(0.8 * 640 * 256)}
    size = precision_costs(wide, Target(), zeros).layer_bytes
    linked = frozenset({"DECODE"})
    assert size("first", INT8, frozenset()) == 640 * 256 + 4
    assert size("first", INT8, linked) < 0.35 * 640 * 256
    # Three bits a weight take more than a mask and a fifth of the values: nothing is gained.
    assert size("first", CLUSTERED[1], linked) >= size("first", INT8, linked) - 4
    assert size("second", INT8, linked) == 256 * 256 + 4


@pytest.mark.parametrize("sparsity", [0.7, 0.9])
def test_plans_of_pruned_networks_cost_no_more_than_simple_ones(sparsity):
    """Flash that really results, DECODE's code included, against packed 4 bits throughout."""
    network = chain(
        (54,),
        (Dense("a", 300, activation="relu"), Dense("b", 64, activation="relu"), Dense("out", 6)),
    )
    weights = prune(network, random_weights(network), sparsity)
    zeros = {name: int((array == 0).sum()) for name, array in weights.items()}
    costs = precision_costs(network, Target(), zeros)
    table = [
        Sensitivity(layer, precision, 0.0, 0.01 * (9 - precision.weight_bits))
        for layer, options in costs.options.items()
        for precision in options
        if precision.activation_bits == 8
    ]
    runtime = get_runtime("tflm")

    def flash(plan):
        snapped = snap_clustered(weights, plan_levels(network, weights, plan, seed=0))
        ranges = activation_ranges(network, snapped, random_samples(network, 8))
        image = runtime.pack(lower(network, snapped, plan, ranges), Target()).image
        return runtime.footprint(image, Target()).flash_bytes

    chosen = choose_plan(network, table, 0.15, costs)
    assert flash(chosen) <= flash({"a": W4, "b": W4, "out": W4}) + 200
    assert flash(chosen) <= flash({}) + 200
