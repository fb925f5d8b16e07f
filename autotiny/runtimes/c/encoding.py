"""Choosing how each layer's weights are stored: what takes the least flash, code counted in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np

from autotiny.errors import InputError
from autotiny.runtimes.c.encodings import ENCODINGS, Encoded
from autotiny.runtimes.c.program import Program, Step
from autotiny.runtimes.c.reading import read_program

#: Bytes of a function that reads weights of an encoding, where another one is there already: the
#: mean of Cortex-M0+, M4, M33 and RV32IMC, compiled for size.
FUNCTION_BYTES = {"int8": 260, "int4": 290, "table": 320, "pruned": 290, "huffman": 330}

#: The encoding that takes far more instructions, and the share of bytes that it must save.
_SLOW, _WORTH = "huffman", 0.05
#: It is not chosen where weights are read more often in an inference.
_MOST_READINGS = 4


def encode_weights(program: Program, wanted: Mapping[int, str] | None = None) -> Program:
    """Return the program with its weights stored as it takes the least flash.

    Args:
        program: With dense weights.
        wanted: Encoding by the place of a step, instead of a choice.

    Raises:
        InputError: If weights cannot be stored as asked.
    """
    options = {
        place: _options(step, tuple(ENCODINGS))
        for place, step in enumerate(program.steps)
        if "weights" in step.arrays
    }
    chosen: dict[int, tuple[str, Encoded]] = {}
    for widths in {program.steps[place].widths for place in options}:  # functions of their own
        chosen |= _cheapest(
            {
                place: found
                for place, found in options.items()
                if program.steps[place].widths == widths
            }
        )
    for place, name in (wanted or {}).items():
        if place not in options:
            raise InputError(f"Step {place} has no weights to store as {name}.")
        found = _options(program.steps[place], (name,)).get(name)
        if found is None:
            raise InputError(f"The weights of step {place} cannot be stored as {name}.")
        chosen[place] = (name, found)
    steps = list(program.steps)
    for place, (name, encoded) in chosen.items():
        steps[place] = _stored(steps[place], name, encoded)
    return replace(program, steps=tuple(steps))


@lru_cache(maxsize=4)
def stored_program(data: bytes) -> Program:
    """Return a model's program with its weights stored: packing and sizing ask for the same.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it.
    """
    return encode_weights(read_program(data))


def encodings_of(program: Program) -> dict[int, str]:
    """Return the encoding of each step that has weights, by its place."""
    return {
        place: step.variant or "int8"
        for place, step in enumerate(program.steps)
        if "weights" in step.arrays
    }


def _options(step: Step, names: Sequence[str]) -> dict[str, Encoded]:
    weights = np.asarray(step.arrays["weights"], np.int8)
    found = {name: ENCODINGS[name].encode(weights) for name in names}
    if _SLOW in found and len(names) > 1 and _readings(step) > _MOST_READINGS:
        del found[_SLOW]
    return {name: encoded for name, encoded in found.items() if encoded is not None}


def _readings(step: Step) -> int:
    """Return how often an inference reads the weights: once for each place of the output."""
    return step.numbers["out_h"] * step.numbers["out_w"]


def _cheapest(options: Mapping[int, Mapping[str, Encoded]]) -> dict[int, tuple[str, Encoded]]:
    """Return the best encoding of each step: of all sets of functions, the cheapest in all.

    A prefix code is read bit by bit, at several times the instructions of anything else: it must
    save its share, and is for weights that are not read at every place of a plane.
    """
    names = sorted({name for found in options.values() for name in found})
    best, size = _of_functions(options, names)
    if any(name == _SLOW for name, _ in best.values()):
        others, more = _of_functions(options, [name for name in names if name != _SLOW])
        if size > (1 - _WORTH) * more:
            return others
    return best


def _of_functions(
    options: Mapping[int, Mapping[str, Encoded]], names: Sequence[str]
) -> tuple[dict[int, tuple[str, Encoded]], int]:
    """Return the cheapest choice among encodings, and its bytes."""
    best: dict[int, tuple[str, Encoded]] = {}
    least = 1 << 62
    for count in range(1, len(names) + 1):
        for functions in combinations(names, count):
            chosen = {place: _smallest(found, functions) for place, found in options.items()}
            if any(pick is None for pick in chosen.values()):
                continue
            picks = {place: pick for place, pick in chosen.items() if pick is not None}
            used = {name for name, _ in picks.values()}
            size = sum(encoded.nbytes for _, encoded in picks.values())
            size += sum(FUNCTION_BYTES[name] for name in used)
            if size < least:
                least, best = size, picks
    return best, least


def _smallest(found: Mapping[str, Encoded], functions: Sequence[str]) -> tuple[str, Encoded] | None:
    pairs = [(name, found[name]) for name in functions if name in found]
    return min(pairs, key=lambda pair: pair[1].nbytes, default=None)


def _stored(step: Step, name: str, encoded: Encoded) -> Step:
    arrays = {**{k: v for k, v in step.arrays.items() if k != "weights"}, **encoded.arrays}
    numbers = {**step.numbers, **encoded.numbers}
    variant = "" if name == "int8" else name
    return replace(step, arrays=arrays, numbers=numbers, variant=variant)
