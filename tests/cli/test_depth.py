"""``depth`` through the command line: a residual study, its blocks, and shorter students."""

import csv
import io
import json

from autotiny.study.search import Search

SPACE = """
family: resnet
base: {filters: [4, 6], blocks: 2}
training: {epochs: 3, learning_rate: 0.01}
parameters:
  depth: {low: 0.0, high: 1.0}
  width: 1.0
  epochs: 1
"""


def test_blocks_are_measured_and_left_out(folder, cli):
    (folder / "space.yaml").write_text(SPACE)
    code, out, err = cli(
        "search", "--data", "digits", "--space", "space.yaml", "--flash", "90KB", "--ram", "40KB",
        "--trials", "3", "--sampler", "random", "--study", "short",
    )  # fmt: skip
    assert code == 0, err
    assert "what each block is worth" in out + err
    code, out, err = cli("sensitivity", "short", "--blocks", "--format", "json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert [row["removed"] for row in rows] == [1, 2, 3]
    assert rows[0]["joint_score_loss"] == rows[0]["score_loss"]
    table = cli("sensitivity", "short", "--blocks", "--format", "csv")[1]
    assert [row["block"] for row in csv.DictReader(io.StringIO(table))] == [
        r["block"] for r in rows
    ]
    assert rows[0]["block"] in cli("sensitivity", "short", "--blocks")[1]

    search = Search.open("short")
    sizes = {}
    for record in search.records():
        kept = round(3 * record.parameters["depth"])
        sizes.setdefault(kept, set()).add(record.footprint.macs)
    assert all(len(macs) == 1 for macs in sizes.values())
    assert len(sizes) > 1
    assert [sizes[kept] for kept in sorted(sizes)] == sorted(sizes.values(), key=min)


def test_a_model_without_blocks_is_told_so(study, cli):
    code, _, err = cli("sensitivity", "tiny", "--blocks")
    assert code == 2
    assert "inputs and outputs of one shape" in err
