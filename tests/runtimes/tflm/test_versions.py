import pytest

from autotiny.errors import InputError
from autotiny.runtimes import Target
from autotiny.runtimes.tflm.versions import (
    NEWEST,
    has_feature,
    load_version,
    version_names,
    version_of,
)


@pytest.mark.parametrize("name", version_names())
def test_every_version_states_what_targets_need(name):
    version = load_version(name)
    assert version.kernel_sets
    assert set(version.exact) == set(version.kernel_sets)
    assert set(version.features) == {"decode", "int4", "per_channel_fc"}
    assert version.features["decode"] == ("TFLM_DECODE" in version.operators)
    for memory in version.operators.values():
        size, alignment = memory.parameters
        assert size >= 0
        assert alignment in (1, 4, 8)
        assert set(memory.data) >= set(version.kernel_sets)


def test_a_target_has_the_newest_unless_it_says_otherwise():
    assert Target().tflm_version == NEWEST
    assert version_of(Target()) is load_version(NEWEST)


def test_a_target_may_say_itself_what_its_tflm_has():
    assert has_feature(Target(), "decode")
    assert not has_feature(Target(has_decode=False), "decode")
    assert has_feature(Target(has_decode=False), "int4")


def test_targets_that_version_0_1_0_stored_are_understood():
    stored = {"name": "nrf52840", "kernels": "cmsis-nn", "core": "cortex-m4", "has_decode": False}
    target = Target(**stored, has_per_channel_fc=False, has_int4=False)
    assert not any(has_feature(target, name) for name in ("decode", "int4", "per_channel_fc"))
    assert version_of(target).name == NEWEST


def test_an_unknown_version_is_named():
    with pytest.raises(InputError, match=rf"tflm_version must be one of .*{NEWEST}.*; got '2019'"):
        version_of(Target(tflm_version="2019"))
