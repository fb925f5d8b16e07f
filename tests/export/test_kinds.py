"""Firmware of every kind of task: its C++ compiles, runs on the host, and says what it should."""

import subprocess

import numpy as np
import pytest

from autotiny.export import export_bundle
from autotiny.export._meaning import value_unit
from autotiny.resources import resource_dir
from autotiny.tasks import Goal
from autotiny.tasks.kinds import KINDS
from autotiny.tasks.metrics import METRICS

#: Template of what outputs mean: kind, metric, names, last operator, outputs, what is printed.
MEANINGS = {
    "classes": ("classification", "accuracy", ("a", "b", "c"), "SOFTMAX", 3, "b, probability"),
    "second_class": ("classification", "accuracy", ("no", "yes"), "LOGISTIC", 1, "yes, probab"),
    "labels": ("multi-label", "macro_f1", ("x", "y", "z"), "", 3, "x, probability"),
    "values": ("regression", "mae", ("speed", "angle"), "", 2, "speed: "),
    "reconstruction": ("anomaly", "roc_auc", ("normal", "anomaly"), "", 16, "anomaly, error"),
}
#: In place of TFLM: outputs that the model could give.
RUNNER = """
#include "model_config.h"
#include "model_runner.h"
#include "tensorflow/lite/micro/system_setup.h"
static int8_t input[{NAME}_INPUT_SIZE], output[] = {{{outputs}}};
int8_t *{name}_input() {{ return input; }}
int {name}_setup() {{ return 0; }}
int {name}_run() {{ return 0; }}
const int8_t *{name}_output() {{ return output; }}
namespace tflite {{ void InitializeTarget() {{}} }}
"""


def request_of(helpers, meaning, ecosystem="generic", last=None):
    kind, metric, names, final, outputs, _ = MEANINGS[meaning]
    rng = np.random.default_rng(2)
    y = {
        "multi-label": rng.integers(0, 2, (20, outputs)),
        "regression": rng.random((20, outputs), np.float32),
    }.get(kind, rng.integers(0, len(names), 20))
    model = helpers.model(outputs=outputs, last=final if last is None else last)
    return helpers.request(
        ecosystem, packs=model,
        class_names=names, goal=Goal(KINDS[kind], METRICS[metric]), test_y=y,
        threshold=0.25 if kind == "anomaly" else None,
    )  # fmt: skip


def test_every_meaning_is_tried():
    common = resource_dir("firmware_templates") / "common"
    partial = {path.stem[1:] for path in common.glob("_*.j2")}
    assert partial - {"infer", "README.md"} == set(MEANINGS)
    assert {kind for kind, *_ in MEANINGS.values()} == set(KINDS)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_firmware_compiles_for_every_kind(meaning, ecosystem, tmp_path, export_helpers, tool):
    for last in ("", "LOGISTIC"):
        out = tmp_path / f"b{last}"
        request = request_of(export_helpers, meaning, ecosystem, last)
        export_bundle(request, out)
        sources = out / request.name if ecosystem == "arduino" else out
        flags = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only")
        for unit in [path for path in out.rglob("*") if path.suffix in (".cpp", ".ino")]:
            arduino = ("-include", "Arduino.h") if unit.suffix == ".ino" else ()
            folders = ("-I", export_helpers.headers, "-I", sources)
            export_helpers.run(tool("g++"), *flags, *folders, *arduino, "-x", "c++", unit)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_firmware_says_what_the_outputs_mean(meaning, tmp_path, export_helpers, tool):
    *_, outputs, printed = MEANINGS[meaning]
    request = request_of(export_helpers, meaning)
    bundle = tmp_path / "b"
    export_bundle(request, bundle)
    values = [100, 120, -100, 90][:outputs] + [0] * (outputs - 4)
    text = RUNNER.format(
        NAME=request.name.upper(), name=request.name, outputs=", ".join(map(str, values))
    )
    (tmp_path / "runner.cpp").write_text(text)
    units = [tmp_path / "runner.cpp", bundle / "main.cpp"]
    folders = ("-I", bundle, "-I", export_helpers.headers)
    flags = ("-std=c++17", "-fsanitize=undefined", "-fno-sanitize-recover", *folders)
    export_helpers.run(
        tool("g++"), *flags, "-x", "c++", *units, bundle / "print.c", "-o", tmp_path / "main"
    )
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(printed), done.stdout
    if meaning == "values":
        scale, zero_point = 0.05, 4
        words = [line.partition(": ")[2].split("/") for line in done.stdout.splitlines()]
        got = [int(number) / int(parts) for number, parts in words]
        assert got == pytest.approx([scale * (v - zero_point) for v in values[:2]])


@pytest.mark.parametrize(
    ("scale", "per", "suffix"),
    [(0.05, "1e2", "/100"), (1.0, "1.0", ""), (2.5e-7, "1e7", "/10000000"),
     (40.0, "1e-1", " x 10"), (3e7, "1e-7", " x 10000000")],
)  # fmt: skip
def test_a_value_is_printed_in_steps_that_an_integer_holds(scale, per, suffix):
    unit = value_unit(scale)
    assert (unit.per, unit.suffix) == (per, suffix)
    assert 1 <= scale * float(unit.per) < 10
