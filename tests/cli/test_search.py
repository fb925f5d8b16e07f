"""Searching, stopping and going on, through real processes."""

import inspect
import json
import os
import re
import shutil
import signal
import sqlite3
import sys

import numpy as np
import pytest

from autotiny.study.search import Search
from autotiny.tasks import Task

#: Fingerprinting, counting and describing (joblib) look at the split without scoring on it.
ALLOWED = ("fingerprint", "digests", "announce", "__repr__")


def poisoned(task):
    """Stand where ``Task.test`` does and fail where anything is scored on it."""
    caller = sys._getframe(1).f_code.co_name
    if caller not in ALLOWED:
        raise AssertionError(f"the test split was touched by {caller}")
    return task.__dict__["test"]


def put(task, split):
    """Keep the split where ``poisoned`` finds it."""
    task.__dict__["test"] = split


#: A program that is autotiny with a poisoned test split.
POISONED = f"""
import sys
from autotiny.tasks import Task
ALLOWED = {ALLOWED!r}
{inspect.getsource(poisoned)}
{inspect.getsource(put)}
Task.test = property(poisoned, put)
from autotiny.__main__ import main
main()
"""


def rows(cwd, name):
    """Return what decides a trial and what came of it, in order."""
    here = os.getcwd()
    os.chdir(cwd)
    try:
        return [
            (
                r.parameters,
                r.litert_score,
                r.footprint.flash_bytes,
                r.footprint.ram_bytes,
                r.encodings,
            )
            for r in Search.open(name).records()
        ]
    finally:
        os.chdir(here)


def until(process, pattern):
    """Read a process's output up to the line that matches."""
    for line in process.stdout:
        if re.search(pattern, line):
            return
    pytest.fail(f"no line matches {pattern}: {process.stderr.read()}")


def test_search_ends_with_the_front_and_the_next_command(searched, cli, monkeypatch):
    path, out = searched
    assert out.startswith("Study tiny: digits (1079 / 359 / 359 samples of 8x8x1, 10 classes), mlp")
    assert "training the base model (4 steps)" in out
    assert "measuring layer sensitivity" in out
    assert [f"[{n}/12] trial" in out for n in range(1, 13)] == [True] * 12
    assert "autotiny export tiny --pick knee --out tiny-firmware" in out
    assert "\x1b" not in out
    monkeypatch.chdir(path)
    code, listed, _ = cli("studies")
    assert code == 0
    assert re.search(r"tiny +digits +mlp +12 of 12 +12", listed)


def test_killed_search_goes_on_as_if_nothing_had_happened(
    searched, folder, start, finish, tiny, tiny_trials
):
    """Killed in an anchor and again where the sampler has learned; another process, one seed."""
    options = {"cwd": folder}
    process = start("search", *tiny, "--trials", tiny_trials, "--study", "tiny", **options)
    until(process, r"^\[1/12\]")
    process.kill()
    process.communicate()
    finished = rows(folder, "tiny")
    assert len(finished) >= 1

    process = start("resume", "tiny", **options)
    until(process, r"^\[9/12\]")
    process.kill()
    process.communicate()
    assert rows(folder, "tiny")[: len(finished)] == finished
    finished = rows(folder, "tiny")
    assert len(finished) >= 9

    code, out, err = finish("resume", "tiny", **options)
    assert (code, err) == (0, "")
    assert "training the base model" not in out
    assert f"{len(finished)} of 12 trials done" in out
    assert rows(folder, "tiny")[: len(finished)] == finished
    assert rows(folder, "tiny") == rows(searched[0], "tiny")
    assert len(rows(folder, "tiny")) == tiny_trials


@pytest.mark.parametrize(
    ("moment", "kept"),
    [("^training the base model", 0), ("^measuring layer sensitivity", 0), (r"^\[2/12\]", 2)],
)
def test_interrupt(folder, start, tiny, tiny_trials, moment, kept):
    longer = ("--set", "training.epochs=60") if "base" in moment else ()
    process = start(
        "search", *tiny, *longer, "--trials", tiny_trials, "--study", "mine", cwd=folder
    )
    until(process, moment)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert re.fullmatch(
        r"autotiny: interrupted; (\d+) finished trials are kept, go on with: "
        r"autotiny resume mine\n",
        err,
    ), err
    assert len(rows(folder, "mine")) == int(re.search(r"; (\d+)", err)[1]) >= kept


def test_nothing_fits(folder, cli, refused, finish, tiny):
    """Rejected untrained, results written; the npz comes without a space, and later changes."""
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 6)).astype(np.float32), np.arange(200) % 2
    np.savez(folder / "mine.npz", x_train=x, y_train=y)
    code, out, err = finish(
        *("search", "--data", "mine.npz", "--flash", "1KB", "--trials", 4),
        *("--set", "base.units=[8]", "--set", "training.epochs=2"),
        cwd=folder,
    )
    assert (code, err) == (3, "")
    assert "4 trials (4 rejected" in out
    assert "Nothing fits the budget. The closest trials:" in out
    lacks = [line for line in out.splitlines() if line.rstrip().endswith("of flash")]
    assert len(lacks) == 4
    for line in lacks:
        used = int(line.split()[1].replace(",", ""))
        missing = int(re.search(r"([\d,]+) B", line)[1].replace(",", ""))
        assert used - missing == 1024

    assert cli("front", "mine-mlp")[0] == 3
    code, out, _ = cli("front", "mine-mlp", "--format", "json")
    assert (code, json.loads(out)) == (3, [])
    code, out, _ = cli("show", "mine-mlp", "--trial", "0")
    assert code == 0
    assert "Never trained: over budget." in out
    sentence = refused("export", "mine-mlp", "--trial", "0", "--out", "fw")
    assert "over budget and was not" in sentence
    assert "nothing to pick" in refused(
        "export", "mine-mlp", "--pick", "knee", "--out", "fw", code=3
    )
    assert not (folder / "fw").exists()

    code, out, err = cli("resume", "mine-mlp", "--trials", "6")
    assert (code, err) == (3, "")
    assert "6 trials (6 rejected" in out

    np.savez(folder / "mine.npz", x_train=x[:150], y_train=y[:150])
    code, out, err = cli("resume", "mine-mlp", "--trials", "8")
    assert code == 2
    assert "'mine.npz' has changed: x_train is" in err
    (folder / "mine.npz").unlink()
    code, out, err = cli("resume", "mine-mlp", "--trials", "8")
    assert code == 2
    assert "No such file" in err


def test_another_seed_and_no_look_at_the_test_split(searched, folder, finish, tiny):
    """The seed decides, and a search that touches the test split would fail."""
    search = ("search", *tiny, "--trials", 7, "--study", "other", "--seed", 1)
    code, _, err = finish(*search, before=POISONED, cwd=folder)
    assert (code, err) == (0, "")
    other, first = rows(folder, "other"), rows(searched[0], "tiny")[:7]
    # The first five are the same anchors, on other splits; what follows is drawn, and not the
    # other seed's draws moved by one either.
    assert [row[1] for row in other[:5]] != [row[1] for row in first[:5]]
    drawn = [str(row[0]) for row in first[5:]]
    assert not any(str(row[0]) in drawn for row in other[5:])


def test_only_export_and_show_with_test_see_the_test_split(study, cli, monkeypatch):
    """The front is scored here and now: its scores in the runtime are forgotten first."""
    connection = sqlite3.connect(study / "study.db")
    connection.execute("delete from study_user_attributes")
    connection.commit()
    connection.close()
    # Tasks stay as they are; only the name is guarded.
    monkeypatch.setattr(Task, "test", property(poisoned, put), raising=False)
    assert cli("front", "tiny")[0] == 0
    assert cli("front", "tiny", "--flash", "22500")[0] == 0
    assert cli("show", "tiny", "--trial", "0")[0] == 0
    assert cli("studies")[0] == 0
    for command, place in (
        (("show", "tiny", "--trial", "0", "--test"), "_scores"),
        (("export", "tiny", "--trial", "0", "--out", "fw"), "export_trial"),
    ):
        code, _, err = cli(*command)
        assert code == 1
        assert f"the test split was touched by {place}" in err
    assert not (study.parent.parent / "fw").exists()


def test_finished_study_only_shows_its_front(study, cli):
    code, out, err = cli("resume", "tiny")
    assert (code, err) == (0, "")
    assert "12 of 12 trials done" in out
    assert "12 trials (none rejected" in out


def test_study_in_use_is_refused(study, cli):
    with Search.open("tiny").folder.lock():
        code, _, err = cli("resume", "tiny", "--trials", "20")
    assert code == 1
    assert err.startswith("autotiny: Study 'tiny' is being searched by another process")
    assert err.count("\n") == 1
    assert len(Search.open("tiny").records()) == 12


def test_resuming_trains_no_base_model_again(searched, folder, finish):
    shutil.copytree(searched[0] / "studies", folder / "studies")
    cached = sorted((folder / "studies" / "tiny" / "cache").rglob("*"))
    steps = sorted((path.name.partition("-")[0], path.suffix) for path in cached)
    assert steps == [(s, x) for s in ("base", "channels", "sensitivity") for x in (".json", ".npz")]
    code, out, err = finish("resume", "tiny", "--trials", 13, cwd=folder)
    assert (code, err) == (0, "")
    assert "training the base model" not in out
    assert sorted((folder / "studies" / "tiny" / "cache").rglob("*")) == cached
