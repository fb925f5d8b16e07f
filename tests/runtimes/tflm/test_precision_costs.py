"""Predicted costs of precisions against the images that they lead to."""

import pytest
from helpers_networks import random_samples, random_weights

from autotiny.compression.clustering import plan_levels, snap_clustered
from autotiny.lowering import activation_ranges, lower
from autotiny.models import build_network
from autotiny.network import Conv2D, Dense, DepthwiseConv2D, Network, Pool2D, fold_batch_norm
from autotiny.precision import INT8, LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.code_size import runtime_bytes
from autotiny.runtimes.tflm.legality import allowed_precisions
from autotiny.runtimes.tflm.precision_costs import precision_costs

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
        assert (W4 in given) == (target.has_int4 and not isinstance(layer, DepthwiseConv2D))
        helium = target.core == "cortex-m55" and isinstance(layer, Dense)
        decoded = target.has_decode and not helium
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
    costs = precision_costs(network, target)
    dense = len(image_of(network, {}, target).image)
    for layer, precision in [("pointwise0", W4), ("stem", W4), ("classifier", W4), ("stem", A16),
                             ("pointwise0", A16), ("classifier", A16)]:  # fmt: skip
        saved = costs.layer_bytes(layer, INT8) - costs.layer_bytes(layer, precision)
        really = dense - len(image_of(network, {layer: precision}, target).image)
        assert saved == pytest.approx(really, abs=64), (layer, precision)


def test_bits_are_what_weights_cost():
    network = Network(
        (8, 8, 20),
        (Conv2D("one", 1, (3, 3)), Conv2D("c", 6, (1, 1)), DepthwiseConv2D("d", (3, 3)),
         Pool2D("p", "max"), Dense("out", 3)),
    )  # fmt: skip
    size = precision_costs(network, Target()).layer_bytes
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
        extra = runtime_bytes({*used, "TFLM_DECODE"}, target) - runtime_bytes(used, target)
        assert costs.code_bytes["DECODE"] == extra > 15_000
        assert costs.needs(CLUSTERED[0]) == {"DECODE"}
        assert costs.needs(A16) == {"QUANTIZE"}
        assert costs.needs(W4) == costs.needs(INT8) == frozenset()


def test_zeros_that_pay_for_decode_make_it_free_and_cap_what_lowering_saves():
    wide = Network((640,), (Dense("first", 256, "relu"), Dense("second", 256)))
    shapes = wide.weight_shapes()
    zeros = {f"{n}/kernel": int(0.8 * shapes[f"{n}/kernel"][0] * 256) for n in ("first", "second")}
    costs = precision_costs(wide, Target(), zeros)
    assert costs.code_bytes["DECODE"] == 0
    pruned = costs.layer_bytes("first", INT8)
    assert pruned < 0.35 * 640 * 256
    # Three bits a weight take more than a mask and a fifth of the values: nothing is gained.
    assert costs.layer_bytes("first", CLUSTERED[1]) >= pruned - 4
    few = precision_costs(wide, Target(), {"first/kernel": 100})
    assert few.code_bytes["DECODE"] > 0
    assert few.layer_bytes("first", INT8) == 640 * 256 + 4
