import dataclasses

import numpy as np
import pytest

from autotiny.budget.limits import Budget
from autotiny.devices import load_device
from autotiny.errors import InputError
from autotiny.runtimes import Target
from autotiny.study.config import load_config, save_config
from autotiny.study.resolving import resolve_config
from autotiny.study.space import Choices, Range


def resolve(*assignments, config_file=None, **options):
    return resolve_config(options, config_file=config_file, assignments=assignments)


def test_defaults():
    config = resolve()
    assert (config.study, config.data, config.base_name) == ("digits-cnn", "digits", "cnn")
    assert config.budget == Budget()
    assert config.device == Target()
    assert (config.trials, config.seed, config.sampler) == (40, 0, "tpe")
    assert config.objectives == ("score", "flash", "ram")


def test_sizes_and_times_become_numbers():
    config = resolve(flash="300KB", ram="520KB", app_flash="1K", app_ram="0", timeout="30m")
    assert config.budget == Budget(300 * 1024, 520 * 1024)
    assert (config.app_flash_bytes, config.app_ram_bytes, config.timeout_s) == (1024, 0, 1800)


def test_rank_of_sources(tmp_path):
    """Defaults, study file, options, --set; each over the one before."""
    path = tmp_path / "study.yaml"
    path.write_text(
        "trials: 7\nseed: 3\nflash: 10KB\n"
        "space: {family: mlp, parameters: {width: 0.5, epochs: 9}}\n"
    )
    config = resolve("width=0.25", config_file=path, seed=5)
    assert (config.trials, config.seed, config.flash_bytes) == (7, 5, 10240)
    assert config.space.parameters == {"width": 0.25, "epochs": 9}


def test_device_sets_what_options_override():
    device = load_device("nrf52840")
    config = resolve(device="nrf52840", ram="1KB", latency="20ms", objectives="accuracy, latency")
    assert config.budget == Budget(device.flash_bytes, 1024, 0.02)
    assert config.device == device.to_target()
    assert config.objectives == ("accuracy", "latency")


def test_a_device_that_is_typed_outranks_what_the_file_says_of_one(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "device: no-such-board\nflash: 10KB\nram: 5KB\napp_ram: 1KB\nkernels: cmsis-nn\n"
    )
    device = load_device("esp32")
    config = resolve(config_file=path, device="esp32", ram="7KB")
    assert config.budget == Budget(device.flash_bytes, 7 * 1024)
    assert config.device == device.to_target()
    assert config.app_ram_bytes == 1024


def test_a_device_that_is_typed_leaves_the_form_of_the_code(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("runtime: c\noptimise: speed\n")
    assert resolve(config_file=path, device="nrf52840").device.optimise == "speed"
    assert resolve(config_file=path, optimise="balanced").device.optimise == "balanced"


def test_sizes_outrank_the_device_beside_them(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("device: nrf52840\nflash: 10KB\n")
    config = resolve(config_file=path)
    assert config.budget == Budget(10 * 1024, load_device("nrf52840").ram_bytes)
    config = resolve(config_file=path, flash="20KB")
    assert config.flash_bytes == 20 * 1024


def test_a_stored_configuration_is_a_study_file_that_options_outrank(tmp_path):
    path = tmp_path / "config.yaml"
    save_config(resolve(device="rp2040", flash="10KB"), path)
    device = load_device("nrf52840")
    assert resolve(config_file=path, flash="20KB").flash_bytes == 20 * 1024
    config = resolve(config_file=path, device="nrf52840")
    assert config.budget == Budget(device.flash_bytes, device.ram_bytes)
    assert config.device == device.to_target()


@pytest.mark.parametrize("kernels", ["reference", "cmsis-nn"])
def test_kernels_outrank_the_device(tmp_path, kernels):
    path = tmp_path / "study.yaml"
    path.write_text("device: nrf52840\n")
    expected = dataclasses.replace(load_device("nrf52840").to_target(), kernels=kernels)
    assert resolve(device="nrf52840", kernels=kernels).device == expected
    assert resolve(config_file=path, kernels=kernels).device == expected
    assert resolve(kernels=kernels).device == Target(kernels=kernels)
    path.write_text(f"device: nrf52840\nkernels: {kernels}\n")
    assert resolve(config_file=path).device == expected


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kernels": "fast"}, "--kernels must be one of reference, cmsis-nn; got 'fast'"),
        ({"kernels": "cmsis-nn", "device": "esp32"}, "needs a cortex-m core; .* is xtensa-lx6"),
    ],
)
def test_kernels_that_the_core_cannot_run(options, sentence):
    with pytest.raises(InputError, match=sentence):
        resolve(**options)


def test_assignments_reach_every_part():
    config = resolve(
        *("base.filters=[8, 16]", "base.strides=[1, 2]", "training.epochs=3"),
        *("learning_rate={low: 1e-4, high: 1e-2, log: true}", "epochs=", "sparsity.high=0.5"),
        "pruning_schedule={choices: [constant]}",
    )
    space = config.space
    assert space.base["filters"] == [8, 16]
    assert space.training.epochs == 3
    assert space.parameters["learning_rate"] == Range(low=1e-4, high=1e-2, log=True)
    assert space.parameters["epochs"] is None
    assert space.parameters["sparsity"] == Range(low=0.0, high=0.5, step=0.05)
    assert space.parameters["pruning_schedule"] == Choices(choices=["constant"])


@pytest.mark.parametrize(("shape", "family"), [((5,), "mlp"), ((6, 6), "cnn"), ((6, 6, 2), "cnn")])
def test_data_without_a_space_gets_one_that_fits(tmp_path, shape, family):
    rng = np.random.default_rng(0)
    path = tmp_path / "_my data.npz"
    np.savez(path, x_train=rng.random((40, *shape)).astype("f4"), y_train=np.arange(40) % 2)
    config = resolve(data=str(path))
    assert config.base_name == family
    assert config.study == f"my-data-{family}"


@pytest.mark.parametrize(("data", "family"), [("tones", "ds_cnn"), ("cifar10", "cnn")])
def test_built_in_data_has_a_space(data, family):
    assert resolve(data=data).base_name == family


def test_what_is_stored_is_what_is_read(tmp_path):
    config = resolve("width=0.5", flash="1MB", device="rp2040", latency="1ms", seed=9)
    save_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert dataclasses.asdict(load_config(tmp_path / "config.yaml").device) == config.target


def test_a_study_keeps_its_space_when_the_file_changes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("family: mlp\nparameters: {width: 0.5}\n")
    save_config(resolve(space=str(path)), tmp_path / "config.yaml")
    path.write_text("family: cnn\n")
    assert load_config(tmp_path / "config.yaml").space.parameters == {"width": 0.5}


def test_an_assignment_does_not_change_what_it_was_given(tmp_path):
    given = {"family": "mlp", "base": {"units": [4]}, "parameters": {"width": 0.5}}
    resolve("width=1.0", "base.units=[8]", space=given)
    assert given == {"family": "mlp", "base": {"units": [4]}, "parameters": {"width": 0.5}}


def test_problem_names_file_and_key(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("study: x\ndata: digits\nspace: {family: mlp}\ntrials: many\n")
    with pytest.raises(InputError, match=r"config\.yaml: trials must be a valid integer"):
        load_config(path)


@pytest.mark.parametrize(
    "content", ["{width: 0.5, training.epochs: 7}", "[width=0.5, training.epochs=7]"]
)
def test_study_file_with_settings_and_dashes(tmp_path, content):
    file = tmp_path / "study.yaml"
    file.write_text(f"space: mlp\napp-ram: 2KB\nset: {content}\n")
    config = resolve_config({}, config_file=file, assignments=("training.epochs=8",))
    assert config.app_ram_bytes == 2048
    assert config.space.parameters["width"] == 0.5
    assert config.space.training.epochs == 8  # the command line outranks the file


def test_settings_of_another_type(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("set: 5\n")
    with pytest.raises(InputError, match="set must hold a mapping or a list"):
        resolve_config({}, config_file=file, assignments=())
