"""Packing: the cheapest encodings that target and arena allow, and the same outputs."""

import numpy as np
import pytest
from helpers_packing import (
    Builder,
    autoencoder,
    clustered,
    every_int8_operator,
    int4_weights,
    int16_activations,
    pruned,
    quantized_ds_cnn,
    same,
    shared_weights,
    with_weights,
)
from helpers_tflite import ground_truth

from autotiny.errors import InputError
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.arena import predict_arena
from autotiny.runtimes.tflm.encodings import ENCODINGS
from autotiny.runtimes.tflm.graph import read_graphs
from autotiny.runtimes.tflm.image import write_image
from autotiny.runtimes.tflm.packing import pack
from autotiny.runtimes.tflm.rewrite import Slot, apply, stored_bytes, weights_of
from autotiny.tflite.reader import read_model

TARGET = Target()
M4 = Target(kernels="cmsis-nn", core="cortex-m4")
M55 = Target(kernels="cmsis-nn", core="cortex-m55")


@pytest.fixture(scope="module")
def ds_cnn():
    return quantized_ds_cnn()


def test_ds_cnn_shrinks_without_a_changed_bit(ds_cnn):
    assert len(ds_cnn) > 42_000
    dense = pack(ds_cnn, TARGET)
    assert len(dense.image) <= 31_000
    same(ds_cnn, dense.image)


def test_clustered_layers_of_one_size_differ_so_that_none_is_stored_twice():
    model = read_model(with_weights(autoencoder(), clustered(16)))
    weights = [model.input(operator, 1).data for operator in model.operators]
    assert len(set(weights)) == len(weights) == 10


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("mlperf_kws_ref_model", 0.6),
        ("mlperf_pretrainedResnet_quant", 0.9),
        ("mlperf_vww_96_int8", 0.3),
        ("mlperf_ad01_int8", 0.7),
    ],
)
def test_published_models_shrink_as_they_are(name, share):
    model = ground_truth(name)
    packed = pack(model, TARGET)
    assert len(packed.image) < share * len(model)
    same(model, packed.image)


def test_pruned_ds_cnn_shrinks_again(ds_cnn):
    sparse = with_weights(ds_cnn, pruned)
    everything = dict.fromkeys(pack(sparse, TARGET).encodings, "pruned")
    packed = pack(sparse, TARGET, encodings=everything)
    assert len(packed.image) <= 20_000
    same(sparse, packed.image)
    # DECODE's code takes more than that saves, so it is not what packing chooses by itself.
    assert set(pack(sparse, TARGET).encodings.values()) == {"int8"}


@pytest.mark.parametrize(("change", "share"), [(pruned, 0.4), (clustered(16), 0.6)])
def test_a_large_network_shrinks_by_what_its_weights_allow(change, share):
    model = with_weights(autoencoder(), change)
    packed = pack(model, TARGET)
    assert len(packed.image) < share * len(model)
    assert packed.encodings.keys() == {
        t.name for t in read_model(model).tensors if t.name.endswith("kernel")
    }
    same(model, packed.image)


@pytest.mark.parametrize("name", [n for n, e in ENCODINGS.items() if e.needs_decode])
@pytest.mark.parametrize("make", [every_int8_operator, int16_activations])
def test_every_encoding_runs_in_every_operator(make, name):
    width = int(name[3]) if name.startswith("lut") else 3
    model = with_weights(make(), clustered(2**width))
    wanted = {}
    for tensor in read_graphs(model)[0].tensors:
        if tensor.name.endswith("kernel") and not ENCODINGS[name].refusal(weights_of(tensor)):
            wanted[tensor.name] = name
    packed = pack(model, TARGET, encodings=wanted)
    assert wanted
    assert {k: v for k, v in packed.encodings.items() if k in wanted} == wanted
    same(model, packed.image)


# What is chosen


def test_small_models_do_without_decode_and_it_is_never_used_where_it_is_missing():
    assert set(pack(every_int8_operator(), TARGET).encodings.values()) == {"int8"}
    model = with_weights(autoencoder(), pruned)
    old = Target(has_decode=False)
    assert set(pack(model, old).encodings.values()) == {"int8"}
    assert "TFLM_DECODE" not in read_model(pack(model, old).image).operator_names


def test_helium_kernels_get_no_decoded_fully_connected_weights():
    model = with_weights(autoencoder(), pruned)
    assert "TFLM_DECODE" in read_model(pack(model, M4).image).operator_names
    assert "TFLM_DECODE" not in read_model(pack(model, M55).image).operator_names


def test_int4_is_found_widened_and_left_out_by_what_the_target_has():
    model = int4_weights()
    assert set(pack(model, TARGET).encodings.values()) == {"int4"}
    without = pack(model, Target(has_int4=False))
    assert set(without.encodings.values()) == {"int8"}
    same(model, without.image)
    wide = with_weights(every_int8_operator(), clustered(16))
    small = with_weights(wide, lambda v: (v % 16 - 8).astype(np.int8))
    packed = pack(small, TARGET)
    assert packed.encodings == {
        "conv_2d_0/kernel": "int4",
        "conv_2d_1/kernel": "int4",
        "depthwise_conv_2d_2/kernel": "int8",
        "fully_connected_8/kernel": "int8",
        "fully_connected_9/kernel": "int4",
    }
    same(small, packed.image)


def test_allowed_encodings_bound_the_choice():
    model = with_weights(autoencoder(), pruned)
    assert set(pack(model, TARGET, allowed={"int8"}).encodings.values()) == {"int8"}
    some = pack(model, TARGET, allowed={"pruned"})
    assert set(some.encodings.values()) <= {"int8", "pruned"}
    assert "pruned" in some.encodings.values()


def test_the_predicted_saving_of_decode_is_what_the_file_loses(ds_cnn):
    graphs = read_graphs(with_weights(ds_cnn, pruned))
    slots = [Slot(p, op.inputs[1]) for p, op in enumerate(graphs[0].operators) if op.code in (3, 4)]
    sizes = []
    for count in (1, len(slots)):
        sizes.append(len(write_image(apply(graphs, dict.fromkeys(slots[:count], "pruned")))))
    weights = [weights_of(graphs[0].tensors[slot.tensor]) for slot in slots[1:]]
    predicted = sum(stored_bytes("pruned", w) - stored_bytes("int8", w) for w in weights)
    shared_shapes = 8 * 2 * len(weights)
    assert predicted - shared_shapes <= sizes[1] - sizes[0] <= predicted


def smallest_arena(image, target=TARGET):
    return predict_arena(read_model(image), target).smallest


@pytest.mark.parametrize("target", [TARGET, M4])
def test_an_arena_limit_is_kept_and_costs_no_more_flash_than_it_must(target):
    model = with_weights(autoencoder(), pruned)
    free = pack(model, target)
    dense = pack(model, target, allowed={"int8"})
    low, high = smallest_arena(dense.image, target), smallest_arena(free.image, target)
    assert pack(model, target, arena_limit=high).image == free.image
    assert pack(model, target, arena_limit=low).image == dense.image
    sizes = []
    for limit in np.linspace(low, high, 6).astype(int):
        packed = pack(model, target, arena_limit=int(limit))
        assert smallest_arena(packed.image, target) <= limit
        sizes.append(len(packed.image))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 2


def test_free_compression_is_taken_below_the_peak():
    b = Builder()
    x = b.tensor("image", [1, 32, 32, 8])
    y = b.conv(x, 64, values=pruned(b.rng.integers(-100, 100, 64 * 72).astype(np.int8)))
    y = b.pool("MAX_POOL_2D", b.pool("MAX_POOL_2D", b.pool("MAX_POOL_2D", y)))
    kernel = pruned(b.rng.integers(-100, 100, 48 * 1024).astype(np.int8))
    model = b.finish([x], [b.dense(y, 48, values=kernel)])
    limit = smallest_arena(pack(model, TARGET, allowed={"int8"}).image) + 1024
    packed = pack(model, TARGET, arena_limit=limit)
    assert packed.encodings["fully_connected_4/kernel"] in ("pruned", "huffman")
    assert smallest_arena(packed.image) <= limit
    same(model, packed.image)


@pytest.mark.parametrize("missing", [1, 16, 2000])
def test_a_limit_below_any_arena_gives_the_smallest_arena(missing):
    model = with_weights(autoencoder(), pruned)
    dense = pack(model, TARGET, allowed={"int8"})
    packed = pack(model, TARGET, arena_limit=smallest_arena(dense.image) - missing)
    assert packed.image == dense.image


# What is refused


@pytest.mark.parametrize(
    ("encodings", "words"),
    [
        ({"conv_2d_0/kernel": "lut4"}, "its scales are per channel"),
        ({"conv_2d_0/kernel": "lut2/shared"}, "holds 4 values"),
        ({"conv_2d_0/kernel": "lut2/channel"}, "holds 4 values"),
        ({"conv_2d_0/kernel": "int4"}, "from -8 to 7"),
        ({"depthwise_conv_2d_2/kernel": "int4"}, "DEPTHWISE_CONV_2D has no kernels"),
        ({"fully_connected_8/kernel": "int4"}, "weight scales per channel"),
        ({"conv_2d_0/kernel": "zip"}, "An encoding must be one of int8, int4, lut1"),
        ({"image": "pruned"}, "only constants can be encoded and it is an activation"),
        ({"conv_2d_0/bias": "pruned"}, "only int8 or int4 weights"),
        ({"nothing": "pruned"}, "the model has no such tensor"),
    ],
)
def test_impossible_encodings_are_refused_with_a_sentence(encodings, words):
    with pytest.raises(InputError, match=words) as caught:
        pack(every_int8_operator(), TARGET, encodings=encodings)
    assert str(caught.value).endswith(".")


def test_weights_with_two_uses_keep_their_form_and_are_refused_when_asked():
    model = shared_weights()
    assert pack(model, TARGET).encodings["fully_connected_0/kernel"] == "int8"
    with pytest.raises(InputError, match="must have one use, as DECODE runs right before it"):
        pack(model, TARGET, encodings={"fully_connected_0/kernel": "pruned"})


def test_decode_is_refused_where_the_target_cannot_run_it():
    wanted = {"fully_connected_0/kernel": "huffman"}
    with pytest.raises(InputError, match="the TFLM of target old has none"):
        pack(autoencoder(), Target("old", has_decode=False), encodings=wanted)
    with pytest.raises(InputError, match="cores with Helium"):
        pack(autoencoder(), M55, encodings=wanted)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 100, None])
def test_garbage_is_refused(data):
    with pytest.raises(InputError):
        pack(every_int8_operator()[:500] if data is None else data, TARGET)


def test_without_growth_only_what_is_free_is_compressed():
    model = ground_truth("mlperf_vww_96_int8")
    dense = pack(model, TARGET, allowed={"int8"})
    free = pack(model, TARGET, grow_arena=False)
    assert len(free.image) < 0.5 * len(dense.image)
    grown = predict_arena(read_model(free.image), TARGET).smallest
    assert grown - predict_arena(read_model(dense.image), TARGET).smallest < 4096
    same(model, free.image)


def test_without_growth_a_large_decoded_tensor_stays_dense():
    model = with_weights(autoencoder(), pruned)
    dense = pack(model, TARGET, allowed={"int8"})
    assert pack(model, TARGET, grow_arena=False).image == dense.image
    assert len(pack(model, TARGET).image) < 0.4 * len(dense.image)
