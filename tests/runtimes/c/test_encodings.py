"""Every encoding gives its weights back, in Python and in C, and is chosen where it pays."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from helpers_networks import networks, random_samples, random_weights
from helpers_tflite import ModelBuilder, conv, dense
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotiny.errors import InputError
from autotiny.runtimes.c import encoding
from autotiny.runtimes.c.codegen import Optimise, generate
from autotiny.runtimes.c.costs.predict import predict_costs, table_of
from autotiny.runtimes.c.encoding import FUNCTION_BYTES, encode_weights, encodings_of
from autotiny.runtimes.c.encodings import ENCODINGS
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.host import run_on_host
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.reading import read_program

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 40))
ELEMENTS = (
    st.sampled_from([-128, -8, -3, 0, 0, 1, 7, 9]), st.integers(-128, 127), st.integers(-8, 7)
)  # fmt: skip
WEIGHTS = st.one_of(*(arrays.arrays(np.int8, SHAPES, elements=e) for e in ELEMENTS))


def test_every_encoding_has_its_cost_of_code():
    assert set(FUNCTION_BYTES) == set(ENCODINGS)


@pytest.mark.parametrize("name", ENCODINGS)
@settings(max_examples=150, deadline=None)
@given(weights=WEIGHTS)
def test_weights_come_back(name, weights):
    encoded = ENCODINGS[name].encode(weights)
    if encoded is None:
        assert name in ("int4", "table")
        return
    np.testing.assert_array_equal(ENCODINGS[name].decode(encoded, weights.shape), weights)


def test_codes_of_seven_bits_and_a_table_of_no_more_values_than_there_are():
    weights = np.tile(np.arange(-50, 50, dtype=np.int8), (4, 3))
    encoded = ENCODINGS["table"].encode(weights)
    assert encoded.numbers["bits"] == 7
    assert encoded.nbytes == 4 * 300 * 7 // 8 + 100
    assert ENCODINGS["table"].encode(np.tile(np.arange(-65, 65, dtype=np.int8), (4, 3))) is None


def few_values(program, keep, zeros, seed):
    """Return the program with weights that every encoding can store."""
    rng = np.random.default_rng(seed)
    steps = []
    for step in program.steps:
        if "weights" in step.arrays:
            drawn = rng.choice(keep, step.arrays["weights"].shape).astype(np.int8)
            drawn[rng.random(drawn.shape) < zeros] = 0
            blocks = np.repeat(rng.random(-(-drawn.size // 4)) < zeros, 4)[: drawn.size]
            blocks[:4] = True
            drawn.ravel()[blocks] = 0
            step = replace(step, arrays={**step.arrays, "weights": drawn})
        steps.append(step)
    return replace(program, steps=tuple(steps))


@pytest.mark.parametrize("name", ENCODINGS)
@settings(max_examples=8, deadline=None)
@given(
    network=networks(max_layers=4), seed=st.integers(0, 99),
    keep=st.sampled_from([[-8, 7], [-3, 0, 5], list(range(-8, 8))]),
    optimise=st.sampled_from(get_args(Optimise)),
)  # fmt: skip
def test_kernels_read_every_encoding(engine, compiler, name, network, seed, keep, optimise):
    hold_alike(engine, compiler, name, network, seed, keep, optimise)


@settings(max_examples=5, deadline=None)
@given(network=networks(max_layers=3), count=st.integers(65, 128))
def test_kernels_read_codes_of_seven_bits(engine, compiler, network, count):
    hold_alike(engine, compiler, "table", network, 0, list(range(-60, count - 60)), "size")


def hold_alike(engine, compiler, name, network, seed, keep, optimise):
    """Hold encoded weights against the same ones as bytes, in compiled code."""
    model = engine.lowered(network, random_weights(network), random_samples(network, 8))
    dense_one = few_values(read_program(model), keep, 0.4, seed)
    hold_stored_alike(engine, compiler, model, dense_one, name, optimise)


def hold_stored_alike(engine, compiler, model, dense_one, name, optimise):
    """Hold a program's weights in an encoding against the same ones as bytes."""
    stored = encode_weights(dense_one, dict.fromkeys(encodings_of(dense_one), name))
    assert set(encodings_of(stored).values()) == {name}
    x = engine.inputs(model, 10)
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    got, wanted = (
        run_on_host(generate(p, optimise=optimise), x, compiler=compiler, flags=flags)
        for p in (stored, dense_one)
    )
    np.testing.assert_array_equal(got, wanted)


def model_of(values):
    b = ModelBuilder()
    x = b.tensor([1, 6, 6, 4])
    y = conv(b, x, 16, kernel=(3, 3))
    z = dense(b, y, 10)
    for tensor in b.graph.tensors:
        data = b.model.buffers[tensor.buffer].data
        if data is not None and tensor.type == 9:  # INT8
            drawn = np.random.default_rng(0).choice(values, data.size).astype(np.int8)
            b.model.buffers[tensor.buffer].data = drawn.view(np.uint8)
    return read_program(b.finish([x], [z]))


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        (np.arange(-100, 100), {"int8"}),
        (np.arange(-8, 8), {"int4"}),
        ([-60, 1, 90, 100], {"table"}),
        (
            [0] * 9 + [1, -100, 50, 30, 20, 44, -9, -3, 17, 2, 77, 21, 22, 23],
            {"pruned", "table", "huffman"},
        ),
    ],
)
def test_what_is_smallest_is_chosen(values, chosen):
    program = model_of(values)
    stored = encode_weights(program)
    assert set(encodings_of(stored).values()) <= chosen
    sizes = {
        name: constant_bytes(
            groups_of(encode_weights(program, dict.fromkeys(encodings_of(program), name)))
        )
        for name in encodings_of(stored).values()
    }
    dense_bytes = constant_bytes(groups_of(program))
    assert min(sizes.values()) <= dense_bytes


def in_blocks(program, share, seed=0):
    """Return the program with this share of blocks of four neighbouring weights zero."""
    rng = np.random.default_rng(seed)
    steps = []
    for step in program.steps:
        if "weights" in step.arrays:
            shape = step.arrays["weights"].shape
            drawn = rng.choice([*range(-127, 0), *range(1, 128)], shape).astype(np.int8)
            count = -(-drawn.size // 4)
            gone = rng.permutation(count) < max(1, round(share * count))
            drawn.ravel()[np.repeat(gone, 4)[: drawn.size]] = 0
            step = replace(step, arrays={**step.arrays, "weights": drawn})
        steps.append(step)
    return replace(program, steps=tuple(steps))


@pytest.mark.parametrize("share", [0.1, 0.8, 1.0])
@pytest.mark.parametrize("channels", [[4, 8, 4], [3, 5, 6], [8, 1, 7]])
@pytest.mark.parametrize("same", [True, False])
def test_blocks_are_skipped_within_runs_and_across_them(engine, compiler, channels, same, share):
    b = ModelBuilder()
    x = y = b.tensor([1, 8, 8, channels[0]])
    for filters in channels[1:]:
        y = conv(b, y, filters, kernel=(3, 3), same=same)
    y = conv(b, y, channels[-1], depthwise=True, same=same)
    z = dense(b, y, 10)
    model = b.finish([x], [z])
    program = in_blocks(read_program(model), share)
    hold_stored_alike(engine, compiler, model, program, "blocks", "size")


@pytest.mark.parametrize("core", list(CORES))
@pytest.mark.parametrize("layer", ["conv", "dense"])
def test_zeros_by_blocks_are_stored_as_such_in_less_flash_and_work(layer, core):
    b = ModelBuilder()
    x = b.tensor([1, 6, 6, 16] if layer == "conv" else [1, 1, 1, 256])
    y = conv(b, x, 32) if layer == "conv" else dense(b, x, 48)
    program = in_blocks(read_program(b.finish([x], [y])), 0.8)
    chosen = encode_weights(program, core=core)
    assert set(encodings_of(chosen).values()) == {"blocks"}
    flash, work = {}, {}
    for name in ("int8", "pruned", "blocks"):
        groups = groups_of(encode_weights(program, {0: name}))
        costs = predict_costs(groups, core)
        assert costs.origin == "predicted"
        flash[name] = constant_bytes(groups) + costs.code_bytes
        work[name] = costs.instructions
    assert flash["blocks"] < min(flash["pruned"], flash["int8"])
    if work["blocks"] is not None:
        assert work["blocks"] < min(work["pruned"], work["int8"])


def test_what_was_not_measured_on_a_core_is_not_chosen_there(monkeypatch):
    b = ModelBuilder()
    x = b.tensor([1, 6, 6, 16])
    y = conv(b, x, 32)
    program = in_blocks(read_program(b.finish([x], [y])), 0.8)
    table, known = table_of("cortex-m4")
    code = {name: bytes_ for name, bytes_ in table["code"].items() if "blocks" not in name}
    monkeypatch.setattr(encoding, "table_of", lambda *_: ({**table, "code": code}, known))
    assert set(encodings_of(encode_weights(program)).values()) == {"pruned"}


def test_weights_that_cannot_be_stored_as_asked_are_refused():
    with pytest.raises(InputError, match="cannot be stored as int4"):
        encode_weights(model_of(np.arange(-100, 100)), {0: "int4"})
