"""Trials on another device: what its memory has room for is kept."""

import dataclasses

import pytest

from autotiny.budget.limits import Budget
from autotiny.devices import load_device
from autotiny.runtimes import get_runtime
from autotiny.study.retarget import records_on, repacked
from autotiny.study.search import Search


@pytest.fixture
def search(study):
    return Search.open("tiny")


def test_the_studys_own_target_changes_nothing(search):
    assert records_on(search, search.config.device, search.config.budget) == search.records()


def test_outputs_stay_and_sizes_follow_the_target(search):
    target = load_device("stm32l4r5zi").to_target()
    moved = records_on(search, target, Budget())
    assert [r.number for r in moved] == [r.number for r in search.records()]
    for record, before in zip(moved, search.records(), strict=True):
        assert record.footprint.latency_s is not None
        assert record.footprint.runtime_bytes != before.footprint.runtime_bytes
        assert (record.litert_score, record.parameters) == (before.litert_score, before.parameters)
    _, image = repacked(search, moved[0], target, Budget())
    model = search.folder.get_artifact(moved[0], "model")
    x = search.task.validation.x[:20]
    from autotiny.evaluation import device_outputs

    for other in (image, model):
        outputs = device_outputs(search.runtime, model, other, x).quantised
        assert (outputs == device_outputs(search.runtime, model, image, x).quantised).all()


def test_what_other_runtimes_take_is_stored_with_every_trained_trial(search, monkeypatch):
    config, runtime = search.config, get_runtime("c")
    records = [record for record in search.records() if record.litert_score is not None]
    assert records
    anew = [repacked(search, r, config.device, config.budget, runtime)[0] for r in records]
    monkeypatch.setattr("autotiny.study.retarget.repacked", None)  # nothing is packed again
    stored = records_on(search, config.device, config.budget, runtime)
    assert [r.footprint for r in stored] == [r.footprint for r in anew]
    assert [r.encodings for r in stored] == [r.encodings for r in anew]
    assert {r.footprint.runtime for r in stored} == {"c"}


def test_trials_of_earlier_versions_are_packed_for_another_runtime(search, monkeypatch):
    records = [dataclasses.replace(record, elsewhere={}) for record in search.records()]
    monkeypatch.setattr(search, "records", lambda: records)
    moved = records_on(search, search.config.device, search.config.budget, get_runtime("c"))
    assert {r.footprint.runtime for r in moved} == {"c"}


@pytest.mark.parametrize("way", ["budget", "free"])
def test_a_choice_of_encoding_keeps_the_ram_there_is(search, way, monkeypatch):
    """What the packer is told; what it makes of that is its own tests' matter."""
    told = []
    record = search.records()[0]
    record = dataclasses.replace(record, parameters={"encoding_ram": way})
    pack = search.runtime.pack

    def spied(model, target, **options):
        told.append(options)
        return pack(model, target, **options)

    monkeypatch.setattr(search.runtime, "pack", spied)
    target = load_device("stm32l4r5zi").to_target()
    repacked(search, record, target, Budget(ram_bytes=20_000))
    overhead = search.runtime.overhead_ram_bytes(target)
    assert told == [{"arena_limit": 20_000 - overhead, "grow_arena": way == "budget"}]
