"""``try``: one setting as a trial of a study, beside the base model."""

import contextlib
import csv
import io
import json
import re
import sqlite3
import time

import numpy as np
import pytest

from autotiny.study.search import Search

#: A base model in seconds.
QUICK = ("--space", "mlp", "--set", "base.units=[16]", "--set", "training.epochs=4")
QUICK += ("--set", "epochs=2")


def test_a_new_study_with_one_trial(folder, cli):
    code, out, err = cli("try", *QUICK, "--set", "width=0.5", "--device", "nrf52840")
    assert (code, err) == (0, "")
    assert out.startswith("Study digits-mlp-try: digits (1079 / 359 / 359 samples")
    assert "training the base model (4 steps)" in out
    assert "[1/1] trial   0" in out
    assert re.search(r"validation accuracy +0\.\d{4} +0\.\d{4} +0\.\d{4} +[+-]0\.\d{4}", out)
    assert re.search(r"latency +- +[\d.]+ \wm?s", out)
    assert re.search(r"dense0 +1,040 > 520", out)
    assert "autotiny export digits-mlp-try --trial 0 --out digits-mlp-try-firmware" in out
    (record,) = Search.open("digits-mlp-try").records()
    assert record.parameters["width"] == 0.5
    assert record.parameters["sparsity"] == 0.0  # a default that lies in the space's range
    assert cli("show", "digits-mlp-try", "--trial", "0")[0] == 0
    code, out, err = cli("export", "digits-mlp-try", "--trial", "0", "--out", "fw")
    assert (code, err) == (0, "")
    # Another one takes the next free name; what it is told is the same again.
    assert cli("try", *QUICK, "--set", "width=0.5", "--device", "nrf52840")[0] == 0
    (again,) = Search.open("digits-mlp-try-2").records()
    assert (again.litert_score, again.footprint) == (record.litert_score, record.footprint)


def test_a_trial_of_an_existing_study(study, cli):
    before = Search.open("tiny").records()
    code, out, err = cli(
        "try", "--study", "tiny", "--set", "width=0.5", "--set", "pruning_criterion=random",
        "--set", "epochs=1", "--format", "json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["study"], found["trial"]) == ("tiny", len(before))
    assert found["parameters"]["pruning_criterion"] == "random"
    assert "pruning_schedule" not in found["parameters"]  # nothing is pruned
    record = Search.open("tiny").record(found["trial"])
    assert record.footprint.flash_bytes == found["result"]["flash_bytes"]
    assert found["result"]["flash_bytes"] < found["base"]["flash_bytes"]
    layers = found["result"]["layers"]
    assert sum(layer["params"] for layer in layers.values()) == found["result"]["params"]
    assert sum(layer["macs"] for layer in layers.values()) == found["result"]["macs"]
    assert all(0 <= layer["sparsity"] < 0.5 for layer in layers.values())
    assert list(layers) == list(found["base"]["layers"])
    # The study goes on: what the sampler proposes next learns from it where it can.
    assert cli("resume", "tiny", "--trials", str(len(before) + 2))[0] == 0
    assert Search.open("tiny").records()[: len(before)] == before


def test_csv_has_a_row_for_each_layer(study, cli):
    code, out, _ = cli(
        "try", "--study", "tiny", "--set", "epochs=1", "--set", "sparsity=0.9", "--set",
        "pruning_pattern=free", "--format", "csv",
    )  # fmt: skip
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["model"] for row in rows].count("base") == 3
    assert [row["layer"] for row in rows[:3]] == ["", "dense0", "classifier"]
    assert float(rows[0]["accuracy"]) > 0.3
    assert int(rows[1]["stored_bytes"]) > 0


def test_compiled_c(folder, cli):
    code, out, err = cli(
        "try", *QUICK, "--runtime", "c", "--set", "precision_tolerance=0.5", "--study", "mine"
    )
    assert (code, err) == (0, "")
    assert "measuring layer sensitivity" in out
    assert re.search(r"dense0 .*w8a8 > w\d", out)


def test_over_the_budget(folder, cli):
    code, out, err = cli("try", *QUICK, "--flash", "10KB", "--study", "mine")
    assert (code, err) == (3, "")
    assert "over budget, not trained" in out
    assert re.search(r"Over the budget: it lacks [\d,]+ B.* of flash", out)
    assert "--anyway trains it" in out
    assert "autotiny export" not in out
    code, out, err = cli("try", "--set", "epochs=2", "--study", "mine", "--anyway")
    assert (code, err) == (3, "")
    assert "Over the budget: it lacks" in out
    assert "autotiny export mine --trial 1" in out
    untrained, trained = Search.open("mine").records()
    assert untrained.litert_score is None
    assert trained.litert_score > 0.3
    assert Search.open("mine").front() == []


def test_a_killed_trial_is_resumed_as_if_nothing_had_happened(folder, start, finish, cli):
    command = ("try", *QUICK[:-2], "--set", "epochs=60", "--set", "width=0.4", "--study")
    process = start(*command, "mine", cwd=folder)
    database = folder / "studies" / "mine" / "study.db"
    while not running(database):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    code, out, err = finish("resume", "mine", cwd=folder)
    assert (code, err) == (0, "")
    assert "[1/1] trial   1" in out
    assert cli(*command, "other")[0] == 0
    (resumed,), (whole,) = (Search.open(name).records() for name in ("mine", "other"))
    assert resumed.parameters == whole.parameters
    assert (resumed.litert_score, resumed.footprint) == (whole.litert_score, whole.footprint)


def running(database):
    """Return whether a trial has begun and not ended in a study's database."""
    if not database.exists():
        return False
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("select state from trials").fetchall()
    return rows == [("RUNNING",)]


def test_a_lower_is_better_metric(folder, cli):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (200, 6)).astype(np.float32)
    np.savez("line.npz", x=x, y=(x @ np.arange(6)).astype(np.float32))
    code, out, err = cli(
        "try", "--data", "line.npz", "--metric", "mae", "--space", "mlp", "--set",
        "base.units=[8]", "--set", "training.epochs=3", "--set", "epochs=1", "--set", "width=0.5",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "validation mae" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--set", "width=3"), "parameters.width must be 0.01..1; got 3"),
        (("--set", "widht=0.5"), "did you mean width?"),
        (("--set", "width={low: 0.1, high: 1.0}"), "must be one value"),
        (("--set", "optimiser=lion"), "parameters.optimiser must be one of adam"),
        (("--set", "width"), "key=value"),
        (("--format", "xml"), "table, json, csv"),
        (("--flash", "much"), "--flash must be"),
        (("--study", "tiny", "--flash", "30KB"), "tiny has flash none, and the options say 30720"),
        (("--study", "tiny", "--seed", "3"), "tiny has seed 0, and the options say 3"),
        (("--study", "tiny", "--space", "cnn"), "tiny has family mlp"),
        (("--study", "tiny", "--set", "base.units=[9]"), "tiny has base"),
        (("--study", "tiny", "--device", "nrf52840"), "leave them out"),
    ],
)
def test_bad_input(study, refused, arguments, sentence):
    assert sentence in refused("try", *arguments)
    assert len(Search.open("tiny").records()) == 12


def test_options_that_say_the_same_as_the_study(study, cli):
    code, _, err = cli(
        "try", "--study", "tiny", "--data", "digits", "--seed", "0", "--space", "mlp", "--set",
        "base.units=[16]", "--set", "training.epochs=4", "--set", "epochs=1",
    )  # fmt: skip
    assert (code, err) == (0, "")
