"""A study for compiled C, from search to a project that builds: what TFLM has no room for."""

import json
import shutil
import subprocess

import pytest

from autotiny.compression.sensitivity import Sensitivity
from autotiny.networks.precision import LayerPrecision

SEARCH = (
    "search", "--runtime", "c", "--flash", "8KB", "--ram", "2KB", "--trials", "5",
    "--set", "training.epochs=6", "--set", "epochs=6",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder with a small study, and what the search printed."""
    import contextlib
    import io
    import os

    from autotiny.__main__ import main

    folder, before = tmp_path_factory.mktemp("c"), os.getcwd()
    os.chdir(folder)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
            main(list(SEARCH))
    finally:
        os.chdir(before)
    assert end.value.code == 0
    return folder, out.getvalue()


@pytest.fixture
def there(searched, monkeypatch):
    monkeypatch.chdir(searched[0])
    return searched[0]


def front(cli, *options):
    code, out, _ = cli("front", "digits-cnn", "--format", "json", *options)
    return code, json.loads(out)


def test_the_front_fits_where_an_interpreter_does_not(there, searched, cli):
    code, members = front(cli)
    assert code == 0
    for member in members:
        assert member["flash_bytes"] <= 8192
        assert member["ram_bytes"] <= 2048
        assert member["runtime_bytes"] < 1500
    assert "(compiled C)" in searched[1]
    assert "with TensorFlow Lite Micro (front --runtime tflm): flash " in searched[1]


def test_another_runtime_ranks_the_same_trials_without_training(there, cli):
    code, members = front(cli, "--runtime", "tflm", "--flash", "300KB", "--ram", "64KB")
    assert code == 0
    assert min(member["runtime_bytes"] for member in members) > 20_000
    assert {m["trial"] for m in members} <= set(range(5))
    assert front(cli, "--runtime", "tflm")[0] == 3
    code, out, _ = cli("front", "digits-cnn", "--runtime", "tflm")
    assert code == 3
    assert (
        "Nothing fits the study's own budget: 8,192 B (8.0 KiB) of flash and 2,048 B (2.0 KiB) of "
        "RAM. The closest trials:"
    ) in out
    smallest = min(member["flash_bytes"] for member in members)
    assert f"The smallest takes {smallest:,} B of flash, and the least RAM is " in out
    remedy = next(line for line in out.splitlines() if line.startswith("Give more room, as in"))
    command = remedy.split("`")[1].split()
    assert command[:2] == ["autotiny", "front"]
    assert cli(*command[1:])[0] == 0


def test_a_front_for_a_core_that_was_not_measured_says_so(there, cli):
    told = "C functions and stack: estimated from another core, not measured on this"
    assert told in cli("front", "digits-cnn", "--device", "esp32")[1]
    assert told not in cli("front", "digits-cnn", "--device", "rp2040")[1]


def test_no_trained_model_takes_more_flash_than_was_predicted(there):
    import optuna

    trials = optuna.load_study(study_name=None, storage="sqlite:///studies/digits-cnn/study.db")
    scored = [t.user_attrs for t in trials.trials if "predicted" in t.user_attrs]
    assert len(scored) >= 4
    assert any("table" in attrs["encodings"].values() for attrs in scored)
    for attrs in scored:
        sizes = attrs["footprint"]
        taken = sizes["model_bytes"] + sizes["runtime_bytes"] + sizes["app_flash_bytes"]
        assert taken <= attrs["predicted"]["flash_bytes"]


def test_another_form_ranks_the_same_trials_by_its_own_figures(there, cli):
    wide = ("--flash", "64KB", "--ram", "16KB", "--device", "nrf52840")
    small, fast = (
        {member["trial"]: member for member in front(cli, *wide, "--optimise", form)[1]}
        for form in ("size", "balanced")
    )
    both = set(small) & set(fast)
    assert both
    for trial in both:
        assert fast[trial]["instructions"] * 2 < small[trial]["instructions"]
        assert fast[trial]["flash_bytes"] > small[trial]["flash_bytes"]


def test_a_study_may_search_and_export_the_fast_form(folder, cli):
    epochs = ("--set", "training.epochs=3", "--set", "epochs=2")
    search = ("search", "--runtime", "c", "--optimise", "balanced", "--flash", "24KB")
    board = ("--device", "nrf52840", "--latency", "5ms", "--study", "fast", "--trials", 3)
    code, out, err = cli(*search, *board, *epochs)
    assert code == 0, err
    assert "(compiled C, --optimise balanced)" in out
    code, out, _ = cli("front", "fast", "--format", "json")
    predicted = json.loads(out)[0]
    code, out, err = cli("export", "fast", "--trial", predicted["trial"], "--out", "fw")
    assert code == 0, err
    engine = json.loads((folder / "fw" / "manifest.json").read_text())["engine"]
    assert engine["optimise"] == "balanced"
    assert engine["work_bytes"] == predicted["arena_bytes"]
    if engine["flash_bytes"] is not None:
        assert engine["flash_bytes"] == pytest.approx(predicted["flash_bytes"], rel=0.25)


def test_forms_are_of_compiled_c(folder, refused):
    assert "the runtime must be c (--runtime c); got tflm" in refused(
        "search", "--optimise", "balanced"
    )
    assert "--optimise must be one of size, balanced, speed; got 'fast'" in refused(
        "search", "--runtime", "c", "--optimise", "fast"
    )


def test_an_unknown_runtime_is_refused(there, cli, refused):
    assert "--runtime must be tflm or c; got 'rust'" in refused(
        "front", "digits-cnn", "--runtime", "rust"
    )


def test_export_measures_and_builds(there, cli):
    code, out, _ = cli("export", "digits-cnn", "--pick", "score", "--out", "fw", "--force")
    assert code == 0
    assert "engine/ outputs are TensorFlow Lite Micro's, bit for bit" in out
    manifest = json.loads((there / "fw" / "manifest.json").read_text())
    engine, beside = manifest["engine"], manifest["footprint"]
    assert manifest["runtime"] == "c"
    chosen, other = manifest["footprints"]["c"], manifest["footprints"]["tflm"]
    assert (chosen["flash_bytes"], chosen["ram_bytes"]) == (
        engine["flash_bytes"],
        engine["ram_bytes"],
    )
    assert {key: other[key] for key in beside} == beside
    readme = (there / "fw" / "README.md").read_text()
    at = [readme.index(f"| {size} |") for size in (engine["flash_bytes"], beside["flash_bytes"])]
    assert at == sorted(at)
    assert readme.index("| TensorFlow Lite Micro | bytes |") > at[0]
    last = out.rstrip().splitlines()[-1]
    assert last.startswith("Next, compile ")
    assert last.endswith("fw/engine/README.md says how")
    assert (there / last.split()[2]).is_file()
    assert engine["flash_bytes"] + 10_000 < beside["flash_bytes"]
    assert engine["proved"]
    assert f"{engine['flash_bytes']:,}" in out
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    for command in (
        ["cmake", "-B", "build"], ["cmake", "--build", "build"], ["ctest", "--test-dir", "build"]
    ):  # fmt: skip
        done = subprocess.run(
            command, cwd=there / "fw" / "engine", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_export_in_another_form_is_measured_in_that(there, cli, refused):
    options = ("--pick", "score", "--out", "fast", "--force", "--optimise", "balanced")
    code, out, _ = cli("export", "digits-cnn", *options, "--flash", "64KB", "--ram", "16KB")
    assert code == 0
    manifest = json.loads((there / "fast" / "manifest.json").read_text())
    engine, chosen = manifest["engine"], manifest["footprints"]["c"]
    assert engine["optimise"] == "balanced"
    for figure in ("flash_bytes", "ram_bytes", "instructions"):
        assert chosen[figure] == engine[figure]
    assert f"{engine['work_bytes']:,}" in out
    sentence = refused("export", "digits-cnn", *options[:-1], "fast")
    assert sentence == "--optimise must be one of size, balanced, speed; got 'fast'."


def test_export_for_a_core_that_nothing_compiles_for_is_estimated(there, cli):
    options = ("--pick", "flash", "--out", "esp", "--device", "esp32")
    code, out, _ = cli("export", "digits-cnn", *options)
    assert code == 0
    assert "For compiled C on esp32 (xtensa-lx6); the study searched for generic" in out
    assert "estimated, not measured" in out
    manifest = json.loads((there / "esp" / "manifest.json").read_text())
    assert manifest["footprints"]["c"]["origins"]["runtime_bytes"] == "estimated"
    code, out, _ = cli("export", "digits-cnn", *options, "--force", "--optimise", "speed")
    assert code == 0
    assert "--optimise speed)" in out
    manifest = json.loads((there / "esp" / "manifest.json").read_text())
    assert manifest["engine"]["origins"]["flash_bytes"] == "estimated"
    assert manifest["footprints"]["c"]["runtime_bytes"] == manifest["engine"]["code_bytes"]


def test_a_trial_shows_how_its_weights_are_stored(there, cli):
    code, out, _ = cli("show", "digits-cnn", "--trial", "0")
    assert code == 0
    assert "C functions" in out
    assert "activations" in out


def gains_by_16_bits(network, weights, ranges, options, *rest, **named):
    """Stand for sensitivities in which the first layer's 16 bits pay for few bits elsewhere."""
    rows = []
    for place, (layer, precisions) in enumerate(options.items()):
        for precision in precisions:
            wide = precision == LayerPrecision(activation_bits=16)
            cost = -2.0 if wide and place == 0 else 0.5
            rows.append(Sensitivity(layer, precision, 0.0, cost))
    return tuple(rows)


def test_16_bit_layers_from_search_to_a_proved_engine(folder, cli, monkeypatch):
    monkeypatch.setattr("autotiny.study.once.measure_sensitivity", gains_by_16_bits)
    space = ("--space", "mlp", "--set", "base.units=[48,300]", "--set", "precision_tolerance=0.1")
    epochs = ("--set", "training.epochs=3", "--set", "epochs=2")
    search = ("search", "--runtime", "c", "--flash", "60KB", "--ram", "8KB", "--trials", 2)
    code, _, err = cli(*search, *space, *epochs, "--study", "wide")
    assert code == 0, err
    code, out, _ = cli("show", "wide", "--trial", 0, "--format", "json")
    assert "w8a16" in json.loads(out)["plan"].values()
    assert cli("export", "wide", "--trial", 0, "--out", "fw")[0] == 0
    engine = json.loads((folder / "fw" / "manifest.json").read_text())["engine"]
    assert engine["proved"]
    source = next((folder / "fw" / "engine" / "src").glob("*.c"))
    assert "scaled_wide" in source.read_text()
    budget = ("--flash", "300KB", "--ram", "64KB")
    code, out, _ = cli("front", "wide", "--runtime", "tflm", *budget, "--format", "json")
    assert code == 0
    assert {member["trial"] for member in json.loads(out)} <= {0, 1}
