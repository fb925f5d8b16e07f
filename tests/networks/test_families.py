"""The base-model families build what their options say."""

import contextlib

import pytest
from pydantic import ValidationError

from autotiny.errors import InputError
from autotiny.networks.families import FAMILIES, build_network
from autotiny.networks.layers import Conv2D, Dense, DepthwiseConv2D, Pool2D
from autotiny.study.space_files import parse_space, read_space

#: Samples that a family may be for.
SHAPES = ((49, 10, 1), (12, 9, 3), (13,), (40, 1, 3))


def built(family):
    """Return a family's network for the first kind of sample that it takes."""
    for shape in SHAPES:
        with contextlib.suppress(InputError):
            return build_network(family, {}, shape, 7)
    return pytest.fail(f"{family} takes none of {SHAPES}")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_search_space(family):
    assert parse_space(read_space(family), family).family == family


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_ends_in_a_linear_classifier(family):
    network = built(family)
    last = network.layers[-1]
    assert isinstance(last, Dense)
    assert (last.units, last.activation, last.batch_norm) == (7, "linear", False)
    assert network.output_shape == (7,)
    names = [layer.name for layer in network.layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", FAMILIES)
def test_unknown_option_is_refused(family):
    with pytest.raises(ValidationError, match="colour"):
        FAMILIES[family][0](colour=1)


def test_mlp_has_the_widths_asked_for():
    network = build_network("mlp", {"units": (5, 3), "batch_norm": False}, (4, 2), 2)
    assert [layer.units for layer in network.weight_layers] == [5, 3, 2]
    assert network.weight_shapes()["dense0/kernel"] == (8, 5)


def test_cnn_head_flattens_or_averages():
    options = {"filters": (4, 6), "strides": (1, 2), "kernel": (3, 1)}
    flat = build_network("cnn", options | {"head": "flatten"}, (8, 8, 1), 3)
    mean = build_network("cnn", options, (8, 8, 1), 3)
    assert flat.weight_shapes()["classifier/kernel"] == (4 * 4 * 6, 3)
    assert mean.weight_shapes()["classifier/kernel"] == (6, 3)
    assert [layer.kernel for layer in mean.layers if isinstance(layer, Conv2D)] == [(3, 1)] * 2


def test_cnn_wants_one_stride_per_convolution():
    with pytest.raises(InputError, match="one stride per entry"):
        build_network("cnn", {"filters": (4, 6), "strides": (1,)}, (8, 8, 1), 3)


def test_ds_cnn_is_the_one_of_mlperf_tiny():
    network = build_network("ds_cnn", {}, (49, 10, 1), 12)
    kinds = [type(layer) for layer in network.layers]
    assert kinds == [Conv2D, *[DepthwiseConv2D, Conv2D] * 4, Pool2D, Dense]
    assert next(after for _, _, after in network.walk()) == (25, 5, 64)


@pytest.mark.parametrize("family", ["cnn", "ds_cnn", "resnet", "cnn1d", "tcn"])
def test_convolutions_refuse_samples_without_a_plane(family):
    with pytest.raises(InputError, match=f"A {family} base model does not fit"):
        build_network(family, {}, (30,), 3)
