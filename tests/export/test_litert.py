"""Folders for Linux boards: files and program for every kind of task, all of it or nothing."""

import json
import subprocess
import sys

import numpy as np
import pytest

from autotiny.errors import InputError
from autotiny.export.litert import LitertRequest, checked_forms, export_litert
from autotiny.lowering import activation_ranges, lower
from autotiny.lowering.weight_forms import WEIGHT_FORMS
from autotiny.networks.graph import chain
from autotiny.networks.initial import initial_weights
from autotiny.networks.layers import Dense, Softmax
from autotiny.tasks import Goal, Task
from autotiny.tasks._base import Split
from autotiny.tasks.kinds import KINDS
from autotiny.tasks.metrics import METRICS

#: What outputs mean: kind, metric, names, outputs, whether a softmax ends it, what is printed.
MEANINGS = {
    "classes": ("classification", "accuracy", ("a", "b", "c"), 3, False, ("a ", "b ", "c ")),
    "chances": ("classification", "accuracy", ("a", "b", "c"), 3, True, ("a ", "b ", "c ")),
    "second_class": ("classification", "accuracy", ("no", "yes"), 1, False, ("no ", "yes ")),
    "labels": ("multi-label", "macro_f1", ("x", "y"), 2, False, ("x ", "y ", "none")),
    "values": ("regression", "mae", ("speed", "angle"), 2, False, ("speed ",)),
    "reconstruction": ("anomaly", "roc_auc", ("normal", "anomaly"), 6, False, ("error ",)),
}


def request_of(meaning, forms=None):
    kind, metric, names, outputs, softmax, _ = MEANINGS[meaning]
    rng = np.random.default_rng(2)

    def split(count):
        x = rng.normal(size=(count, 6)).astype(np.float32)
        y = {
            "multi-label": rng.integers(0, 2, (count, outputs)),
            "regression": rng.normal(size=(count, outputs)).astype(np.float32),
        }.get(kind, np.arange(count) % len(names))
        return Split(x, y)

    task = Task(
        "data", split(32), split(20), split(20), names, Goal(KINDS[kind], METRICS[metric]), "vector"
    )
    layers = (Dense("hidden", 8), Dense("out", outputs), *([Softmax("end")] if softmax else []))
    network = chain((6,), layers)
    weights = initial_weights(network, 0)
    ranges = activation_ranges(network, weights, task.train.x)
    if softmax:
        ranges = {**ranges, "end": (0.0, 1.0)}
    model = lower(network, weights, {}, ranges)
    return LitertRequest(
        "mine",
        model,
        forms or tuple(WEIGHT_FORMS.values()),
        task,
        "A test",
        {"width": 1.0},
        softmax,
    )


def test_every_kind_is_tried():
    assert {kind for kind, *_ in MEANINGS.values()} == set(KINDS)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_the_program_says_what_outputs_mean(meaning, tmp_path):
    kind, metric, *_, said = MEANINGS[meaning]
    manifest = export_litert(request_of(meaning), tmp_path / "pi")
    for model in manifest.models.values():
        assert set(model.scores) == {f"validation_{metric}", f"test_{metric}"}
        assert (model.threshold is not None) == (kind == "anomaly")
    command = [sys.executable, "-W", "ignore", tmp_path / "pi" / "predict.py"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    *lines, last = out.splitlines()
    assert len(lines) == 8
    for number, line in enumerate(lines):
        head, _, text = line.partition(": ")
        assert head == str(number)
        assert text.startswith(said)
    if kind == "anomaly":
        assert {line.rpartition(" ")[2] for line in lines} <= {"normal", "anomaly"}
    assert float(last.rpartition(" ")[2]) < 1e-3
    readme = (tmp_path / "pi" / "README.md").read_text()
    for form in WEIGHT_FORMS.values():
        assert f"`{form.file_name}`" in readme


def test_the_first_form_named_is_the_one_that_runs(tmp_path):
    forms = checked_forms("dynamic, float16,dynamic")
    assert [form.name for form in forms] == ["dynamic", "float16"]
    assert [form.name for form in checked_forms(None)] == list(WEIGHT_FORMS)
    export_litert(request_of("classes", forms), tmp_path / "pi")
    program = (tmp_path / "pi" / "predict.py").read_text()
    assert 'MODELS = ["model_dynamic.tflite", "model_float16.tflite"]' in program
    compile(program, "predict.py", "exec")


def test_only_a_folder_of_ours_is_replaced(tmp_path):
    out = tmp_path / "pi"
    request = request_of("values", checked_forms("float16"))
    export_litert(request, out)
    with pytest.raises(InputError, match="--force replaces"):
        export_litert(request, out)
    export_litert(request, out, force=True)
    content = json.loads((out / "manifest.json").read_text())
    assert content["models"]["float16"]["origins"]["model_bytes"] == "measured"
    (out / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="neither"):
        export_litert(request, out, force=True)
