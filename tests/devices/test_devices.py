import dataclasses
import subprocess
import sys

import pytest

from autotiny.devices import Device, device_names, load_device
from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes._base import Target
from autotiny.runtimes.tflm.versions import NEWEST, version_of

#: Devices that the documentation promises, with flash, RAM and core as their documents state them.
PROMISED = {
    "alif-ensemble-e3": (5632, 1024, "cortex-m55"),
    "apollo4": (1952, 1024, "cortex-m4"),
    "atmega328p": (31.5, 2, "avr"),
    "esp32": (1024, 160, "xtensa-lx6"),
    "esp32-s3": (1024, 320, "xtensa-lx7"),
    "nrf52840": (960, 256, "cortex-m4"),
    "portenta-h7": (768, 511, "cortex-m7"),
    "rp2040": (2048, 256, "cortex-m0+"),
    "rp2350": (4096, 512, "cortex-m33"),
    "stm32f446re": (512, 128, "cortex-m4"),
    "stm32g030f6": (32, 8, "cortex-m0+"),
    "stm32h743": (2048, 512, "cortex-m7"),
    "stm32l4r5zi": (2048, 640, "cortex-m4"),
    "stm32u585": (2048, 768, "cortex-m33"),
}

MINIMAL = {
    "title": "My board",
    "vendor": "Me",
    "part": "X1",
    "core": "cortex-m4",
    "flash_bytes": "1MB",
    "ram_bytes": "96KB",
    "clock_hz": "48_000_000",
    "datasheet": "page 1",
}


@pytest.fixture
def write(tmp_path):
    """Write a YAML file of lines ``key: value``, the minimal ones by default."""

    def make(file="mine.yaml", base=MINIMAL, **changes):
        keys = {k: v for k, v in {**base, **changes}.items() if v is not ...}
        path = tmp_path / file
        path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))
        return str(path)

    return make


def refused(path, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        load_device(path)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_promised_devices_are_there():
    assert device_names() == sorted(PROMISED)


@pytest.mark.parametrize("name", device_names())
def test_device_is_complete_and_says_where_its_figures_come_from(name):
    device = load_device(name)
    flash, ram, core = PROMISED[name]
    assert device.name == name
    assert (device.flash_bytes, device.ram_bytes) == (flash * 1024, ram * 1024)
    assert device.core == core
    assert 1e6 <= device.clock_hz <= 1e9
    assert len(device.datasheet) > 20
    if device.runtime is not None:
        assert "ssumed" in device.notes["cycles_per_instruction"]
        assert device.active_ma is not None or "Left out" in device.notes["active_ma"]


@pytest.mark.parametrize("name", [n for n in device_names() if load_device(n).runtime == "tflm"])
def test_target_has_the_device_s_values(name):
    device = load_device(name)
    target = device.to_target()
    for field in dataclasses.fields(Target):
        if field.name == "optimise":  # what a study asks for, of any device
            continue
        assert getattr(target, field.name) == getattr(device, field.name)


def test_device_that_cannot_run_tflm_says_why():
    device = load_device("atmega328p")
    with pytest.raises(UnsupportedModelError, match=r"atmega328p cannot run .*32-bit.*2,048 B"):
        device.to_target()
    assert device.to_target("c").core == "avr"


def test_device_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_device("rp2040").core = "other"


def test_minimal_file_of_the_user(write):
    device = load_device(write())
    assert device == Device(
        **MINIMAL | {"flash_bytes": 1 << 20, "ram_bytes": 96 << 10, "clock_hz": 48_000_000},
        name="mine",
    )


def test_whole_number_is_fine_for_a_real_one(write):
    device = load_device(write(active_ma=5, supply_v="3.3"))
    assert isinstance(device.active_ma, float)


def test_inheriting_from_a_built_in_device(write):
    device = load_device(write(base={}, inherits="nrf52840", ram_bytes="128KB"))
    parent = load_device("nrf52840")
    assert device.ram_bytes == 128 * 1024
    assert (device.flash_bytes, device.clock_hz) == (parent.flash_bytes, parent.clock_hz)
    assert "tflm_version" in device.notes, "notes are inherited"
    assert "ram_bytes" not in device.notes, "a note on a replaced figure is not"


def test_features_follow_from_the_version_unless_the_file_says_otherwise(write):
    keys = ("has_decode", "has_int4", "has_per_channel_fc")
    assert load_device("nrf52840").features == dict.fromkeys(keys, False)
    assert load_device("portenta-h7").features == dict.fromkeys(keys, True)
    newer = load_device(write(base={}, inherits="nrf52840", tflm_version="2026-08"))
    assert newer.features == dict.fromkeys(keys, True)
    # As files of version 0.1.0 say it: another TFLM than the library's.
    old = load_device(write(base={}, inherits="nrf52840", has_decode="true"))
    assert old.features == {**dict.fromkeys(keys, False), "has_decode": True}
    assert version_of(old.to_target()).name == NEWEST


def test_only_the_nano_33_ble_gets_arduinos_library():
    arduino = [n for n in device_names() if load_device(n).tflm_version.startswith("arduino")]
    assert arduino == ["nrf52840"]


def test_inheriting_from_a_file_beside(write):
    write("base.yaml", core="cortex-m33", notes="{core: base, part: base}")
    device = load_device(write("child.yaml", base={}, inherits="base.yaml", notes="{part: child}"))
    assert device.name == "child"
    assert device.core == "cortex-m33"
    assert device.notes == {"core": "base", "part": "child"}


def test_circle(write):
    write("a.yaml", inherits="b.yaml")
    write("b.yaml", inherits="c.yaml")
    path = write("c.yaml", inherits="a.yaml")
    refused(path, r"circle c\.yaml -> a\.yaml -> b\.yaml -> c\.yaml")


def test_inheriting_from_itself_by_another_spelling(write, tmp_path):
    refused(write(inherits=f"../{tmp_path.name}/mine.yaml"), r"circle mine\.yaml -> mine\.yaml")


def test_inheriting_from_itself(write):
    refused(write(inherits="mine.yaml"), r"circle mine\.yaml -> mine\.yaml")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"falsh_bytes": "1MB"}, "keys must be among .*'falsh_bytes' .*mean flash_bytes"),
        ({"name": "x"}, "named by its file"),
        ({"no": "1"}, "keys must be among .*got False"),
        ({"core": ...}, "key core must be present"),
        ({"core": "no"}, "core must be a valid string; got False"),
        ({"title": "''"}, "title must have at least 1 character"),
        ({"part": "446"}, "part must be a valid string; got 446"),
        ({"flash_bytes": "lots"}, "flash_bytes must be a positive number .*'lots'"),
        ({"flash_bytes": "300Kbit"}, "flash_bytes must be .*'300Kbit'"),
        ({"ram_bytes": "0"}, "ram_bytes must be a positive number"),
        ({"ram_bytes": "-1KB"}, "ram_bytes must be a positive number"),
        ({"ram_bytes": "yes"}, "ram_bytes must be .*'True'"),
        ({"ram_bytes": "[1]"}, "ram_bytes must be"),
        ({"clock_hz": "64e6"}, "clock_hz must be a valid integer; got '64e6'"),
        ({"clock_hz": "64.5"}, "clock_hz must be a valid integer; got 64.5"),
        ({"clock_hz": "true"}, "clock_hz must be a valid integer; got True"),
        ({"clock_hz": "-5"}, "clock_hz must be greater than 0; got -5"),
        ({"cycles_per_instruction": "1e-4"}, "must be a valid number; got '1e-4'"),
        ({"cycles_per_instruction": "0"}, "must be greater than 0"),
        ({"cycles_per_instruction": ".inf"}, "must be a finite number"),
        ({"cycles_per_instruction": ".nan"}, "must be a finite number|greater than 0"),
        ({"kernels": "cmsis"}, "kernels must be 'reference' or 'cmsis-nn'; got 'cmsis'"),
        (
            {"kernels": "cmsis-nn", "core": "riscv"},
            "kernels cmsis-nn needs a cortex-m core; the device's is riscv",
        ),
        ({"tflm_version": "2019-01"}, "tflm_version must be one of .*2026-08.*; got '2019-01'"),
        ({"has_int4": "nope"}, "has_int4 must be a valid boolean; got 'nope'"),
        ({"has_int4": "1"}, "has_int4 must be a valid boolean; got 1"),
        ({"runtime": "no"}, "runtime must be 'tflm' or 'c'; got False"),
        ({"runtime": "null"}, "refusal must be given if and only if runtime is null or c"),
        ({"refusal": "small"}, "refusal must be given if and only if runtime is null or c"),
        ({"active_ma": "3"}, "active_ma and supply_v must be given together"),
        ({"notes": "text"}, "notes must be a valid dictionary"),
        ({"notes": "{ram: x}"}, "notes must be on keys of the file; got 'ram'"),
        ({"notes": "{ram_bytes: no}"}, "notes.ram_bytes must be a valid string; got False"),
        ({"inherits": "esp33"}, "inherits must be a .yaml file or one of .*got 'esp33'"),
        ({"inherits": "../devices/esp32"}, "inherits must be a .yaml file"),
        ({"inherits": "gone.yaml"}, "must be readable; got .*gone.yaml.*No such file"),
        ({"inherits": "7"}, "inherits must be a name or a path; got 7"),
        ({"inherits": "nrf52840", "notes": "7"}, "notes must be a valid dictionary"),
    ],
)
def test_wrong_value_is_one_sentence(write, changes, sentence):
    refused(write(**changes), sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold keys and values; got None"),
        (b"- a\n- b\n", "must hold keys and values"),
        (b"title: [", "must be YAML"),
        (b"title: \xff\xfe", "must be YAML"),
        (b"title: 2024-13-45\n", "must be YAML"),
        (b"a: &a [*a]\n", "keys must be among"),
        (b"[" * 5000, "must be YAML"),
        (b"\x00\x01", "must be YAML"),
        (b"!!python/object/apply:os.getcwd []", "must be YAML"),
    ],
)
def test_file_that_is_no_device(tmp_path, content, sentence):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    refused(str(path), sentence)


def test_missing_file_and_folder(tmp_path):
    refused(str(tmp_path / "none.yaml"), "must be readable; got .*none.yaml.*No such file")
    refused("null\0.yaml", "must be readable")
    refused("a" * 5000 + ".yaml", "must be readable; got .*File name too long")
    (tmp_path / "folder.yaml").mkdir()
    refused(str(tmp_path / "folder.yaml"), "must be readable; got .*folder.yaml.*directory")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("nrf52", "nrf52840"), ("ESP32", "esp32"), ("stm32l4r5", "stm32l4r5zi"), ("pico", None)],
)
def test_unknown_name_lists_devices_and_suggests_close_ones(name, suggestion):
    with pytest.raises(InputError) as error:
        load_device(name)
    assert all(known in str(error.value) for known in device_names())
    assert ("did you mean" in str(error.value)) == (suggestion is not None)
    assert suggestion is None or suggestion in str(error.value).partition("did you mean")[2]


@pytest.mark.parametrize("name", ["_cortex-m4", "", "..", "/etc/passwd", "sub/esp32"])
def test_families_and_paths_are_not_names(name):
    refused(name, "A device must be one of")


def test_import_is_light():
    code = (
        "import sys, autotiny.devices as d; d.device_names(); "
        "print({'pydantic', 'yaml', 'tensorflow', 'optuna', 'sklearn'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
