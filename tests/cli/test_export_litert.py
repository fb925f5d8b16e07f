"""``export --runtime litert``: files for Linux boards, through the command line."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from autotiny.lowering.weight_forms import WEIGHT_FORMS
from autotiny.study.search import Search
from autotiny.tflite.litert import run_one_by_one

EXPORT = ("export", "tiny", "--pick", "score", "--runtime", "litert", "--out", "pi")


def test_every_form_is_written_scored_and_runs(study, folder, cli):
    code, out, err = cli(*EXPORT)
    assert (code, err) == (0, "")
    manifest = json.loads((folder / "pi" / "manifest.json").read_text())
    assert manifest["format"] == "autotiny-litert/1"
    assert manifest["runtime"] == "litert"
    assert list(manifest["models"]) == sorted(WEIGHT_FORMS)
    search = Search.open("tiny")
    task, record = search.task, search.record(manifest["trial"])
    for name, model in manifest["models"].items():
        data = (folder / "pi" / model["file"]).read_bytes()
        assert model["model_bytes"] == len(data)
        for split in ("validation", "test"):
            samples = getattr(task, split)
            score = task.goal.score(run_one_by_one(data, samples.x), samples)
            assert model["scores"][f"{split}_accuracy"] == score
            # A float network of the same weights decides nearly as the integers do.
            assert abs(score - record.litert_score) < 0.05
        assert set(model["origins"].values()) == {"measured"}
        row = next(line for line in out.splitlines() if line.strip().startswith(f"{name} "))
        assert f"{len(data):,}" in row
        assert f"{model['scores']['validation_accuracy']:.4f}" in row
    assert "sizes and scores: measured" in out
    assert "int8, as searched" in out
    for path, digest in manifest["files"].items():
        assert hashlib.sha256((folder / "pi" / path).read_bytes()).hexdigest() == digest
    assert set(manifest["files"]) == {
        "README.md", "examples.npz", "predict.py", *(f.file_name for f in WEIGHT_FORMS.values()),
    }  # fmt: skip
    half, whole = (manifest["models"][n]["model_bytes"] for n in ("float16", "int8-weight-only"))
    assert half > whole
    # The same export gives the same bytes, in place of the first.
    before = {path.name: path.read_bytes() for path in (folder / "pi").iterdir()}
    assert cli(*EXPORT, "--force")[0] == 0
    assert before == {path.name: path.read_bytes() for path in (folder / "pi").iterdir()}


def run(*arguments):
    """Run a program in a process of its own and return its output."""
    command = [sys.executable, "-W", "ignore", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_program_runs_alone(study, folder, cli):
    assert cli(*EXPORT, "--weights", "float16,dynamic")[0] == 0
    assert not (folder / "pi" / "model_int8_weight_only.tflite").exists()
    code, out, err = run(folder / "pi" / "predict.py")
    assert code == 0, err
    lines = out.splitlines()
    assert len(lines) == 9
    assert lines[0].startswith("0: ")
    assert lines[0].endswith("%")
    assert float(lines[-1].rpartition(" ")[2]) < 0.1
    samples = Search.open("tiny").task.test.x[8:11]
    np.save(folder / "three.npy", samples)
    model = "model_dynamic.tflite"
    code, out, _ = run(folder / "pi" / "predict.py", folder / "three.npy", "--model", model)
    assert code == 0
    said = [line.split()[1] for line in out.splitlines()]
    task = Search.open("tiny").task
    outputs = run_one_by_one((folder / "pi" / model).read_bytes(), samples)
    assert said == [task.class_names[i] for i in outputs.argmax(axis=1)]
    np.save(folder / "odd.npy", samples[:, :3])
    code, out, err = run(folder / "pi" / "predict.py", folder / "odd.npy")
    assert (code, out) == (1, "")
    assert err.startswith("Samples must be of shape (n, *(8, 8, 1))")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--runtime", "c"), "--runtime of an export must be litert"),
        (("--weights", "float16"), "--weights is for --runtime litert"),
        (("--runtime", "litert", "--weights", "int4"), "--weights must be among float16, dynamic"),
        (("--runtime", "litert", "--target", "arduino"), "--target is for firmware"),
    ],
)
def test_options_that_contradict_are_refused(options, sentence, study, refused, folder):
    assert sentence in refused("export", "tiny", "--trial", 0, "--out", "pi", *options)
    assert not (folder / "pi").exists()


def test_what_cannot_be_exported_is_refused(study, refused, cli, tiny):
    options = ("export", "tiny", "--runtime", "litert", "--out", "pi")
    assert "exactly one" in refused(*options)
    assert "there are 0..11" in refused(*options, "--trial", 99)
    assert cli("try", *tiny, "--flash", "1KB", "--study", "none")[0] == 3
    sentence = refused("export", "none", "--trial", 0, "--runtime", "litert", "--out", "pi")
    assert "trial 0" in sentence.lower()
