"""Choosing how each layer's weights are stored: what takes the least flash, code counted in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np

from autotiny.errors import InputError
from autotiny.runtimes._base import Optimise
from autotiny.runtimes.c.costs.predict import predict_costs, table_of
from autotiny.runtimes.c.encodings import ENCODINGS, Encoded
from autotiny.runtimes.c.groups import constant_bytes, groups_of
from autotiny.runtimes.c.program import Program, Step
from autotiny.runtimes.c.reading import read_program
from autotiny.runtimes.c.speed import for_speed

#: By the place of a step: how its weights are stored.
Choice = dict[int, tuple[str, Encoded]]

#: Bytes of a function that reads weights of an encoding, where another one is there already: the
#: mean of Cortex-M0+, M4, M33 and RV32IMC, compiled for size. Choices that are so close by these
#: are compared by what is predicted for the core itself.
_CLOSE = 600
FUNCTION_BYTES = {
    "int8": 260,
    "int4": 290,
    "table": 320,
    "pruned": 290,
    "blocks": 350,
    "huffman": 330,
}

#: The encoding that takes far more instructions, and the share of bytes that it must save.
_SLOW, _WORTH = "huffman", 0.05
#: It is not chosen where weights are read more often in an inference.
_MOST_READINGS = 4


def encode_weights(
    program: Program,
    wanted: Mapping[int, str] | None = None,
    *,
    core: str = "cortex-m4",
    any_values: bool = False,
) -> Program:
    """Return the program with its weights stored as it takes the least flash.

    An encoding whose cost on a core was not measured is not chosen there.

    Args:
        program: With dense weights.
        wanted: Encoding by the place of a step, instead of a choice.
        core: Whose code is predicted.
        any_values: Leave out what depends on how often which value occurs: a prefix code.

    Raises:
        InputError: If weights cannot be stored as asked.
    """
    measured = table_of(core)[0]["code"]
    names = tuple(
        name
        for name in ENCODINGS
        if f"weighted {name}" in measured and not (any_values and name == _SLOW)
    )
    options = {
        place: _options(step, names)
        for place, step in enumerate(program.steps)
        if "weights" in step.arrays
    }
    every = []
    for widths in sorted({program.steps[place].widths for place in options}):
        mine = {p: found for p, found in options.items() if program.steps[p].widths == widths}
        every.append(_choices(mine))  # they have functions of their own
    chosen: Choice = {}
    for choices in every:
        chosen |= choices[0]
    if any(len(choices) > 1 for choices in every):
        # Code that decodes is never less than code that does not, whatever is predicted.
        least = predict_costs(groups_of(program), core).code_bytes
        for choices in every:
            both = [chosen | choice for choice in choices]
            chosen = min(both, key=lambda choice: _flash_bytes(_with(program, choice), core, least))
    for place, name in (wanted or {}).items():
        if place not in options:
            raise InputError(f"Step {place} has no weights to store as {name}.")
        found = _options(program.steps[place], (name,)).get(name)
        if found is None:
            raise InputError(f"The weights of step {place} cannot be stored as {name}.")
        chosen[place] = (name, found)
    return _with(program, chosen)


@lru_cache(maxsize=4)
def stored_program(
    data: bytes, core: str, optimise: Optimise = "size", *, any_values: bool = False
) -> Program:
    """Return a model's program as it is compiled: packing and sizing ask for the same.

    Args:
        data: A .tflite file.
        core: What it will run on.
        optimise: What for. Decoding takes instructions: only the smallest form does it.
        any_values: As for :func:`encode_weights`.

    Raises:
        InputError: If the file is no sound model.
        UnsupportedModelError: If the runtime cannot run it.
    """
    program = read_program(data)
    if optimise == "size":
        return encode_weights(program, core=core, any_values=any_values)
    return for_speed(program, own=optimise == "speed")


def encodings_of(program: Program) -> dict[int, str]:
    """Return the encoding of each step that has weights, by its place."""
    return {
        place: step.variant if step.variant in ENCODINGS else "int8"
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


def _choices(options: Mapping[int, Mapping[str, Encoded]]) -> list[Choice]:
    """Return choices of an encoding for each step, the cheapest first and what is close to it.

    A prefix code is read bit by bit, at several times the instructions of anything else: it must
    save its share, and is for weights that are not read at every place of a plane.
    """
    names = sorted({name for found in options.values() for name in found})
    ranked = _of_functions(options, [name for name in names if name != _SLOW])
    if _SLOW in names:
        most = (1 - _WORTH) * ranked[0][0] if ranked else float("inf")
        slow = [found for found in _of_functions(options, names) if found[0] <= most]
        ranked = [*slow, *ranked[:1]] if slow else ranked
    return [choice for size, choice in ranked if size <= ranked[0][0] + _CLOSE]


def _of_functions(
    options: Mapping[int, Mapping[str, Encoded]], names: Sequence[str]
) -> list[tuple[int, Choice]]:
    """Return every choice that a set of functions makes and its bytes, the cheapest first."""
    every: dict[tuple[str, ...], tuple[int, Choice]] = {}
    for count in range(1, len(names) + 1):
        for functions in combinations(names, count):
            chosen = {place: _smallest(found, functions) for place, found in options.items()}
            if any(pick is None for pick in chosen.values()):
                continue
            picks = {place: pick for place, pick in chosen.items() if pick is not None}
            used = {name for name, _ in picks.values()}
            size = sum(encoded.nbytes for _, encoded in picks.values())
            size += sum(FUNCTION_BYTES[name] for name in used)
            every.setdefault(tuple(name for name, _ in picks.values()), (size, picks))
    return sorted(every.values(), key=lambda found: found[0])


def _flash_bytes(program: Program, core: str, least: int) -> int:
    """Return about what a program takes, its code being ``least`` bytes at the least."""
    groups = groups_of(program)
    return constant_bytes(groups) + max(least, predict_costs(groups, core).code_bytes)


def _with(program: Program, choice: Choice) -> Program:
    """Return the program with its weights stored as chosen."""
    steps = list(program.steps)
    for place, (name, encoded) in choice.items():
        steps[place] = _stored(steps[place], name, encoded)
    return replace(program, steps=tuple(steps))


def _smallest(found: Mapping[str, Encoded], functions: Sequence[str]) -> tuple[str, Encoded] | None:
    pairs = [(name, found[name]) for name in functions if name in found]
    return min(pairs, key=lambda pair: pair[1].nbytes, default=None)


def _stored(step: Step, name: str, encoded: Encoded) -> Step:
    arrays = {**{k: v for k, v in step.arrays.items() if k != "weights"}, **encoded.arrays}
    numbers = {**step.numbers, **encoded.numbers}
    variant = "" if name == "int8" else name
    return replace(step, arrays=arrays, numbers=numbers, variant=variant)
