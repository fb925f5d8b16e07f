"""Blocks that can be left out: found by shape, and what remains is a network."""

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from hypothesis import given, settings

from autotiny.compression.depth import BlockCost, kept_blocks, measure_blocks, shorten
from autotiny.networks.blocks import removable_blocks, without_blocks
from autotiny.networks.families import build_network
from autotiny.networks.graph import chain
from autotiny.networks.layers import Activation, Conv2D, Dense, DepthwiseConv2D
from autotiny.training.forward import logits


@pytest.mark.parametrize(
    ("family", "options", "shape", "outputs"),
    [
        (
            "resnet",
            {"blocks": 2},
            (8, 8, 1),
            ["stage0_block0_add", "stage0_block1_add", "stage1_block1_add", "stage2_block1_add"],
        ),
        ("ds_cnn", {"blocks": 2}, (12, 8, 1), ["pointwise0", "pointwise1"]),
        (
            "mobilenet_v2", {"blocks": ((1, 16, 1, 1), (2, 8, 2, 2))}, (8, 8, 1),
            ["block0_add", "block2_add"],
        ),
        ("tcn", {"dilations": (1, 2)}, (20, 1, 3), ["block0_add", "block1_add"]),
        ("autoencoder", {"units": (16, 16), "code": 4}, (30,), ["encoder1", "decoder1"]),
        ("mlp", {"units": (9, 5)}, (7,), []),
    ],
)  # fmt: skip
def test_families_have_the_blocks_that_their_papers_speak_of(family, options, shape, outputs):
    network = build_network(family, options, shape, 3)
    assert [block.output for block in removable_blocks(network)] == outputs


def test_a_block_takes_its_activation_and_its_depthwise_filter_along():
    layers = (
        Conv2D("a", 4, (3, 3)), DepthwiseConv2D("d", (3, 3)), Conv2D("b", 4, (1, 1)),
        Activation("act", "hard_swish"), Dense("out", 2),
    )  # fmt: skip
    (block,) = removable_blocks(chain((6, 6, 1), layers))
    assert (block.source, block.layers) == ("a", ("d", "b", "act"))


@settings(max_examples=60, deadline=None)
@given(networks(max_layers=6))
def test_any_removable_blocks_leave_a_network_of_the_same_shapes(network):
    blocks = removable_blocks(network)
    weights = random_weights(network)
    for gone in ([block] for block in blocks):
        shorter, kept = without_blocks(network, weights, gone)
        assert shorter.output_shape == network.output_shape
        assert {name: array.shape for name, array in kept.items()} == shorter.weight_shapes()
    shorter, _ = without_blocks(network, weights, blocks)
    assert shorter.output_shape == network.output_shape
    assert len(shorter.layers) == len(network.layers) - sum(len(b.layers) for b in blocks)


def test_blocks_go_in_the_order_of_what_they_cost():
    network = build_network("resnet", {"filters": (4, 6), "blocks": 3}, (6, 6, 1), 3)
    weights, x = random_weights(network), random_samples(network, 16)
    full = logits(network, weights, x)

    def judge(outputs):
        difference = float(np.abs(outputs - full).mean())
        return difference, difference / 2

    costs = measure_blocks(network, weights, lambda n, w: logits(n, w, x), judge)
    assert [row.divergence for row in costs] == sorted(row.divergence for row in costs)
    assert costs[0].joint_score_loss == costs[0].score_loss
    names = {layer.name for layer in network.layers}
    for depth in (1.0, 0.6, 0.2, 0.0):
        shorter, kept = shorten(network, weights, costs, depth)
        gone = costs[: len(costs) - kept_blocks(len(costs), depth)]
        missing = names - {layer.name for layer in shorter.layers}
        assert {row.block for row in gone} == {name for name in missing if name.endswith("_add")}
        assert set(kept) == set(shorter.weight_shapes())
        if gone:
            outputs = logits(shorter, kept, x)
            assert judge(outputs)[1] == pytest.approx(gone[-1].joint_score_loss, rel=1e-4)


def test_nothing_is_left_out_where_nothing_was_measured():
    network = build_network("resnet", {}, (8, 8, 1), 3)
    weights = random_weights(network)
    assert shorten(network, weights, (), 0.0) == (network, weights)
    assert kept_blocks(4, 0.5) == 2
    assert BlockCost("b", 0.1, 0.0, 0.0).block == "b"
