"""``devices``: the table, one device in full, and what a device is used for."""

import json

import pytest

from autotiny.devices import device_names, load_device


def test_table_lists_every_device_with_its_figures(cli):
    code, out, err = cli("devices")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert set(rows) >= set(device_names())
    assert "960" in rows["nrf52840"]
    assert "cmsis-nn" in rows["nrf52840"]
    assert "compiled C" in rows["atmega328p"]
    assert "Arduino Nano 33 BLE" in rows["nrf52840"]
    assert "datasheet" in out


def test_json_holds_every_field(cli):
    code, out, err = cli("devices", "--format", "json")
    assert (code, err) == (0, "")
    found = {device["name"]: device for device in json.loads(out)}
    assert list(found) == device_names()
    assert found["nrf52840"]["active_ma"] == load_device("nrf52840").active_ma
    assert json.loads(cli("devices", "nrf52840", "--format", "json")[1]) == found["nrf52840"]


@pytest.mark.parametrize("name", device_names())
def test_one_device_in_full(cli, name):
    code, out, err = cli("devices", name)
    assert (code, err) == (0, "")
    device = load_device(name)
    assert max(len(line) for line in out.splitlines()) <= 100
    text = " ".join(out.split())
    for words in (device.title, device.part, device.datasheet, *device.notes.values()):
        assert " ".join(words.split()) in text
    assert f"{device.flash_bytes:,} B" in text
    assert f"{device.clock_hz / 1e6:g} MHz" in text
    if device.runtime is None:
        assert "cannot run models: it needs a 32-bit CPU" in text


def test_device_of_the_user_s_own(cli, folder):
    (folder / "mine.yaml").write_text("inherits: rp2040\ntitle: My board\nflash_bytes: 1MB\n")
    code, out, _ = cli("devices", "mine.yaml")
    assert code == 0
    assert out.startswith("mine: My board")
    assert "1,048,576 B" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nrf52",), "did you mean nrf52840"),
        (("nope.yaml",), "nope.yaml"),
        (("--format", "xml"), "table, json, csv"),
        (("rp2040", "--format", "yaml"), "table, json"),
    ],
)
def test_bad_request(refused, folder, arguments, sentence):
    assert sentence in refused("devices", *arguments)
