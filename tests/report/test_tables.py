import csv
import dataclasses
import io
import json
import re

import pytest
from helpers_records import record
from rich.console import Console

from autotiny.budget.limits import Budget
from autotiny.report.closest import closest_table, print_closest
from autotiny.report.tables import (
    compression,
    cost_line,
    footprint_table,
    front_row_keys,
    front_table,
    front_text,
)
from autotiny.tasks.metrics import METRICS

ACCURACY = METRICS["accuracy"]


def text(table, width=200):
    file = io.StringIO()
    Console(file=file, width=width, markup=False).print(table)
    return file.getvalue()


def test_json_and_csv_say_the_same():
    rows = json.loads(front_text([record(), record(4)], "json", ACCURACY))
    assert [row["trial"] for row in rows] == [3, 4]
    assert rows[0]["accuracy"] == 0.91
    assert rows[0]["accuracy_litert"] == 0.9
    assert rows[0]["flash_bytes"] == 40_500
    assert rows[0]["ram_bytes"] == 6_144
    read = list(csv.DictReader(io.StringIO(front_text([record(), record(4)], "csv", ACCURACY))))
    assert [row["flash_bytes"] for row in read] == ["40500", "40500"]
    assert tuple(read[0]) == (*front_row_keys(ACCURACY), "knee") == tuple(rows[0])
    assert [row["knee"] for row in rows] == [True, False]


def test_empty_front():
    assert json.loads(front_text([], "json", ACCURACY)) == []
    assert front_text([], "csv", ACCURACY) == ",".join((*front_row_keys(ACCURACY), "knee"))


def test_front_table_shows_shares_of_the_budget():
    shown = text(front_table([record()], Budget(81_000, None)))
    assert re.search(r" 40,500 +50% +10,000 +6,144 +2,048 +70,000 +knee ", shown)
    assert "in the target's runtime" in shown
    assert "latency" not in shown
    assert "energy" not in shown


def test_front_table_shows_what_is_known_of_time_and_energy():
    timed = text(front_table([record(latency=0.0032)], Budget()))
    assert "3.2 ms" in timed
    assert "energy" not in timed
    both = [record(latency=0.0032, energy=0.04712), record(4)]
    shown = text(front_table(both, Budget()), width=500)
    assert re.search(r" 70,000 +3\.2 ms +0\.0471 mJ ", shown)
    assert re.search(r" 70,000 +- +- ", shown)
    assert "latency and energy: from instructions, whose error is not known for all" in shown


def test_front_says_how_wrong_times_may_be_and_for_which_trials():
    def known(number, error, *caveats, origin="predicted"):
        made = record(number, latency=0.1)
        changes = {"errors": {"instructions": error}, "caveats": caveats}
        changes["origins"] = {"instructions": origin}
        footprint = dataclasses.replace(made.footprint, **changes)
        return dataclasses.replace(made, footprint=footprint)

    sure = text(front_table([known(1, 0.05), known(2, 0.22)], Budget()), width=500)
    assert "from instructions, predicted within 22%, and assumed cycles" in sure
    odd = [known(1, 0.05), known(2, 0.4, "Huffman decodes slower.", origin="estimated")]
    told = text(front_table(odd, Budget()), width=500)
    assert "estimated within 40%" in told
    assert "trial 2: Huffman decodes slower." in told
    everywhere = text(front_table([known(1, None, "Odd."), known(2, None, "Odd.")], Budget()))
    assert "whose error is not known" in everywhere
    assert "\nOdd.\n" in everywhere


def test_front_table_fits_80_columns():
    records = [record(38, latency=0.0123, energy=0.0123, width=0.5, sparsity=0.65)]
    shown = text(front_table(records, Budget(81_000, 9_000)), width=80)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= 80
    assert re.search(r"38 +0\.9100 +40,500 .* 6,144 .* 12\.3 ms +0\.0123 mJ +knee", shown)
    assert "…" not in shown
    without = text(front_table([record()], Budget()), width=80)
    assert "model" in without.splitlines()[1]


def test_cost_line_says_what_is_known():
    assert cost_line(record().footprint) == ""
    known = cost_line(record(latency=0.0032).footprint)
    assert known == "latency 3.2 ms per inference (predicted, error not known)"
    known = cost_line(record(latency=0.0032, energy=4.337).footprint)
    assert known == "latency 3.2 ms, energy 4.34 mJ per inference (predicted, error not known)"


def test_named_choices_are_told_where_they_are_not_the_usual_ones():
    told = compression(record(width=0.5, importance="taylor", width_scope="layer", mixup=0.2))
    assert "importance taylor" in told
    assert "layer" not in told
    unpruned = compression(record(sparsity=0.0, pruning_criterion="gradient"))
    assert "gradient" not in unpruned
    pruned = compression(record(sparsity=0.5, pruning_criterion="gradient"))
    assert "criterion gradient" in pruned
    taught = compression(record(distillation_alpha=0.3, distillation="mutual"))
    assert "distilled (mutual)" in taught


def test_compression_in_a_few_words():
    told = compression(record(width=0.5, sparsity=0.25, distillation_alpha=0.3))
    assert told == "width 0.50, sparsity 0.25, distilled, int4, pruned"
    assert compression(record(sparsity=0.0, distillation_alpha=0)) == "int4, pruned"


@pytest.mark.parametrize("stored", ["pruned", "huffman", "lut3/channel"])
def test_sparsity_is_named_where_zeros_take_less_room(stored):
    told = compression(record(sparsity=0.65, stored=stored))
    assert told.split(", ") == ["sparsity 0.65", *sorted(["int4", stored])]


def test_sparsity_that_no_byte_was_saved_by_is_not_named():
    assert compression(record(sparsity=0.65, stored="int8")) == "int4"
    assert compression(record(sparsity=0.65, stored="int4")) == "int4"


def test_footprint_adds_up():
    shown = text(footprint_table(record().footprint, Budget(81_000, 5_000)))
    numbers = {
        line[:20].strip(): int(line[20:].split()[0].replace(",", ""))
        for line in shown.splitlines()
        if any(c.isdigit() for c in line)
    }
    assert numbers["flash"] == 40_500
    assert numbers["model"] + numbers["runtime code"] + 500 == 40_500
    assert numbers["RAM"] == numbers["tensor arena"] + numbers["statics and stack"]
    assert "50.0%" in shown
    assert "-1,144" in shown


def test_closest_say_what_they_lack():
    rows = [(record(), {"flash_bytes": 1025, "latency_s": 0.0032})]
    assert "1,025 B (1.0 KiB) of flash, 3.2 ms of time per inference" in text(closest_table(rows))


@pytest.mark.parametrize(
    ("records", "sentence"),
    [([], "No trial has finished yet."), ([record()], "Nothing fits the budget.")],
)
def test_nothing_to_show(capsys, records, sentence):
    print_closest(records, Budget(flash_bytes=1024))
    assert capsys.readouterr().out.startswith(sentence)
