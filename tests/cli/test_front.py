"""``front``, ``show``, ``export`` and ``check`` on a finished study."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from autotiny.evaluation import device_score
from autotiny.study.search import Search

KEYS = {
    "trial",
    "accuracy",
    "flash_bytes",
    "ram_bytes",
    "model_bytes",
    "arena_bytes",
    "macs",
    "params",
}


def as_json(cli, *options):
    code, out, err = cli("front", "tiny", "--format", "json", *options)
    assert err == ""
    assert code == (0 if json.loads(out) else 3)
    return json.loads(out)


def test_json_holds_the_figures_and_they_add_up(study, cli):
    rows = as_json(cli)
    assert rows
    for row in rows:
        assert row.keys() >= KEYS
        assert row["flash_bytes"] == row["model_bytes"] + row["runtime_bytes"]
        image = Search.open("tiny").folder.get_artifact(
            Search.open("tiny").record(row["trial"]), "image"
        )
        assert row["model_bytes"] == len(image)
    scores = [row["accuracy"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_csv_says_the_same_as_json(study, cli):
    code, out, err = cli("front", "tiny", "--format", "csv")
    assert (code, err) == (0, "")
    read = list(csv.DictReader(io.StringIO(out)))
    for row, expected in zip(read, as_json(cli), strict=True):
        assert list(row) == list(expected)
        for key, value in expected.items():
            assert row[key] == ("" if value is None else str(value))


def test_no_member_is_dominated(study, cli):
    points = [(-r["accuracy"], r["flash_bytes"], r["ram_bytes"]) for r in as_json(cli)]
    for a in points:
        assert not any(b != a and all(x <= y for x, y in zip(b, a, strict=True)) for b in points)


def test_another_budget_ranks_again_without_training(study, cli):
    before = {path: path.stat().st_mtime_ns for path in study.glob("artifacts/*")}
    rows = as_json(cli)
    limit = sorted(row["flash_bytes"] for row in rows)[1]
    tighter = as_json(cli, "--flash", str(limit))
    assert 0 < len(tighter) < len(rows)
    assert all(row["flash_bytes"] <= limit for row in tighter)
    assert as_json(cli, "--ram", "1KB") == []
    assert {path: path.stat().st_mtime_ns for path in study.glob("artifacts/*")} == before
    assert as_json(cli) == rows


def test_the_score_shown_is_the_runtimes(study, cli):
    """The front shows what TFLM gives, not what LiteRT gave while searching."""
    search = Search.open("tiny")
    for row in as_json(cli):
        record = search.record(row["trial"])
        model, image = (search.folder.get_artifact(record, kind) for kind in ("model", "image"))
        measured = device_score(
            search.runtime, model, image, search.task.validation, search.task.goal
        )
        assert row["accuracy"] == measured
        assert row["accuracy_litert"] == record.litert_score


def test_table_is_neither_coloured_nor_cut_when_piped(study, cli):
    code, out, err = cli("front", "tiny")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "…" not in out
    assert "accuracy: measured on validation data in the target's runtime" in out
    for row in as_json(cli):
        line = next(line for line in out.splitlines() if line.split()[:1] == [str(row["trial"])])
        assert f"{row['accuracy']:.4f}" in line
        assert f"{row['flash_bytes']:,}" in line


def test_table_when_nothing_fits(study, cli):
    code, out, err = cli("front", "tiny", "--flash", "1KB", "--ram", "1KB")
    assert (code, err) == (3, "")
    assert "Nothing fits this budget: " in out
    assert len(re.findall(r"of flash, .* of RAM", out)) == 5


def test_reader_that_leaves_is_no_error(study):
    command = f"{sys.executable} -m autotiny front tiny --format csv | head -n 1; "
    command += 'exit "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_show(study, cli):
    record = Search.open("tiny").record(0)
    code, out, err = cli("show", "tiny", "--trial", "0", "--test")
    assert (code, err) == (0, "")
    for name in record.parameters:
        assert re.search(rf"^ *{name} +\S+", out, re.MULTILINE)
    assert re.search(r"dense0 +w8a8 +int8", out)
    assert f"{record.footprint.flash_bytes:,}" in out
    assert f"{record.litert_score:.4f}" in out
    assert re.search(r"test, tflm \(measured\) +0\.\d{4}", out)
    assert "test" not in cli("show", "tiny", "--trial", "0")[1]


@pytest.mark.parametrize("how", ["knee", "accuracy", "flash", "ram"])
def test_export_of_a_pick(study, cli, how):
    code, out, err = cli("export", "tiny", "--pick", how, "--out", "fw")
    assert (code, err) == (0, "")
    manifest = json.loads((study.parent.parent / "fw" / "manifest.json").read_text())
    assert f"Trial {manifest['trial']} of tiny" in out
    assert f"test accuracy       {manifest['scores']['test_accuracy']:.4f}" in out
    rows = {row["trial"]: row for row in as_json(cli)}
    picked = rows[manifest["trial"]]
    if how in ("flash", "ram"):
        assert picked[f"{how}_bytes"] == min(row[f"{how}_bytes"] for row in rows.values())
    if how == "accuracy":
        assert picked["accuracy"] == max(row["accuracy"] for row in rows.values())


def test_exported_model_is_checked(study, cli):
    assert cli("export", "tiny", "--trial", "0", "--target", "arduino", "--out", "fw")[0] == 0
    model = next((study.parent.parent / "fw").rglob("model.tflite"))
    code, out, err = cli("check", model, "--flash", "300KB", "--ram", "64KB")
    assert (code, err) == (0, "")
    assert "fits" in out.splitlines()[0]
    code, out, err = cli("check", model, "--flash", "1KB")
    assert (code, err) == (3, "")
    assert "does not fit" in out.splitlines()[0]


def test_forced_export_replaces_a_bundle(study, cli):
    assert cli("export", "tiny", "--trial", "0", "--out", "fw")[0] == 0
    assert cli("export", "tiny", "--trial", "1", "--out", "fw", "--force")[0] == 0
    manifest = json.loads((study.parent.parent / "fw" / "manifest.json").read_text())
    assert manifest["trial"] == 1


def test_a_front_before_any_trial_says_so(study, cli):
    import sqlite3

    connection = sqlite3.connect(study / "study.db")
    connection.execute("update trials set state = 'FAIL'")
    connection.commit()
    connection.close()
    code, out, _ = cli("front", "tiny")
    assert (code, out) == (3, "No trial has finished yet.\n")
    assert "there are none yet" in cli("show", "tiny", "--trial", "0")[2]


def test_front_of_one_objective(study, cli):
    config = study / "config.yaml"
    config.write_text(
        re.sub(r"objectives:\n(- \w+\n)+", "objectives:\n- accuracy\n", config.read_text())
    )
    rows = as_json(cli)
    assert len(rows) == 1
    best = max(r.litert_score for r in Search.open("tiny").records())
    assert np.isclose(rows[0]["accuracy_litert"], best)


def test_time_and_energy_are_shown_and_picked_by(cli, folder):
    options = ("--space", "mlp", "--set", "base.units=[8]", "--set", "training.epochs=1")
    options += ("--set", "epochs=1", "--trials", "3", "--study", "timed")
    options += ("--device", "stm32l4r5zi", "--kernels", "reference")
    code, out, err = cli("search", *options, "--objectives", "accuracy,energy")
    assert code == 0, err
    assert "target stm32l4r5zi (reference kernels)" in out
    assert "latency and energy: from instructions, " in " ".join(out.split())
    code, out, _ = cli("front", "timed", "--format", "json")
    least = min(json.loads(out), key=lambda row: row["energy_mj"])
    told = f"energy {least['energy_mj']:.3g} mJ per inference (predicted, within "
    for how in ("energy", "latency"):
        code, out, err = cli("export", "timed", "--pick", how, "--out", how)
        assert (code, err) == (0, "")
        assert f"Trial {least['trial']} of timed" in out
        assert told in out
    assert told in cli("show", "timed", "--trial", least["trial"])[1]


@pytest.mark.parametrize("how", ["latency", "energy"])
def test_no_pick_by_time_without_a_clock(study, refused, how):
    sentence = refused("export", "tiny", "--pick", how, "--out", "fw")
    assert f"Picking by {how} needs a device with" in sentence
