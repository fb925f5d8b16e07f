"""Exports for another TFLM than the study's, through the command line."""

import json

import pytest
import yaml


@pytest.fixture
def small(cli, folder, tiny):
    """A study whose budget fits the reference kernels and not Arduino's library."""
    budget = ("--flash", "30KB", "--ram", "64KB")
    assert cli("search", *tiny, "--trials", 2, "--study", "small", *budget)[0] == 0
    return folder


def test_a_sketch_is_held_against_the_budget_again(small, cli):
    code, out, err = cli("export", "small", "--trial", 0, "--target", "arduino", "--out", "fw")
    assert (code, err) == (3, "")
    assert "For Arduino_TensorFlowLite 2.4.0-ALPHA on " in out
    manifest = json.loads((small / "fw" / "manifest.json").read_text())
    over = manifest["footprint"]["flash_bytes"] - 30 * 1024
    assert f"Over the budget there: it lacks {over:,} B" in " ".join(out.split())
    target = manifest["target"]
    assert (target["tflm_version"], target["kernels"]) == ("arduino-2.4.0-ALPHA", "cmsis-nn")
    code, out, _ = cli("export", "small", "--trial", 0, "--out", "plain")
    assert out.count("Over the") == 0
    assert out.endswith("Next, build it for your board; plain/README.md says how\n")
    manifest = json.loads((small / "plain" / "manifest.json").read_text())
    assert manifest["runtime"] == "tflm"
    assert manifest["footprints"]["tflm"]["flash_bytes"] == manifest["footprint"]["flash_bytes"]


def test_what_is_for_compiled_c_is_refused_of_others(small, refused):
    options = ("--trial", 0, "--out", "fw", "--optimise", "speed")
    assert "--optimise is for compiled C" in refused("export", "small", *options)


def test_a_sketch_for_another_board_is_refused_with_what_serves_it(small, cli, refused, tiny):
    options = ("--device", "rp2040", "--trials", 1, "--study", "pico")
    assert cli("search", *tiny, *options)[0] == 0
    sentence = refused("export", "pico", "--trial", 0, "--target", "arduino", "--out", "fw")
    assert "Arduino Nano 33 BLE" in sentence
    assert "rp2040" in sentence
    assert "--target generic" in sentence
    assert not (small / "fw").exists()


def test_a_study_of_version_0_1_0_is_exported_for_the_library(small, cli):
    """Its target had no tflm_version, and flags instead."""
    path = small / "studies" / "small" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    del config["target"]["tflm_version"]
    flags = {"has_decode": False, "has_int4": False, "has_per_channel_fc": False}
    config["target"] |= {"name": "nrf52840", "kernels": "cmsis-nn", **flags}
    path.write_text(yaml.safe_dump(config))
    code, _, err = cli("export", "small", "--trial", 0, "--target", "arduino", "--out", "fw")
    assert (code, err) == (3, "")  # written, but over the budget
    manifest = json.loads((small / "fw" / "manifest.json").read_text())
    assert manifest["target"]["tflm_version"] == "arduino-2.4.0-ALPHA"
