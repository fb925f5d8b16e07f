"""Fast forms: of dense weights alone, and beside weights that are decoded."""

import pytest
from helpers_networks import random_samples, random_weights

from autotiny.networks.families import build_network
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.encoding import encode_weights, encodings_of
from autotiny.runtimes.c.groups import groups_of
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.c.speed import for_speed

NETWORKS = {
    "mlp": build_network("mlp", {"units": (9, 8, 7)}, (13,), 4),
    "ds_cnn": build_network("ds_cnn", {"filters": 8, "blocks": 2}, (8, 8, 2), 4),
    "resnet": build_network("resnet", {}, (8, 8, 1), 3),
}


def mixed(program, encoding):
    """Return the program with every other layer's weights in an encoding, and which those are."""
    wanted = {
        place: encoding if number % 2 else "int8"
        for number, place in enumerate(encodings_of(program))
    }
    return encode_weights(program, wanted), wanted


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("encoding", ["pruned", "blocks", "huffman"])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_decoded_weights_keep_their_kernel_beside_fast_ones(engine, compiler, name, encoding, own):
    network = NETWORKS[name]
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    program, wanted = mixed(read_program(model), encoding)
    fast = for_speed(program, own=own)
    by_label = {program.steps[place].label: stored for place, stored in wanted.items()}
    decoded = {s.label for s in fast.steps if s.kernel == "weighted" and s.variant == encoding}
    assert decoded == {label for label, stored in by_label.items() if stored == encoding}
    kernels = {group.kernel for group in groups_of(fast)}
    assert kernels & {"row", "patches", "depthwise_3x3"}
    source = generate(program, optimise="speed" if own else "balanced")
    engine.same_bits(model, source, compiler, 4)
