"""The C code on an 8-bit AVR: compiled by avr-gcc for an ATmega328P and run in simavr."""

import os
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from helpers_networks import random_samples, random_weights

from autotiny.networks.families import build_network
from autotiny.networks.precision import LayerPrecision
from autotiny.runtimes.c.codegen import generate
from autotiny.runtimes.c.encoding import encode_weights
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.tflm.interpreter import outputs

#: Prints outputs and the cycles of one inference (Timer 1) over the serial line; a sleep that
#: nothing ends is what simavr stops at.
MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <string.h>
#include "model.h"
static const int8_t inputs[COUNT][MODEL_INPUT_BYTES] PROGMEM = INPUTS;
static volatile uint16_t overflows;
ISR(TIMER1_OVF_vect) { ++overflows; }
static void put(char c) { while (!(UCSR0A & (1 << UDRE0))) {} UDR0 = (uint8_t)c; }
static void number(int32_t n) {
  char digits[12];
  int8_t at = 0;
  if (n < 0) { put('-'); n = -n; }
  do { digits[at++] = (char)('0' + n % 10); n /= 10; } while (n);
  while (at) put(digits[--at]);
  put(' ');
}
int main(void) {
  UCSR0B = 1 << TXEN0;
  TIMSK1 = 1 << TOIE1;
  for (uint8_t i = 0; i < COUNT; ++i) {
    memcpy_P((int8_t *)model_work + MODEL_INPUT_OFFSET, inputs[i], MODEL_INPUT_BYTES);
    overflows = 0;
    TCNT1 = 0;
    TCCR1B = 1 << CS10;
    sei();
    model_run_in(model_work);
    const uint16_t rest = TCNT1;
    cli();
    TCCR1B = 0;
    const int32_t cycles = (int32_t)overflows * 65536L + rest;
    const int8_t *output = (const int8_t *)model_work + MODEL_OUTPUT_OFFSET;
    for (int j = 0; j < MODEL_OUTPUT_BYTES; ++j) number(output[j]);
    number(cycles);
    put('\\r');
    put('\\n');
  }
  cli();
  sleep_enable();
  sleep_cpu();
  return 0;
}
"""
COUNT = 4


@pytest.fixture
def avr():
    for tool in ("avr-gcc", "avr-size", "simavr"):
        if shutil.which(tool) is None:
            if os.environ.get("AUTOTINY_REQUIRE_TOOLCHAIN") == "1":
                pytest.fail(f"{tool} is not installed and AUTOTINY_REQUIRE_TOOLCHAIN=1")
            pytest.skip(f"{tool} is not installed")


def program_of(engine, form):
    network = build_network("cnn", {"filters": (5, 8, 10), "strides": (1, 2, 1)}, (8, 8, 1), 10)
    names = [layer.name for layer in network.weight_layers[1:] if form in ("wide", "long")]
    plan = dict.fromkeys(names, LayerPrecision(activation_bits=16))
    model = engine.lowered(network, random_weights(network), random_samples(network, 8), plan)
    program = read_program(model)
    if form == "long":  # sums have 64 bits, as those of many inputs
        steps = [replace(s, largest=1 << 31) if s.reduced else s for s in program.steps]
        program = replace(program, steps=tuple(steps))
    return model, program if form == "dense" else encode_weights(program)


@pytest.mark.parametrize("form", ["encoded", "dense", "wide", "long"])
def test_same_bits_on_an_atmega328p(avr, engine, tmp_path, form):
    model, program = program_of(engine, form)
    source = generate(program)
    x = engine.inputs(model, COUNT)
    rows = ", ".join("{" + ", ".join(map(str, row.ravel().tolist())) + "}" for row in x)
    (tmp_path / "model.c").write_text(source.code)
    (tmp_path / "model.h").write_text(source.header)
    main = MAIN.replace("COUNT", str(COUNT)).replace("INPUTS;", f"{{{rows}}};")
    (tmp_path / "main.c").write_text(main)
    flags = [
        "-mmcu=atmega328p", "-DF_CPU=16000000UL", "-Os", "-std=gnu99", "-Wall", "-Wextra",
        "-Werror", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections",
    ]  # fmt: skip
    subprocess.run(
        ["avr-gcc", *flags, "model.c", "main.c", "-o", "main.elf"], cwd=tmp_path, check=True
    )
    subprocess.run(
        ["avr-gcc", *flags[:4], "-Wconversion", "-Werror", "-c", "model.c"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    done = subprocess.run(
        ["simavr", "-m", "atmega328p", "-f", "16000000", "main.elf"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    printed = re.findall(r"((?:-?\d+ ){11})", done.stdout + done.stderr)
    assert len(printed) == COUNT, done.stdout + done.stderr
    numbers = np.array([list(map(int, line.split())) for line in printed])
    np.testing.assert_array_equal(numbers[:, :-1], outputs(model, x))
    assert 100_000 < numbers[0, -1] < 20_000_000
    sizes = subprocess.run(
        ["avr-size", "main.elf"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    text, data, bss = map(int, sizes.stdout.splitlines()[1].split()[:3])
    assert text + data < 16_000
    assert data + bss < 1_000  # constants stay in flash
