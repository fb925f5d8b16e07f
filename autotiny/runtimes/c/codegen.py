"""A program as C99: ``NAME.h`` and ``NAME.c``."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from autotiny.runtimes._base import Optimise
from autotiny.runtimes.c.fixed_point import LIMITS
from autotiny.runtimes.c.groups import Group, groups_of, numbers_of
from autotiny.runtimes.c.kernels import KERNELS
from autotiny.runtimes.c.memory import Plan, plan_memory
from autotiny.runtimes.c.program import Integers, Program, Step
from autotiny.runtimes.c.speed import for_speed

_KERNELS = Path(__file__).parent / "kernels"
_TEMPLATES = Path(__file__).parent / "templates"
_PER_LINE = 16
_TYPES = {1: "int8", 2: "int16"}


@dataclass(frozen=True)
class Source:
    """The C code of a model.

    Attributes:
        name: Prefix of everything that it exports.
        header: Contents of ``NAME.h``.
        code: Contents of ``NAME.c``.
        plan: Its memory plan.
        program: What it does.
        told: Lines for the head of both files.
    """

    name: str
    header: str
    code: str
    plan: Plan
    program: Program
    told: Sequence[str] = ()


@dataclass(frozen=True)
class Stack:
    """The deepest stack of an inference.

    Attributes:
        size: Bytes.
        origin: How that is known, for people.
    """

    size: int
    origin: str


def with_stack(source: Source, stack: Stack) -> Source:
    """Return the code with its stack said in the header."""
    return replace(
        source, header=_header(source.name, source.plan, source.program, source.told, stack)
    )


def _header(
    name: str, plan: Plan, program: Program, told: Sequence[str], stack: Stack | None
) -> str:
    return (
        environment()
        .get_template("model.h.j2")
        .render(name=name, NAME=name.upper(), plan=plan, program=program, told=told, stack=stack)
    )


@dataclass
class _Constants:
    """Arrays of constants while code is written: equal ones are written once."""

    prefix: str
    names: dict[tuple[str, bytes], str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def name_of(self, hint: str, ctype: str, values: Integers) -> str:
        key = (ctype, values.astype(np.int64).tobytes())
        if key not in self.names:
            name = f"{self.prefix}{hint}"
            self.names[key] = name
            self.lines.append(_array(name, ctype, values))
        return self.names[key]


def generate(
    program: Program,
    name: str = "model",
    *,
    optimise: Optimise = "size",
    told: Sequence[str] = (),
) -> Source:
    """Return the C code of a program.

    Args:
        program: The steps.
        name: Prefix of everything that is exported, a C identifier.
        optimise: ``size``: one small function for each kernel; ``balanced``: a fast one for each;
            ``speed``: besides, one of its own for every step that is much of the work.
        told: Lines for the head of both files.
    """
    if optimise != "size":
        program = for_speed(program, own=optimise == "speed")
    plan = plan_memory(program)
    groups = groups_of(program)
    prefix = f"{name}_"
    constants = _Constants(prefix)
    functions = [_function(group, prefix, constants, fast=optimise != "size") for group in groups]
    called = {
        place: (group, step)
        for group in groups
        for place, step in group.steps
    }  # fmt: skip
    calls = [
        _call(*called[place], place, plan, prefix, program.scratch_slot(place))
        for place in sorted(called)
    ]
    structures = [_structure(group, prefix, constants) for group in groups if group.shared]
    templates = environment()
    needs = _helpers(set().union(*(needs for _, needs in functions)))
    values = {
        "name": name, "NAME": name.upper(), "p": prefix, "told": told, "plan": plan,
        "program": program, "constants": constants.lines, "structures": structures,
        "functions": [text for text, _ in functions],
        "helpers": templates.get_template("common.c.j2").render(
            p=prefix,
            needs=needs,
            narrow=all(s.largest < 1 << 30 for s in program.steps if not s.reduced),
        ),
        "calls": calls, "vectors": "vectors" in needs,
    }  # fmt: skip
    return Source(
        name,
        _header(name, plan, program, told, None),
        templates.get_template("model.c.j2").render(values),
        plan,
        program,
        tuple(told),
    )


@cache
def environment() -> jinja2.Environment:
    """Return what renders templates of C code, which it compiles once."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_KERNELS, _TEMPLATES]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the result is C
    )
    made.filters["c_float"] = _c_float
    return made


def _c_float(value: float) -> str:
    """Return a C literal that is exactly this single-precision number."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _function(
    group: Group, prefix: str, constants: _Constants, *, fast: bool
) -> tuple[str, set[str]]:
    """Return the text of a group's function, and the helpers that it calls."""
    kernel = KERNELS[group.kernel]
    needs = set(kernel.needs)
    rescale = prefix
    first = group.steps[0][1]
    wide_in, wide_out = (width == 2 for width in first.widths)
    if wide_out:
        needs = needs - {"clamped"} | {"clamped_wide"}

    def rescale_by(*names: str) -> str:
        """Return the helper that shifts to the right by what these numbers or arrays say."""
        chosen = "scaled" if min(_least_shifts(group, names)) >= 1 else "scaled_any"
        needs.add(chosen)
        return prefix + chosen

    if first.reduced:
        rescale = prefix + "scaled_wide"
        needs |= {"scaled_wide", "long"} if group.is_long else {"scaled_wide"}
    elif kernel.shifts and group.kernel != "add":
        rescale = rescale_by(*kernel.shifts)
    arrays = {
        key: f"l->{key}"
        if group.shared
        else constants.name_of(f"{group.name}_{key}", ctype, first.arrays[key])
        for key, ctype in group.arrays.items()
    }
    fields = {key: str(value) for key, value in group.constants.items()}
    fields |= {key: f"l->{key}" for key in group.fields}
    fields |= {key: f"l->{other}" for key, other in group.aliases.items()}
    flash = f"{prefix.upper()}FLASH"

    def factor(name: str) -> Callable[[str], str]:
        """Return what gives a filter's multiplier or shift: an element, or one number for all."""
        return lambda index: f"{arrays[name]}[{index}]" if name in arrays else fields[name]

    def finished(total: str, index: str | None) -> str:
        """Return a filter's sum as its output."""
        pair = (
            ("multiplier", "shift")
            if index is None
            else (factor("multiplier")(index), factor("shift")(index))
        )
        scaled = f"{rescale}({total}, {', '.join(pair)}) + {_signed(fields['out_zero'])}"
        return f"{prefix}clamped({scaled}, {_signed(fields['low'])}, {_signed(fields['high'])})"

    def finished_four(totals: str, multipliers: str, shifts: str) -> str:
        """Return four sums as their outputs, of vectors."""
        needs.add("four")
        zero, low, high = (_signed(fields[key]) for key in ("out_zero", "low", "high"))
        scaled = f"{rescale}_four({totals}, {multipliers}, {shifts})"
        return f"{prefix}clamped_four(vaddq_n_s32({scaled}, {zero}), {low}, {high})"

    shared = f"const {flash} struct {prefix}{group.name} *l, " if group.shared else ""
    values = {
        "name": prefix + group.name, "p": prefix, "layer": shared, "FLASH": flash,
        "f": {key: _signed(value) for key, value in fields.items()},
        "c": _Optional(group.constants), "a": arrays, "t": _Optional(group.arrays),
        "finished": finished, "finished_four": finished_four,
        "multiplier": factor("multiplier"), "shift": factor("shift"),
        "fast": fast, "need": needs.add, "tag": group.name, "rescale": rescale,
        "long": group.is_long,
        "rescale_by": rescale_by, "encoding": group.encoding, "whole_blocks": group.whole_blocks,
        "IN": "int16_t" if wide_in else "int8_t", "OUT": "int16_t" if wide_out else "int8_t",
        "most": LIMITS[_TYPES[first.widths[1]]][1],
        "clamped": prefix + ("clamped_wide" if wide_out else "clamped"),
        "VALUE": "(int32_t)*value" if wide_in else "*value",
    }  # fmt: skip
    text = environment().get_template(f"{group.kernel}.c.j2").render(values)
    if group.shared and kernel.hoists:
        text = _hoisted(text, {**group.fields, **_pointers(group, flash)})
    if first.cold:
        text = text.replace("static void ", f"static {prefix.upper()}SMALL void ")
        needs.add("small")
    return text, needs  # rendering adds to what is needed


def _pointers(group: Group, flash: str) -> dict[str, str]:
    return {key: f"{flash} {ctype} *const" for key, ctype in group.arrays.items()}


def _hoisted(text: str, types: Mapping[str, str]) -> str:
    """Return functions that read each field of their structure once, at the beginning.

    For all that a compiler knows, any byte that is written might be one of the structure's.
    """
    functions = []
    for function in re.split(r"(?=^static )", text, flags=re.MULTILINE):
        used = sorted(set(re.findall(r"\bl->(\w+)", function)))
        lines = [f"  const {types[name]} l_{name} = l->{name};\n" for name in used]
        head, brace, body = function.partition("{\n")
        if used and "#if" in body:  # what one branch uses, another may not
            lines.append("  " + ", ".join(f"(void)l_{name}" for name in used) + ";\n")
        functions.append(head + brace + "".join(lines) + body.replace("l->", "l_"))
    return "".join(functions)


class _Optional(dict[str, Any]):
    """What templates ask for by name; None for what is not there."""

    def __missing__(self, key: str) -> None:
        return None


def _signed(value: str) -> str:
    return f"({value})" if value.startswith("-") else value


def _least_shifts(group: Group, names: Sequence[str]) -> list[int]:
    return [
        int(np.min(_shifts(step.arrays[name], name))) if name in step.arrays else step.numbers[name]
        for _, step in group.steps
        for name in names
        if (name in step.arrays or name in step.numbers)
        and not (name == "terms" and "least_shift" in step.numbers)
    ]


def _shifts(values: Integers, name: str) -> Integers:
    """Return the shifts in an array: each third of the terms of filters."""
    return values[2::3] + 1 if name == "terms" else values


def _helpers(needs: set[str]) -> set[str]:
    calls = {
        "scaled": {"high_of_scaled"}, "scaled_any": {"high", "halved"}, "reciprocal": {"high"},
        "dsp": {"vectors"},
    }  # fmt: skip
    return needs.union(*(calls.get(need, set()) for need in needs))


def _structure(group: Group, prefix: str, constants: _Constants) -> str:
    """Return a group's structure and one constant of it for each step."""
    flash = f"const {prefix.upper()}FLASH"
    lines = [f"struct {prefix}{group.name} {{"]
    lines += [f"  {flash} {ctype} *{key};" for key, ctype in group.arrays.items()]
    lines += [f"  {ctype} {key};" for key, ctype in group.fields.items()]
    lines.append("};")
    for place, step in group.steps:
        parts = [
            constants.name_of(f"{group.name}_{key}_{place}", ctype, step.arrays[key])
            for key, ctype in group.arrays.items()
        ]
        parts += [str(value) for value in numbers_of(group, step).values()]
        name = f"{prefix}step_{place}"
        lines.append(f"static {flash} struct {prefix}{group.name} {name} = {{{', '.join(parts)}}};")
    return "\n".join(lines)


def _call(
    group: Group, step: Step, place: int, plan: Plan, prefix: str, scratch: int | None
) -> str:
    slots = [*step.inputs, step.output, *([] if scratch is None else [scratch])]
    widths = [*[step.widths[0]] * len(step.inputs), step.widths[1], 1]
    where = [
        _place(plan.offsets[slot], width, plan.alignment)
        for slot, width in zip(slots, widths, strict=False)
    ]
    first = [f"&{prefix}step_{place}"] if group.shared else []
    return f"{prefix}{group.name}({', '.join(first + where)});"


def _place(offset: int, width: int, alignment: int) -> str:
    """Return where an activation lies: the buffer is of bytes, or of 16-bit integers."""
    if width < alignment:
        return f"bytes + {offset}"
    return f"work + {offset // width}"


def _array(name: str, ctype: str, values: Integers) -> str:
    numbers = [str(int(value)) for value in values.ravel()]
    if ctype == "uint32_t":
        numbers = [f"{number}u" for number in numbers]
    if ctype == "int32_t":
        numbers = ["(-2147483647 - 1)" if n == "-2147483648" else n for n in numbers]
    rows = [
        "  " + ", ".join(numbers[i : i + _PER_LINE]) + ","
        for i in range(0, len(numbers), _PER_LINE)
    ]
    return f"static const @FLASH@ {ctype} {name}[{len(numbers)}] = {{\n" + "\n".join(rows) + "\n};"
