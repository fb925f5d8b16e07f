"""Plans that are given: one number of bits, or one for each layer."""

import pytest
from helpers_networks import family_network

from autotiny.candidate import Candidate
from autotiny.compression.precision_modes import WEIGHT_BITS, check_layers, given_plan
from autotiny.errors import InputError
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes import get_runtime
from autotiny.runtimes._base import Target
from autotiny.study.resolving import resolve_config
from autotiny.study.sampling import suggest
from autotiny.study.space import SearchSpace


def plan(bits, activations=8, layers=None, runtime="tflm", **target):
    network = family_network("ds_cnn")
    costs = get_runtime(runtime).precision_costs(network, Target(**target))
    return given_plan(network, bits, activations, costs, layers)


@pytest.mark.parametrize("runtime", ["tflm", "c"])
@pytest.mark.parametrize("bits", WEIGHT_BITS)
def test_uniform_bits_are_those_of_every_layer(bits, runtime):
    found = plan(bits, runtime=runtime)
    if bits == 8:
        assert found == {}
        return
    layers = family_network("ds_cnn").weight_layers
    assert set(found) == {layer.name for layer in layers}
    assert {precision.weight_bits for precision in found.values()} == {bits}
    grid = {name for name, precision in found.items() if not precision.clustered}
    assert grid == (set(found) - {"depthwise0", "depthwise1"} if bits == 4 else set())


def test_sixteen_bits_of_activations_go_with_eight_of_weights():
    found = plan(8, 16, {"stem": 2})
    assert found.pop("stem") == LayerPrecision(2, clustered=True)
    assert set(found.values()) == {LayerPrecision(activation_bits=16)}


def test_what_a_target_cannot_do_stays_as_it_is():
    assert plan(2, runtime="c", optimise="speed") == {}


def test_layers_that_are_not_there_are_refused():
    network = family_network("cnn")
    check_layers(network, ["conv0", "classifier"])
    with pytest.raises(InputError, match=r"conv0, conv1, classifier; got 'stem'"):
        check_layers(network, ["conv0", "stem"])


class Last:
    """Stands where Optuna's trial does."""

    def suggest_categorical(self, name, choices):
        return choices[-1]


def test_a_layer_has_a_hyperparameter_of_its_own():
    parameters = {
        "bits.conv0": {"choices": [8, 4, 2]},
        "precision_mode": {"choices": ["free"]},
        "bits": 4,
    }
    space = SearchSpace(family="cnn", parameters=parameters)
    chosen = suggest(Last(), space)
    bits = Candidate.from_parameters(chosen).bits
    assert (bits.mode, bits.weights, bits.layers) == ("free", 4, (("conv0", 2),))
    other = space.model_copy(
        update={"parameters": space.parameters | {"precision_mode": "uniform"}}
    )
    assert "bits.conv0" not in suggest(Last(), other)


def test_bits_are_checked():
    for value in (5, True, "4", {"low": 1, "high": 4}):
        with pytest.raises(ValueError, match=r"parameters\.bits\.conv0"):
            SearchSpace(family="cnn", parameters={"bits.conv0": value})


def test_bits_of_a_layer_may_be_set():
    changes = ("bits.conv0=2", "bits.choices=[8, 4]", "bits.conv1.choices=[4, 1]")
    config = resolve_config({"data": "digits"}, config_file=None, assignments=changes)
    given = config.space.model_dump()["parameters"]
    assert given["bits.conv0"] == 2
    assert given["bits"] == {"choices": [8, 4]}
    assert given["bits.conv1"] == {"choices": [4, 1]}
