import dataclasses
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers_tflite import ground_truth, if_model, small_cnn

from autotiny.budget.limits import Budget
from autotiny.errors import InputError, UnsupportedModelError
from autotiny.runtimes import Footprint, Target, get_runtime
from autotiny.runtimes.tflm.arena import Arena
from autotiny.runtimes.tflm.code_size import code_size
from autotiny.runtimes.tflm.runtime import make_footprint, overhead_ram_bytes
from autotiny.tflite.reader import read_model


def test_a_footprint_adds_up():
    data = small_cnn()
    target = Target(clock_hz=100_000_000, cycles_per_instruction=1.5, active_ma=10, supply_v=3)
    print_ = get_runtime().footprint(data, target, app_flash_bytes=1000, app_ram_bytes=200)
    assert print_.model_bytes == len(data)
    assert print_.flash_bytes == len(data) + print_.runtime_bytes + 1000
    assert print_.ram_bytes == print_.arena_bytes + overhead_ram_bytes() + 200
    assert print_.latency_s == pytest.approx(print_.instructions * 1.5 / 1e8)
    assert print_.energy_mj == pytest.approx(print_.latency_s * 30)
    assert print_.origins["arena_bytes"] == "predicted"


def test_without_clock_and_current_there_is_no_latency_and_no_energy():
    print_ = get_runtime().footprint(small_cnn(), Target(clock_hz=None))
    assert print_.latency_s is None
    assert print_.energy_mj is None
    with pytest.raises(InputError, match="positive"):
        get_runtime().footprint(small_cnn(), Target(clock_hz=0))


def test_footprint_of_a_published_model():
    print_ = get_runtime().footprint(ground_truth("mlperf_kws_ref_model"), Target())
    assert (print_.arena_used_bytes, print_.arena_bytes) == (22772, 22784)
    assert print_.params == 22604


def test_a_footprint_takes_milliseconds():
    data, runtime, target = small_cnn(), get_runtime(), Target()
    runtime.footprint(data, target)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        runtime.footprint(data, target)
        times.append(time.perf_counter() - start)
    assert sorted(times)[10] < 0.05  # about 1.5 ms on an idle machine


def test_a_footprint_survives_json():
    print_ = get_runtime().footprint(small_cnn(), Target(core="xtensa-lx7", clock_hz=10**8))
    stored = json.loads(json.dumps(dataclasses.asdict(print_)))
    assert Footprint(**stored) == print_
    assert print_.caveats
    assert print_.margin("model_bytes") == 0
    older = {k: v for k, v in stored.items() if k not in ("errors", "caveats")}
    assert Footprint(**older).margin("flash_bytes") is None


def test_operators_whose_instructions_depend_on_data_leave_time_unknown():
    target = Target(clock_hz=10**8, active_ma=1, supply_v=3)
    model = read_model(if_model())
    arena = Arena(0, 0, 0, ())
    print_ = make_footprint(b"", model, target, arena, code_size(["IF"], target))
    assert (print_.instructions, print_.latency_s, print_.energy_mj) == (None, None, None)
    assert print_.errors["latency_s"] is None
    assert print_.margin("latency_s") is None
    assert any("IF" in caveat for caveat in print_.caveats)
    assert not Budget(latency_s=1e9).fits(print_)


def test_what_the_target_refuses_has_no_footprint():
    with pytest.raises(UnsupportedModelError, match="32-bit"):
        get_runtime().footprint(small_cnn(), Target(core="avr"))


def test_outputs_are_the_devices_bits():
    samples = np.zeros((3, 8, 8, 1), np.int8)
    trusted, careful = (get_runtime(trusted=flag).outputs(small_cnn(), samples)
                        for flag in (True, False))  # fmt: skip
    assert trusted.shape == (3, 10)
    np.testing.assert_array_equal(trusted, careful)


def test_unknown_runtimes_are_refused():
    with pytest.raises(InputError, match="tflm"):
        get_runtime("onnx")


def test_importing_runtimes_loads_no_heavy_package():
    code = (
        "import sys, json, autotiny.runtimes, autotiny.runtimes.tflm.analysis;"
        "print(json.dumps([m for m in ('tensorflow', 'tflite_micro', 'ai_edge_litert', 'optuna',"
        "'sklearn', 'yaml') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == []
