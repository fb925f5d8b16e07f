"""Code on a board that ``qemu-system-arm`` emulates: its instructions, stack and faults."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from helpers_tflite import small_cnn

from autotiny.errors import AutotinyError
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.measure.board import board_is_installed, run_on_board
from autotiny.runtimes.c.measure.compiler import Linked, compile_for, link_file
from autotiny.runtimes.c.measure.cores import CORES
from autotiny.runtimes.c.measure.emulator import emulate
from autotiny.runtimes.c.reading import read_program

M55 = CORES["cortex-m55"]
#: As many turns of two instructions as the first four bytes say, and three instructions more.
LOOP = """int model_work[16];
__attribute__((naked, used)) void model_run_in(int *work) {
  __asm__("ldr r0, [r0]\\n 1: subs r0, #1\\n bne 1b\\n bx lr");
}
void entry(void) { model_run_in(model_work); }
"""
FAULT = LOOP.replace("ldr r0, [r0]", "udf #0")


@pytest.fixture(autouse=True)
def _board():
    if not board_is_installed():
        if os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
            pytest.fail("qemu-system-arm is not installed and AUTOTINY_REQUIRE_TOOLCHAIN=1")
        pytest.skip("qemu-system-arm is not installed")


def ran(text, value):
    """Return what running a function of one number took, beside its first four bytes."""
    edges = [SimpleNamespace(slot=slot) for slot in (0, 1)]
    source = SimpleNamespace(
        name="model",
        plan=SimpleNamespace(offsets={0: 0, 1: 0}),
        program=SimpleNamespace(input=edges[0], output=edges[1], sizes={0: 4, 1: 4}),
    )
    linked = Linked(link_file(text, M55, entry="entry", at=M55.origin), 0, 0, 0)
    return run_on_board(linked, source, M55, np.array([[value]], "<i4").view(np.int8))


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 11, 100, 1009, 100_000])
def test_instructions_are_counted_within_three(turns):
    _, instructions, stack = ran(LOOP, turns)
    assert abs(instructions - (2 * turns + 2)) <= 3
    assert stack == 0


def test_a_fault_is_an_error():
    with pytest.raises(AutotinyError, match="The code faults on an emulated cortex-m55"):
        ran(FAULT, 0)


def test_instructions_and_stack_are_near_those_of_a_core_like_it():
    model = small_cnn()
    source = generate(read_program(model))
    x = np.zeros((1, source.program.sizes[source.program.input.slot]), np.int8)
    runs = {}
    for name in ("cortex-m33", "cortex-m55"):
        runs[name] = emulate(compile_for(source, CORES[name], "size"), source, CORES[name], x)
    m33, m55 = runs["cortex-m33"], runs["cortex-m55"]
    np.testing.assert_array_equal(m33.outputs, m55.outputs)
    assert 0.4 < m55.instructions / m33.instructions < 1.1
    assert abs(m55.stack_bytes - m33.stack_bytes) < 100
