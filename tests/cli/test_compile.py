"""``autotiny compile`` through the command line: a project that builds, its figures, bad input."""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys

import pytest
from helpers_networks import random_samples, random_weights
from helpers_tflite import ModelBuilder, small_cnn

from autotiny.lowering import activation_ranges, lower
from autotiny.networks.batch_norm import fold_batch_norm
from autotiny.networks.families import build_network
from autotiny.networks.precision import LayerPrecision


@pytest.fixture
def model(folder):
    (folder / "m.tflite").write_bytes(small_cnn())
    return folder


def test_a_project_with_measured_figures(model, cli):
    code, out, err = cli("compile", "m.tflite", "--out", "engine")
    assert (code, err) == (0, "")
    facts = json.loads((model / "engine" / "manifest.json").read_text())
    assert facts["format"] == "autotiny-engine/1"
    assert facts["flash_bytes"] == facts["code_bytes"] + facts["constant_bytes"]
    assert facts["ram_bytes"] == facts["work_bytes"] + facts["stack_bytes"]
    assert 1_000 < facts["flash_bytes"] < 4_000
    assert facts["instructions"] > facts["macs"]
    assert facts["proved"] == ["64 inputs on this computer", "2 inputs on the emulated cortex-m4"]
    assert f"{facts['flash_bytes']:,} B (measured" in out
    assert f"{facts['work_bytes']:,} B of activations" in out


def test_its_project_builds_and_passes_its_self_test(model, cli):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    assert cli("compile", "m.tflite", "--out", "engine", "--name", "digits")[0] == 0
    for command in (
        ["cmake", "-B", "build"], ["cmake", "--build", "build"], ["ctest", "--test-dir", "build"]
    ):  # fmt: skip
        done = subprocess.run(command, cwd=model / "engine", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "100% tests passed" in done.stdout
    test = next((model / "engine" / "build").glob("digits_selftest*"))
    printed = subprocess.run([test], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("PASS: 8 outputs")


@pytest.mark.parametrize(
    ("optimise", "options", "level"),
    [
        ("size", (), "-Os"),
        ("balanced", (), "-O2"),
        ("speed", ("-DCMAKE_BUILD_TYPE=MinSizeRel",), "-O2"),
        ("size", ("-DMODEL_FLAGS=-O1;-g",), "-O1"),
    ],
)
def test_it_builds_with_the_flags_it_was_measured_with(model, cli, optimise, options, level):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    assert cli("compile", "m.tflite", "--out", "engine", "--optimise", optimise)[0] == 0
    command = ["cmake", "-B", "build", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options]
    subprocess.run(command, cwd=model / "engine", capture_output=True, check=True)
    commands = json.loads((model / "engine" / "build" / "compile_commands.json").read_text())
    built = next(each["command"] for each in commands if each["file"].endswith("model.c"))
    levels = [word for word in built.split() if word.startswith("-O")]
    assert levels[-1] == level  # the last one counts
    readme = (model / "engine" / "README.md").read_text()
    assert f"(`--optimise {optimise}`)" in readme
    assert "-DMODEL_RAM_LIMIT=" in readme


def test_an_avr_is_told_how_to_compile(model, cli):
    assert cli("compile", "m.tflite", "--out", "e", "--core", "avr")[0] == 0
    readme = (model / "e" / "README.md").read_text()
    assert "compile it as C, not as C++" in readme
    command = next(line for line in readme.splitlines() if "avr-gcc -mmcu" in line).split()
    if shutil.which("avr-gcc") is None:
        pytest.skip("avr-gcc is not installed")
    subprocess.run(command, cwd=model / "e", check=True)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m7", "cortex-m33", "rv32imc"])
def test_every_core_gives_the_same_bits(model, cli, core):
    options = ("--core", core, "--optimise", "speed", "--format", "json")
    code, out, err = cli("compile", "m.tflite", "--out", "engine", *options)
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["core"] == core
    assert facts["proved"][-1] == f"2 inputs on the emulated {core}"


@pytest.fixture
def wide_model(folder):
    """A model with 16-bit activations in some layers."""
    network = build_network("ds_cnn", {"filters": 6, "blocks": 1}, (9, 8, 1), 4)
    network, weights = fold_batch_norm(network, random_weights(network))
    layers = network.weight_layers[1:]
    plan = {layer.name: LayerPrecision(activation_bits=16) for layer in layers}
    ranges = activation_ranges(network, weights, random_samples(network, 8))
    (folder / "wide.tflite").write_bytes(lower(network, weights, plan, ranges))
    return folder


@pytest.mark.parametrize("optimise", ["size", "speed"])
def test_16_bit_activations_between_8_bit_ones(wide_model, cli, optimise):
    options = ("--out", "engine", "--optimise", optimise, "--core", "rv32imc")
    code, _, err = cli("compile", "wide.tflite", *options)
    assert (code, err) == (0, "")
    facts = json.loads((wide_model / "engine" / "manifest.json").read_text())
    assert facts["proved"] == ["64 inputs on this computer", "2 inputs on the emulated rv32imc"]
    header = (wide_model / "engine" / "src" / "model.h").read_text()
    assert "extern int16_t model_work[MODEL_WORK_BYTES / 2];" in header
    readme = (wide_model / "engine" / "README.md").read_text()
    assert "write the input to `(int8_t *)model_work + MODEL_INPUT_OFFSET`" in readme
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Isrc"]
    command = ["cc", *flags, "src/model.c", "test/selftest.c", "-o", "selftest"]
    subprocess.run(command, cwd=wide_model / "engine", check=True)
    subprocess.run(["./selftest"], cwd=wide_model / "engine", check=True)


def test_a_model_too_large_for_an_avr_is_one_sentence(model, cli):
    b = ModelBuilder()
    x = b.tensor([1, 200])
    w = b.constant([200, 200], scales=[0.01])
    y = b.tensor([1, 200])
    b.operator("FULLY_CONNECTED", [x, w, -1], [y], "FullyConnectedOptions")
    (model / "large.tflite").write_bytes(b.finish([x], [y]))
    options = ("--core", "avr", "--optimise", "speed")
    code, _, err = cli("compile", "large.tflite", "--out", "e", *options)
    assert code == 2
    assert "Constants for avr must take 32,767 B each at the most; a layer of this model has" in err
    assert err.count("\n") == 1


def test_a_core_without_an_emulator_is_measured_as_far_as_it_goes(model, cli, monkeypatch):
    monkeypatch.setattr("autotiny.runtimes.c.measure.board.EMULATOR", "no-such-emulator")
    code, out, _ = cli("compile", "m.tflite", "--out", "e", "--core", "cortex-m55")
    assert code == 0
    assert "RAM: " in out
    facts = json.loads((model / "e" / "manifest.json").read_text())
    assert facts["origins"]["flash_bytes"] == "measured"
    assert facts["origins"]["stack_bytes"] == facts["origins"]["instructions"] == "predicted"
    assert "B of stack, predicted, not measured" in out
    assert "%, not counted; cortex-m55), " in out


def test_a_device_names_the_core_and_force_replaces(model, cli):
    (model / "engine").mkdir()  # an empty folder is used as it is
    code, out, _ = cli("compile", "m.tflite", "--out", "engine", "--device", "rp2040")
    assert code == 0
    facts = json.loads((model / "engine/manifest.json").read_text())
    assert (facts["core"], facts["outcome"]) == ("cortex-m0plus", "fits")
    used, there = facts["flash_bytes"], facts["budget"]["flash_bytes"]
    assert f"fits rp2040: {used:,} B of {there:,} B of flash ({used / there:.1%}) and " in out
    code, _, err = cli("compile", "m.tflite", "--out", "engine")
    assert code == 2
    assert "must be new or empty" in err
    assert cli("compile", "m.tflite", "--out", "engine", "--force")[0] == 0


SMALL_BOARD = """
inherits: {parent}
flash_bytes: {flash}
ram_bytes: {ram}
"""


def board(model, **figures):
    (model / "board.yaml").write_text(SMALL_BOARD.format(**figures))
    return ("--out", "engine", "--device", "board.yaml")


def test_what_does_not_fit_the_board_is_written_and_said(model, cli):
    options = board(model, parent="rp2040", flash="1KB", ram="64KB")
    code, out, err = cli("compile", "m.tflite", *options, "--optimise", "balanced")
    assert (code, err) == (3, "")
    facts = json.loads((model / "engine" / "manifest.json").read_text())
    sentence = next(line for line in out.splitlines() if "does not fit" in line)
    assert f"It does not fit board: it takes {facts['flash_bytes']:,} B of 1,024 B of" in sentence
    assert "RAM" not in sentence
    assert "--optimise size takes less, `autotiny search --runtime c --device board" in sentence
    assert cli("compile", "m.tflite", *options, "--force", "--format", "json")[0] == 3


def test_a_core_that_nothing_compiles_for_is_estimated(model, cli):
    code, out, err = cli("compile", "m.tflite", "--out", "engine", "--device", "esp32")
    assert (code, err) == (0, "")
    facts = json.loads((model / "engine" / "manifest.json").read_text())
    assert (facts["core"], facts["compiler"]) == ("xtensa-lx6", None)
    assert set(facts["origins"].values()) == {"estimated"}
    assert facts["flash_bytes"] == facts["code_bytes"] + facts["constant_bytes"]
    assert facts["proved"] == ["64 inputs on this computer"]
    assert out.count("xtensa-lx6 taken for rv32imc, the most similar that was measured") == 3
    assert "(estimated, not measured: " in out
    assert "fits esp32: " in out
    header = (model / "engine" / "src" / "model.h").read_text()
    assert "estimated for a xtensa-lx6" in header


def test_an_estimate_close_to_the_limit_is_not_said_to_fit(model, cli):
    free = cli("compile", "m.tflite", "--out", "e", "--device", "esp32", "--format", "json")
    flash = json.loads(free[1])["flash_bytes"] + 1
    options = board(model, parent="esp32", flash=flash, ram="64KB")
    code, out, _ = cli("compile", "m.tflite", *options)
    assert code == 3
    assert "too close to say whether it fits board" in out
    options = board(model, parent="esp32", flash="64KB", ram="64KB")
    code, out, _ = cli("compile", "m.tflite", *options, "--force", "--optimise", "speed")
    assert code == 0
    assert "--optimise speed)" in out
    assert "fits board: " in out


def test_without_a_compiler_a_board_is_held_against_what_is_predicted(model, cli, monkeypatch):
    monkeypatch.setattr("autotiny.runtimes.c.engine.compiler_is_installed", lambda core: False)
    code, out, _ = cli("compile", "m.tflite", "--out", "e", "--device", "rp2040")
    assert code == 0
    assert "(predicted, not measured: pip install 'autotiny[measure]': " in out
    facts = json.loads((model / "e" / "manifest.json").read_text())
    assert set(facts["origins"].values()) == {"predicted"}
    assert facts["errors"]["code_bytes"] > 0
    error = facts["errors"]
    unsure = sum(facts[name] * error[name] for name in ("code_bytes", "constant_bytes"))
    assert f"with an error of {unsure:,.0f} B" in out
    options = board(model, parent="rp2040", flash=facts["flash_bytes"] + 1, ram="64KB")
    code, out, _ = cli("compile", "m.tflite", *options)
    assert code == 3
    assert "too close to say whether it fits board" in out


def test_analysis_tells_every_step(model, cli, refused):
    code, out, _ = cli("analyze", "m.tflite", "--runtime", "c", "--device", "rp2040")
    assert code == 0
    assert "m.tflite as compiled C on rp2040 (cortex-m0+)" in out
    assert "MAX_POOL_2D" in out
    code, out, _ = cli("analyze", "m.tflite", "--runtime", "c", "--format", "json")
    found = json.loads(out)
    assert [step["kernel"] for step in found["steps"]] == [
        "weighted",
        "max_pool",
        "weighted",
        "softmax",
    ]
    assert [step["operator"] for step in found["steps"]] == [
        "CONV_2D",
        "MAX_POOL_2D",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    assert found["flash_bytes"] == found["model_bytes"] + found["runtime_bytes"]
    assert sum(step["macs"] for step in found["steps"]) == found["macs"]
    code, out, _ = cli("analyze", "m.tflite", "--runtime", "c", "--flash", "1KB")
    assert code == 3
    assert "It does not fit: it lacks" in out
    assert cli("analyze", "m.tflite", "--runtime", "c", "--format", "csv")[1].startswith("kernel,")
    assert "must be tflm or c" in refused("analyze", "m.tflite", "--runtime", "rust")
    assert "--plot draws TFLM's arena" in refused(
        "analyze", "m.tflite", "--runtime", "c", "--plot", "x.svg"
    )


def steps_add_up(found):
    """Whether rows of an analysis, with what is shared, are its totals exactly."""
    for figure, total in (("constant_bytes", "model_bytes"), ("instructions", "instructions")):
        if found[total] is None:
            assert found["shared"][figure] is None
            continue
        rows = [step[figure] or 0 for step in found["steps"]]
        assert min(found["shared"][figure], *rows) >= 0
        assert sum(rows) + found["shared"][figure] == found[total]


@pytest.mark.parametrize("device", ["nrf52840", "atmega328p", "esp32"])
def test_rows_add_up_where_layers_share_constants(folder, cli, device):
    b = ModelBuilder()
    first = x = b.tensor([1, 20])
    for _ in range(2):  # the same weights: they are stored once
        y = b.tensor([1, 20])
        b.operator("FULLY_CONNECTED", [x, b.constant([20, 20], scales=[0.01]), -1], [y],
                   "FullyConnectedOptions")  # fmt: skip
        x = y
    (folder / "twice.tflite").write_bytes(b.finish([first], [y]))
    command = ("analyze", "twice.tflite", "--runtime", "c", "--device", device)
    code, out, _ = cli(*command, "--format", "json")
    assert code == 0
    found = json.loads(out)
    steps_add_up(found)
    assert found["shared"]["constant_bytes"] > 200
    assert sum(step["macs"] for step in found["steps"]) == found["macs"]
    code, out, _ = cli(*command)
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert f"{found['shared']['constant_bytes']:,}" in rows["shared"]
    assert {f"{found['model_bytes']:,}", f"{found['macs']:,}"} <= set(rows["total"])
    assert "constants: predicted within 1%" in out
    estimated = "C functions and stack: estimated from another core, not measured on this"
    assert (estimated in out) == (device == "esp32")


def test_names_of_layers_stay_in_a_narrow_terminal(wide_model):
    reader, writer = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    arguments = ("analyze", "wide.tflite", "--runtime", "c")
    process = subprocess.Popen(
        [sys.executable, "-m", "autotiny", *arguments],
        cwd=wide_model, env=environment, stdout=writer, stderr=writer,
    )  # fmt: skip
    os.close(writer)
    printed = b""
    with contextlib.suppress(OSError):  # the terminal ends so
        while part := os.read(reader, 4096):
            printed += part
    os.close(reader)
    assert process.wait() == 0
    lines = printed.decode().splitlines()
    heading = next(line for line in lines if "operator" in line)
    assert "weights" in heading
    assert max(map(len, lines)) <= 80
    assert any("DEPTHWISE_CONV_2D" in line for line in lines)


def unknown_operator():
    b = ModelBuilder()
    x = b.tensor([1, 4])
    y = b.tensor([1, 4])
    b.operator("SIN", [x], [y])
    return b.finish([x], [y])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing.tflite",), "No such file"),
        (("text.tflite",), "TFLite"),
        (("sin.tflite",), "The c runtime has no operator SIN; it has ADD, "),
        (
            ("m.tflite", "--optimise", "fast"),
            "--optimise must be one of size, balanced, speed; got 'fast'.",
        ),
        (("m.tflite", "--core", "z80"), "A core must be one of cortex-m0plus, "),
        (("m.tflite", "--core", ""), "A core must be one of cortex-m0plus, "),
        (
            ("m.tflite", "--core", "avr", "--device", "rp2040"),
            "Only one of --core and --device may be given",
        ),
        (("m.tflite", "--name", "for"), "--name must be a C identifier"),
        (("m.tflite", "--name", "2x"), "--name must be a C identifier"),
        (("m.tflite", "--name", "stdint"), "'stdint' collides with the header stdint.h of the"),
        (("m.tflite", "--name", "Math"), "'Math' collides with the header math.h of the system"),
        (("m.tflite", "--name", "test"), "'test' collides with the target test of CMake: take an"),
        (("m.tflite", "--name", "m"), "'m' collides with the library m of the system: take anoth"),
        (("m.tflite", "--format", "csv"), "--format must be one of table, json; got 'csv'."),
    ],
)
def test_bad_input_is_one_sentence(model, cli, arguments, sentence):
    (model / "text.tflite").write_text("not a model")
    (model / "sin.tflite").write_bytes(unknown_operator())
    code, out, err = cli("compile", *arguments, "--out", "engine")
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (model / "engine").exists()
