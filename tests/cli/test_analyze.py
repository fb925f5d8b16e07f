"""``analyze`` and ``check``: what they say about models that are sound, and that are not."""

import csv
import io
import json
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from helpers_tflite import ModelBuilder, conv, dense, ground_truth, if_model, small_cnn, softmax

KEYS = {
    "model_bytes", "runtime_bytes", "flash_bytes", "arena_used_bytes", "arena_min_bytes",
    "ram_bytes", "macs", "instructions", "layers", "fits", "lacks", "target", "kernels", "origins",
    "breakdown", "unaccounted", "latency_s", "energy_mj", "outcome", "margins", "errors",
    "runtime_note",
}  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def model(folder):
    """A small sound model in the current folder."""
    (folder / "model.tflite").write_bytes(small_cnn())
    return "model.tflite"


@pytest.fixture
def write(folder):
    """Write a model file; returns its name."""

    def make(data, name="model.tflite"):
        (folder / name).write_bytes(data)
        return name

    return make


@pytest.fixture
def analysed(cli):
    """Run ``analyze --format json``; returns the object."""

    def run(*arguments, code=0):
        given, out, err = cli("analyze", *arguments, "--format", "json")
        assert (given, err) == (code, "")
        return json.loads(out)

    return run


def int4_per_channel():
    b = ModelBuilder()
    x = b.tensor([1, 8])
    return b.finish([x], [dense(b, x, 4, weights="int4", per_channel=True)])


# What it says about a model ------------------------------------------------------------------


def test_published_model_has_its_measured_figures(write, analysed):
    name = write(ground_truth("mlperf_kws_ref_model"))
    found = analysed(name)
    assert set(found) >= KEYS
    assert found["model_bytes"] == 53936
    assert (found["arena_used_bytes"], found["arena_min_bytes"]) == (22772, 22784)
    assert found["instructions"] == pytest.approx(43.0e6, rel=0.06)
    assert analysed(name, "--kernels", "cmsis-nn")["arena_used_bytes"] == 22820


def test_parts_add_up(model, analysed):
    found = analysed(model, "--app-flash", "1KB", "--app-ram", "2KB")
    assert sum(found["breakdown"].values()) == found["model_bytes"]
    assert found["flash_bytes"] == found["model_bytes"] + found["runtime_bytes"] + 1024
    assert found["arena_head_bytes"] + found["arena_tail_bytes"] == found["arena_used_bytes"]
    assert found["ram_bytes"] == (
        found["arena_min_bytes"] + found["overhead_ram_bytes"] + found["app_ram_bytes"]
    )
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]
    assert sum(layer["share"] for layer in found["layers"]) == pytest.approx(1)
    figures = {name for name, value in found.items() if isinstance(value, int | float)}
    not_figures = {"app_flash_bytes", "app_ram_bytes", "instructions_error"}
    assert figures - not_figures <= set(found["origins"])
    assert set(found["origins"].values()) <= {"measured", "predicted"}


def test_analysis_loads_neither_training_nor_search(model):
    code = (
        "import sys; from autotiny.__main__ import _run; "
        "_run(['analyze', 'model.tflite'], False); _run(['devices'], False); "
        "print(sorted({'tensorflow', 'optuna', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_a_budget(cli, model, analysed):
    code, out, err = cli("analyze", model)
    assert (code, err) == (0, "")
    assert "no budget given" in out.splitlines()[0]
    found = analysed(model)
    assert (found["fits"], found["lacks"], found["latency_s"]) == (None, {}, None)


def test_device_gives_budget_kernels_and_clock(model, analysed):
    found = analysed(model, "--device", "nrf52840")
    assert found["fits"] is True
    assert found["kernels"] == "cmsis-nn"
    assert found["budget"] == {
        "flash_bytes": 960 * 1024, "ram_bytes": 256 * 1024, "latency_s": None
    }  # fmt: skip
    target = found["target"]
    seconds = found["instructions"] * target["cycles_per_instruction"] / target["clock_hz"]
    assert found["latency_s"] == pytest.approx(seconds)
    assert found["energy_mj"] == pytest.approx(seconds * target["active_ma"] * target["supply_v"])


def test_options_override_the_device(model, analysed):
    found = analysed(
        model, "--device", "nrf52840", "--flash", "1MB", "--ram", "16KB",
        "--kernels", "reference",
    )  # fmt: skip
    assert found["budget"]["flash_bytes"] == 1024**2
    assert found["budget"]["ram_bytes"] == 16 * 1024
    assert found["kernels"] == found["target"]["kernels"] == "reference"
    assert found["target"]["clock_hz"] == 64_000_000


@pytest.mark.parametrize(
    ("options", "lacking"),
    [
        (("--flash", "1KB"), {"flash_bytes"}),
        (("--ram", "1KB"), {"ram_bytes"}),
        (("--flash", "1KB", "--ram", "1KB"), {"flash_bytes", "ram_bytes"}),
        (("--device", "nrf52840", "--latency", "1us"), {"latency_s"}),
        (("--device", "nrf52840", "--app-flash", "960KB"), {"flash_bytes"}),
    ],
)
def test_what_is_lacking(cli, model, analysed, options, lacking):
    found = analysed(model, *options, code=3)
    assert found["fits"] is False
    assert set(found["lacks"]) == lacking
    for name, amount in found["lacks"].items():
        assert amount == pytest.approx(found[name] - found["budget"][name])
    for command in ("analyze", "check"):
        code, out, err = cli(command, model, *options)
        assert (code, err) == (3, "")
        first = out.splitlines()[0]
        assert "does not fit" in first
        words = {"flash_bytes": "of flash", "ram_bytes": "of RAM", "latency_s": "of time"}
        assert all((words[name] in first) == (name in lacking) for name in words)


def test_table_shows_every_layer_and_says_where_figures_come_from(cli, model):
    code, out, _ = cli("analyze", model, "--device", "stm32l4r5zi")
    assert code == 0
    assert out.startswith(
        "model.tflite fits stm32l4r5zi (cmsis-nn kernels), by more than the error: it takes "
    )
    for words in ("CONV_2D", "MAX_POOL_2D", "FULLY_CONNECTED", "SOFTMAX", "8x8x1 -> 8x8x8", "w8a8",
                  "measured", "predicted", "datasheet", "whole model within", "quantisation",
                  "cmsis-nn kernels linked for cortex-m4"):  # fmt: skip
        assert words in out
    assert "not accounted for" not in out


def test_table_lists_regions_that_add_up(cli, model):
    rows = dict(
        re.findall(r"^ *([a-zA-Z][a-zA-Z ()]*?)  +([\d,]+)\b", cli("check", model)[1], re.M)
    )
    used = {name: int(text.replace(",", "")) for name, text in rows.items()}
    assert used["flash"] == used["model"] + used["runtime code"] + used["application"]
    parts = ("weights", "biases", "constants", "quantisation parameters", "graph structure",
             "names", "padding")  # fmt: skip
    assert used["model"] == sum(used[name] for name in parts)
    arena = ("planned (head)", "persistent (tail)", "to start only")
    assert used["tensor arena"] == sum(used[name] for name in arena)
    assert used["RAM"] == used["tensor arena"] + used["statics and stack"] + used["application"]


def test_csv_has_one_row_for_each_layer(cli, model, analysed):
    code, out, err = cli("analyze", model, "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    layers = analysed(model)["layers"]
    assert [row["operator"] for row in rows] == [layer["operator"] for layer in layers]
    assert [row["arena_bytes"] for row in rows] == [str(layer["arena_bytes"]) for layer in layers]
    assert rows[0]["input_shapes"] == "1x8x8x1"


# What is not known ---------------------------------------------------------------------------


def test_operator_that_tflm_lacks_is_refused_and_never_counted_as_nothing(cli, write, analysed):
    b = ModelBuilder()
    x, y, z = (b.tensor([1, 4], "float32") for _ in range(3))
    b.operator("RELU", [x], [y])
    b.operator("GELU", [y], [z], "GeluOptions")
    name = write(b.finish([x], [z]))
    found = analysed(name)
    assert (found["runtime_bytes"], found["flash_bytes"], found["instructions"]) == (None,) * 3
    assert "GELU" in found["refusal"]
    assert any("GELU" in sentence for sentence in found["unaccounted"])
    code, out, _ = cli("analyze", name)
    assert code == 0
    assert "Estimated or not accounted for:" in out
    assert "unknown" in out


def test_what_depends_on_data_is_null_and_at_least(cli, write, analysed):
    name = write(if_model())
    found = analysed(name, "--device", "rp2040", "--latency", "1s", code=3)
    figures = ("instructions", "instructions_error", "latency_s", "energy_mj")
    assert [found[key] for key in figures] == [None] * 4
    assert [layer["share"] for layer in found["layers"]] == [None]
    assert (found["fits"], found["outcome"]) == (None, "unknown")
    found = analysed(name, "--device", "rp2040", "--latency", "0.5us", code=3)
    assert (found["fits"], found["outcome"]) == (False, "does not fit")
    assert found["lacks"]["latency_s"] > 0
    assert "lacks at least" in found["verdict"]
    out = cli("analyze", name, "--device", "rp2040")[1]
    assert "time per inference (at least)" in out
    assert re.search(r"at least [\d,]+ instructions .*error unknown", out)
    assert "100.0%" not in out


def test_unknown_costs_never_fit(cli, write, analysed):
    name = write(if_model())
    found = analysed(name, "--flash", "1MB", "--ram", "1MB", code=3)
    assert (found["fits"], found["lacks"]) == (None, {})
    for command in ("analyze", "check"):
        code, out, _ = cli(command, name, "--ram", "1MB")
        assert code == 3
        assert "whether it fits" in out.splitlines()[0]
        assert "not all of its RAM is known" in out.splitlines()[0]
    small = ("--ram", "1KB", "--app-ram", "1KB")
    assert analysed(name, *small, code=3)["fits"] is False
    assert "lacks at least" in cli("check", name, *small)[1].splitlines()[0]


def test_error_of_time_and_energy_is_stated_beside_them(cli, model, analysed):
    found = analysed(model, "--device", "nrf52840")
    cycles = f"{found['target']['cycles_per_instruction']:g} cycles per instruction"
    for key in ("latency_error", "energy_error"):
        assert f"within {found['instructions_error']:.0%}" in found[key]
        assert cycles in found[key]
    assert found["instructions_error"] == found["errors"]["latency_s"] > 0
    assert "current" in found["energy_error"]
    assert "measured on a Cortex-M4" in found["arena_note"]
    for command in ("analyze", "check"):
        out = cli(command, model, "--device", "nrf52840")[1]
        assert f"error of time and energy: {found['latency_error']}" in out
        assert "error of time" not in cli(command, model)[1]
    found = analysed(model)
    assert (found["latency_error"], found["energy_error"]) == (None, None)


# The verdict ---------------------------------------------------------------------------------


def test_verdict_heeds_the_error(cli, model, analysed):
    found = analysed(model)
    flash, error = found["flash_bytes"], found["errors"]["runtime_bytes"]
    margin = error * found["runtime_bytes"]
    for limit, outcome in (
        (flash + 1.01 * margin + 1, "fits"),
        (flash + 0.5 * margin, "too close"),
        (flash, "too close"),
        (flash - 0.5 * margin, "too close"),
        (flash - 1.01 * margin - 1, "does not fit"),
    ):
        code, out, _ = cli("check", model, "--flash", int(limit), "--format", "json")
        told = json.loads(out)
        assert told["outcome"] == outcome
        assert told["fits"] is {"fits": True, "does not fit": False}.get(outcome)
        assert code == (0 if outcome == "fits" else 3)
        assert told["margins"]["flash_bytes"] == pytest.approx(margin, abs=1)
    line = cli("check", model, "--flash", int(flash + 0.5 * margin))[1].splitlines()[0]
    assert "is too close to say" in line
    assert "of flash left, with an error of" in line
    line = cli("check", model, "--flash", int(flash - 0.5 * margin))[1].splitlines()[0]
    assert "of flash lacking, with an error of" in line
    assert "by more than the error" in cli("check", model, "--flash", "1MB")[1].splitlines()[0]


def test_what_surely_does_not_fit_outweighs_what_is_close(model, analysed):
    found = analysed(model)
    found = analysed(model, "--flash", found["flash_bytes"], "--ram", "1KB", code=3)
    assert found["outcome"] == "does not fit"
    assert "of RAM" in found["verdict"]
    assert "of flash" not in found["verdict"]


def test_verdict_as_csv_has_one_row_for_each_limit(cli, model):
    code, out, err = cli("check", model, "--flash", "1MB", "--ram", "64KB", "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["limit"] for row in rows] == ["flash_bytes", "ram_bytes"]
    for row in rows:
        assert int(row["budget"]) == int(row["used"]) + int(row["left"])
        assert (row["model"], row["outcome"]) == (model, "fits")


def test_json_of_check_is_part_of_that_of_analyze(cli, model, analysed):
    told = json.loads(cli("check", model, "--device", "rp2040", "--format", "json")[1])
    found = analysed(model, "--device", "rp2040")
    assert told.items() <= found.items()
    assert set(found) - set(told) == {"breakdown", "layers", "memory_map"}


def test_code_belongs_to_a_core_and_a_flavour(cli, model, analysed):
    sizes = {}
    for device in ("rp2040", "nrf52840", "stm32l4r5zi", "esp32-s3"):
        found = analysed(model, "--device", device)
        sizes[device] = found["runtime_bytes"]
        out = cli("check", model, "--device", device)[1]
        assert found["runtime_note"] in " ".join(out.split())
        assert f"within {found['errors']['runtime_bytes']:.0%}" in out
    assert (
        "cortex-m0plus without log strings" in analysed(model, "--device", "rp2040")["runtime_note"]
    )
    arduino = analysed(model, "--device", "nrf52840")
    assert "cortex-m4 with log strings (plain)" in arduino["runtime_note"]
    assert arduino["target"]["flavour"] == "plain"
    assert analysed(model, "--device", "esp32-s3")["origins"]["runtime_bytes"] == "estimated"
    assert len(set(sizes.values())) == 4


def test_what_tflm_refuses_does_not_fit(cli, write, analysed):
    name = write(int4_per_channel())
    found = analysed(name, "--flash", "1MB", code=3)
    assert found["fits"] is False
    assert "one scale per tensor" in found["refusal"]
    first = cli("check", name, "--flash", "1MB")[1].splitlines()[0]
    assert "does not fit" in first
    assert "one scale per tensor" in first
    assert cli("check", name)[0] == 3
    code, out, _ = cli("analyze", name)
    assert code == 0
    assert "cannot run" in out.splitlines()[0]


def test_what_only_the_target_refuses_does_not_fit_it(cli, write):
    b = ModelBuilder()
    x = b.tensor([1, 8], "int16")
    data = b.finish([x], [dense(b, x, 4, activation="int16", per_channel=True)])
    name = write(data)
    assert cli("check", name, "--device", "rp2040")[0] == 0
    for command in ("check", "analyze"):
        code, out, _ = cli(command, name, "--device", "stm32l4r5zi")
        assert code == 3
        assert "does not fit stm32l4r5zi" in out
        assert "CMSIS-NN" in out.splitlines()[0]


def test_device_that_runs_no_models_is_refused(refused, model):
    for command in ("analyze", "check"):
        assert "8-bit AVR" in refused(command, model, "--device", "atmega328p")
    assert "8-bit AVR" in refused("search", "--device", "atmega328p", "--runtime", "tflm")


def test_core_that_was_not_measured_is_said(cli, model):
    out = " ".join(cli("analyze", model, "--device", "esp32-s3")[1].split())
    assert "stand for reference kernels on xtensa-lx7" in out
    assert "taken over for xtensa-lx7" in out


# The picture ---------------------------------------------------------------------------------


def test_plot_shows_every_operator_and_the_sizes(cli, folder, write):
    b = ModelBuilder()
    x = b.tensor([1, 16, 16, 2], name="in<put>&$1$")
    y = conv(b, conv(b, x, 8), 4, stride=2)
    name = write(b.finish([x], [softmax(b, dense(b, y, 3))]))
    code, out, err = cli("analyze", name, "--ram", "9KB", "--plot", "map.svg")
    assert (code, err) == (0, "")
    assert "Memory map written to map.svg" in out
    text = " ".join(ET.parse(folder / "map.svg").getroot().itertext())
    for words in ("CONV_2D 0", "CONV_2D 1", "SOFTMAX 3", "2,048 B", "512 B", "in<put>&$1$",
                  "persistent tail", "smallest arena", "RAM budget", "Predicted"):  # fmt: skip
        assert words in text
    first = (folder / "map.svg").read_bytes()
    cli("analyze", name, "--ram", "9KB", "--plot", "map.svg")
    assert (folder / "map.svg").read_bytes() == first


def test_plot_tells_decoded_weights_and_what_only_starting_needs(cli, folder, write):
    b = ModelBuilder()
    x, codes = b.tensor([1, 8]), b.constant([12], "uint8")
    header = bytes([0, 1, 0, 0, 1, 0xF0 | 3, 8, *[0] * 9, *range(8)])
    tables = b.tensor([len(header)], "uint8", header)
    weights, y = b.tensor([4, 8]), b.tensor([1, 4])
    b.operator("CUSTOM", [codes, tables], [weights], custom="TFLM_DECODE")
    b.operator("FULLY_CONNECTED", [x, weights, -1], [y], "FullyConnectedOptions")
    assert cli("analyze", write(b.finish([x], [y])), "--plot", "map.svg")[0] == 0
    text = " ".join(ET.parse(folder / "map.svg").getroot().itertext())
    for words in ("TFLM_DECODE 0", "decoded weights", "to start only"):
        assert words in text


def test_plot_as_png_leaves_json_alone(cli, folder, model):
    code, out, err = cli("analyze", model, "--plot", "map.PNG", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["memory_map"]
    assert (folder / "map.PNG").read_bytes().startswith(PNG)


@pytest.mark.parametrize("data", [int4_per_channel()])
def test_plot_of_an_unknown_arena_is_refused(refused, folder, write, data):
    assert "whose arena is known" in refused("analyze", write(data), "--plot", "map.svg")
    assert not (folder / "map.svg").exists()


# What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--format", "xml"), "table, json, csv"),
        (("--kernels", "fast"), "reference, cmsis-nn"),
        (("--kernels", "cmsis-nn", "--device", "esp32"), "cortex-m core"),
        (("--plot", "map.pdf"), ".svg or .png"),
        (("--plot", "map"), ".svg or .png"),
        (("--plot", "nowhere/map.svg"), "folder that exists"),
        (("--latency", "1ms"), "--device"),
        (("--flash", "0"), "--flash"),
        (("--app-ram", "-1"), "--app-ram"),
        (("--device", "nrf52"), "did you mean"),
    ],
)
def test_bad_option(refused, model, folder, options, sentence):
    assert sentence in refused("analyze", model, *options)
    assert [path.name for path in folder.iterdir()] == ["model.tflite"]


@pytest.mark.parametrize("command", ["analyze", "check"])
def test_no_model_file(refused, folder, command):
    (folder / "folder.tflite").mkdir()
    (folder / "huge.tflite").touch()
    with open(folder / "huge.tflite", "wb") as file:
        file.truncate(2**40)  # sparse: takes no room
    assert "No such file" in refused(command, "nope.tflite")
    assert "is a folder" in refused(command, "folder.tflite")
    assert "1,099,511,627,776 B" in refused(command, "huge.tflite")
    assert "regular file" in refused(command, "/dev/zero")


def test_a_device_file_of_the_user_s_own(folder, model, analysed):
    (folder / "mine.yaml").write_text("inherits: nrf52840\nram_bytes: 64KB\n")
    assert analysed(model, "--device", "mine.yaml")["budget"]["ram_bytes"] == 64 * 1024


GARBAGE = {
    "empty": b"",
    "one byte": b"\0",
    "text": b"not a model\n" * 100,
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "wrong magic": small_cnn()[:4] + b"TFL9" + small_cnn()[8:],
    "half": small_cnn()[: len(small_cnn()) // 2],
    "last byte gone": small_cnn()[:-1],
    "root behind the end": struct.pack("<I", 2**31 - 1) + small_cnn()[4:],
    "huge vectors": small_cnn()[:8] + b"\xff\xff\xff\x7f" * 64 + small_cnn()[264:],
    "random": np.random.default_rng(1).bytes(3000),
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("command", ["analyze", "check"])
def test_garbage_is_refused(refused, write, command, data):
    assert "TFLite" in refused(command, write(data), "--flash", "1MB")


def test_mutated_models_end_in_a_sentence_or_a_report(cli, write):
    rng, codes = np.random.default_rng(7), set()
    whole = small_cnn()
    for round_ in range(150):
        data = bytearray(whole)
        for position in rng.integers(len(data), size=rng.integers(1, 6)):
            data[position] = rng.integers(256)
        if round_ % 5 == 0:
            data = data[: rng.integers(len(data))]
        code, out, err = cli("analyze", write(bytes(data)), "--device", "nrf52840")
        assert (code == 2) == (out == "") == (err.startswith("autotiny: ") and err.count("\n") == 1)
        assert "Traceback" not in err
        assert not err.startswith("autotiny: failed")
        codes.add(code)
    assert codes <= {0, 2, 3}
    assert {0, 2} <= codes
