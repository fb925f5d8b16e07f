"""What every command says to programs, and deleting."""

import csv
import io
import json

import pytest

COMMANDS = (
    ("studies",),
    ("spaces",),
    ("devices",),
    ("devices", "nrf52840"),
    ("front", "tiny"),
    ("show", "tiny", "--trial", "0"),
    ("sensitivity", "tiny"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_json_and_csv(study, cli, command):
    code, out, err = cli(*command, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)
    code, out, err = cli(*command, "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows
    assert all(None not in row and None not in row.values() for row in rows)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_other_formats(study, refused, command):
    sentence = refused(*command, "--format", "xml")
    assert sentence == "--format must be one of table, json, csv; got 'xml'."


def test_show_says_the_same_to_people_and_programs(study, cli):
    _, out, _ = cli("show", "tiny", "--trial", "0", "--format", "json")
    told = json.loads(out)
    footprint = told["footprint"]
    assert told["trial"] == 0
    assert footprint["flash_bytes"] == (
        footprint["model_bytes"] + footprint["runtime_bytes"] + footprint["app_flash_bytes"]
    )
    assert told["predicted"]["flash_bytes"] >= footprint["flash_bytes"]
    assert set(told["accuracy"]) == {"validation_litert", "validation_tflm"}
    _, table, _ = cli("show", "tiny", "--trial", "0")
    assert f"{footprint['flash_bytes']:,}" in table
    assert f"{told['accuracy']['validation_tflm']:.4f}" in table


def test_the_front_marks_the_knee_that_export_picks(study, cli):
    _, out, _ = cli("front", "tiny", "--format", "json")
    (knee,) = [row["trial"] for row in json.loads(out) if row["knee"]]
    _, out, _ = cli("export", "tiny", "--pick", "knee", "--out", "fw")
    assert out.startswith(f"Trial {knee} of tiny, written to fw/")


def test_export_picks_under_the_budget_that_front_shows(study, cli, refused):
    _, out, _ = cli("front", "tiny", "--format", "json")
    sizes = sorted(row["flash_bytes"] for row in json.loads(out))
    limit = str(sizes[0])
    _, out, _ = cli("front", "tiny", "--flash", limit, "--format", "json")
    best = json.loads(out)[0]["trial"]
    code, out, err = cli("export", "tiny", "--pick", "accuracy", "--flash", limit, "--out", "fw")
    assert (code, err) == (0, "")
    assert out.startswith(f"Trial {best} of tiny")
    assert "100.0%" in out
    assert "no trained trial fits" in refused(
        "export", "tiny", "--pick", "knee", "--flash", "1kb", "--out", "fw2", code=3
    )


def test_front_and_export_on_another_device(study, cli):
    _, out, _ = cli("front", "tiny", "--device", "stm32l4r5zi", "--format", "json")
    rows = {row["trial"]: row for row in json.loads(out)}
    assert all(row["latency_s"] > 0 for row in rows.values())
    device = ("--device", "stm32l4r5zi")
    code, out, err = cli("export", "tiny", "--pick", "knee", *device, "--out", "fw")
    assert (code, err) == (0, "")
    (knee,) = [number for number, row in rows.items() if row["knee"]]
    assert out.startswith(f"Trial {knee} of tiny")
    assert "on stm32l4r5zi (cortex-m4, cmsis-nn kernels)" in out
    assert f"{rows[knee]['flash_bytes']:,}" in out
    manifest = json.loads((study.parent.parent / "fw" / "manifest.json").read_text())
    assert manifest["target"]["name"] == "stm32l4r5zi"
    assert manifest["footprint"]["flash_bytes"] == rows[knee]["flash_bytes"]


def test_delete(study, cli, refused):
    assert "add --yes" in refused("delete", "tiny")
    assert study.is_dir()
    assert cli("delete", "tiny", "--yes") == (0, "Study tiny was deleted.\n", "")
    assert list(study.parent.iterdir()) == []
    assert "A study must exist" in refused("delete", "tiny", "--yes")


def test_a_damaged_study_can_be_deleted(study, cli):
    (study / "study.db").write_bytes(b"\xff" * 100)
    assert cli("delete", "tiny", "-y")[0] == 0
    assert not study.exists()


def test_delete_asks(study, cli, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, there in (("", True), ("n", True), ("yes", False)):
        monkeypatch.setattr("builtins.input", lambda _, answer=answer: answer)
        assert cli("delete", "tiny")[0] == 0
        assert study.exists() == there
