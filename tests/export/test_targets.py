"""What an ecosystem's TFLM makes of a target."""

import pytest

from autotiny.errors import InputError
from autotiny.export import ecosystem_target, export_bundle
from autotiny.runtimes import Target
from autotiny.runtimes.tflm.runtime import TflmRuntime

ARDUINO = "arduino-2.4.0-ALPHA"


def test_generic_firmware_keeps_the_target():
    target = Target("esp32", core="xtensa-lx6", has_decode=False)
    assert ecosystem_target("generic", target) == target


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(core="cortex-m55", kernels="cmsis-nn"),
        Target("nrf52840", kernels="cmsis-nn", tflm_version=ARDUINO),
        Target("nrf52840", has_decode=True),
        Target("mine", tflm_version=ARDUINO),
        # As version 0.1.0 stored what inherits from the Nano 33 BLE.
        Target("mine", has_decode=False, has_int4=False, has_per_channel_fc=False),
    ],
)
def test_a_sketch_is_for_the_librarys_version_kernels_and_core(target):
    found = ecosystem_target("arduino", target)
    assert (found.tflm_version, found.kernels, found.core) == (ARDUINO, "cmsis-nn", "cortex-m4")
    assert found.name == target.name
    assert (found.has_decode, found.has_int4, found.has_per_channel_fc) == (None, None, None)


@pytest.mark.parametrize("name", ["portenta-h7", "rp2040", "esp32", "stm32l4r5zi"])
def test_boards_that_the_library_refuses_are_told_what_serves_them(name):
    with pytest.raises(InputError, match=r"Arduino Nano 33 BLE.*Chirale.*--target generic"):
        ecosystem_target("arduino", Target(name, core="cortex-m7"))


def test_a_sketch_reserves_the_librarys_arena(tmp_path, export_helpers):
    runtime, target = TflmRuntime(), ecosystem_target("arduino", Target())
    image = runtime.pack(export_helpers.model(), target).image
    footprint = runtime.footprint(image, target)
    request = export_helpers.request("arduino", target=target, image=image, footprint=footprint)
    export_bundle(request, tmp_path / "b")
    config = (tmp_path / "b" / "digits_8x8" / "model_config.h").read_text("utf-8")
    assert f"ARENA_BYTES {footprint.arena_bytes}\n" in config
    assert footprint.arena_bytes > runtime.footprint(image, Target()).arena_bytes
    readme = (tmp_path / "b" / "README.md").read_text("utf-8")
    assert "Arduino Nano 33 BLE" in readme
    assert "unsupported" in readme


def test_programs_print_a_probability(ecosystem, tmp_path, export_helpers):
    """The model of these tests ends in a softmax; one without gets it in the program."""
    export_bundle(export_helpers.request(ecosystem), tmp_path / "b")
    name = "digits_8x8/digits_8x8.ino" if ecosystem == "arduino" else "main.cpp"
    program = (tmp_path / "b" / name).read_text("utf-8")
    assert "probability" in program
    assert "score" not in program
    assert "expf" not in program


def test_a_request_for_another_tflm_than_the_ecosystems_is_refused(tmp_path, export_helpers):
    with pytest.raises(InputError, match="tflm_version"):
        export_bundle(export_helpers.request("arduino", target=Target()), tmp_path / "b")
