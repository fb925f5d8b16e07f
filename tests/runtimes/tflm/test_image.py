"""Images hold what TFLM reads, each distinct thing once, and give the same outputs."""

import pytest
from ai_edge_litert import schema_py_generated as schema
from helpers_packing import (
    MODELS,
    Builder,
    every_int8_operator,
    int16_activations,
    same,
    shared_weights,
)

from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.graph import read_graphs
from autotiny.runtimes.tflm.image import diet
from autotiny.runtimes.tflm.packing import pack
from autotiny.tflite.reader import read_model


@pytest.mark.parametrize("make", MODELS)
def test_the_image_computes_what_the_full_model_does(make):
    model = make()
    image = diet(model)
    assert len(image) < 0.8 * len(model)
    same(model, image)


@pytest.mark.parametrize("make", MODELS)
def test_the_image_has_no_names_and_nothing_twice(make):
    image = diet(make())
    assert not any(word in image for word in (b"kernel", b"description", b"main", b"1.14.0"))
    buffers = [data for data in read_model(image).buffers if data is not None]
    assert len(set(buffers)) == len(buffers)
    parsed = read_model(image)
    assert not parsed.metadata
    for tensor in parsed.tensors:
        assert len(tensor.zero_points) <= 1


def test_an_image_of_an_image_is_itself():
    image = diet(every_int8_operator())
    assert diet(image) == image


def test_equal_constants_become_one_tensor():
    model = shared_weights()
    assert len(read_model(diet(model)).tensors) == len(read_model(model).tensors)
    b = Builder()
    x = b.tensor("vector", [1, 8])
    axes = [b.constant("one", [1, 8]), b.constant("two", [1, 8])]
    y = b.simple("RESHAPE", [x, axes[0]], [1, 8], "ReshapeOptions")
    y = b.simple("RESHAPE", [y, axes[1]], [1, 8], "ReshapeOptions")
    assert len(read_model(diet(b.finish([x], [y]))).tensors) == 4


def test_a_bias_scale_stays_where_tflm_checks_it():
    b = Builder()
    x = b.tensor("vector", [1, 32])
    # 0.05 x 0.05 is 5 % of the output's scale; TFLM refuses a bias scale that is 2 % off.
    model = b.finish([x], [b.dense(x, 4, scale=0.05)])
    biases = [t for t in read_model(diet(model)).tensors if t.type == "int32"]
    assert [len(bias.scales) for bias in biases] == [1]
    same(model, diet(model))
    free = [t for t in read_model(diet(every_int8_operator())).tensors if t.type == "int32"]
    assert not any(bias.scales for bias in free)


@pytest.mark.parametrize(("core", "least"), [("cortex-m4", 4), ("xtensa-lx7", 16)])
def test_data_is_aligned_to_its_type_and_to_what_the_core_needs(core, least):
    image = pack(int16_activations(), Target(core=core)).image
    for tensor in read_graphs(image)[0].tensors:
        if tensor.data is not None and len(tensor.data) > 16:
            wide = tensor.type == schema.TensorType.INT64
            assert image.index(tensor.data) % max(least, 8 * wide) == 0
