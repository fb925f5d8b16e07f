"""``sensitivity``: the table of a study, for people, for programs and as a picture."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from autotiny.compression.sensitivity import Sensitivity
from autotiny.networks.precision import LayerPrecision
from autotiny.report.sensitivity import draw_sensitivity, sensitivity_table
from autotiny.study.search import Search

ROWS = [
    Sensitivity("stem", LayerPrecision(4), 0.0, -0.00001),
    Sensitivity("stem", LayerPrecision(2, clustered=True), 0.103, 0.4),
    Sensitivity("head", LayerPrecision(8, 16), -0.003, 0.0),
    Sensitivity("head", LayerPrecision(2, clustered=True), 0.0, 0.02),
]


def test_formats_agree_with_the_study(study, cli):
    rows = Search.open("tiny").sensitivity()
    code, out, err = cli("sensitivity", "tiny", "--format", "json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert "validation" in found["origin"]
    assert [(row["layer"], row["precision"]) for row in found["rows"]] == [
        (row.layer, str(row.precision)) for row in rows
    ]
    assert [row["kl_divergence_nats"] for row in found["rows"]] == [r.divergence for r in rows]
    assert [row["accuracy_loss"] for row in found["rows"]] == [r.score_loss for r in rows]
    table = list(csv.DictReader(io.StringIO(cli("sensitivity", "tiny", "--format", "csv")[1])))
    assert [row["layer"] for row in table] == [row.layer for row in rows]


def test_table_and_picture(study, cli, folder):
    code, out, err = cli("sensitivity", "tiny", "--plot", "heat.svg")
    assert (code, err) == (0, "")
    for row in Search.open("tiny").sensitivity():
        assert str(row.precision) in out
        assert row.layer in out
    assert "validation data" in out
    assert "\x1b" not in out
    assert "KL divergence (nats)" in " ".join(ET.parse(folder / "heat.svg").getroot().itertext())


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_picture_of_a_table_with_gaps(tmp_path, suffix):
    draw_sensitivity(ROWS, "study", tmp_path / f"heat.{suffix}")
    data = (tmp_path / f"heat.{suffix}").read_bytes()
    if suffix == "png":
        assert data.startswith(b"\x89PNG")
        return
    text = " ".join(ET.fromstring(data).itertext())
    for words in ("stem", "head", "w8a16", "w4a8", "w2ca8", "0.400", "10.3", "–"):
        assert words in text
    assert "-0.000" not in text


def test_worse_cells_have_longer_bars_on_a_terminal():
    from rich.console import Console

    def text(drawn):
        console = Console(width=120, force_terminal=drawn)
        with console.capture() as captured:
            console.print(sensitivity_table(ROWS, drawn=drawn))
        return captured.get()

    assert "█ 0.4000" in text(True)
    assert "▂ 0.0200" in text(True)
    assert "\x1b" in text(True)
    plain = text(False)
    assert "█" not in plain
    assert " 0.0000   0.0pp" in plain
    assert "-0.0000" not in plain


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nope",), "nope"),
        (("nope", "--format", "xml"), "table, json, csv"),
        (("nope", "--plot", "heat.jpg"), ".svg or .png"),
    ],
)
def test_bad_request(refused, folder, arguments, sentence):
    assert sentence in refused("sensitivity", *arguments)
